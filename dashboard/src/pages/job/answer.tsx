import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useSearchParams } from "wouter";
import type { Job, ProgramAnswer } from "../../api/client";
import { constraints, variables } from "../../lib/answer";
import { save } from "../../lib/download";
import { number, words } from "../../lib/format";
import { Failure, Loading, Tabs, type Tab } from "../../parts/basic";
import { DataTable } from "../../parts/data-table";

/** Variables and constraints, however many, and everything else that the engine found. */
export function AnswerTab({ job, answer }: { job: Job; answer: ProgramAnswer }): ReactNode {
  const [search, setSearch] = useSearchParams();
  const tables = useQuery({
    queryKey: ["tables", job.id],
    staleTime: Infinity,
    gcTime: 60_000,
    queryFn: async () => ({ variables: await variables(answer), constraints: await constraints(answer) }),
  });
  if (tables.error) return <Failure error={tables.error} retry={() => void tables.refetch()} />;
  if (!tables.data) return <Loading lines={10} />;
  const { variables: x, constraints: c } = tables.data;
  const tabs: Tab[] = [];
  if (x) tabs.push({ id: "variables", title: `Variables ${number(x.names.length)}`, content: () => <DataTable table={x} title="variable" prefix="x." file={`${job.id}-variables`} /> });
  if (c) tabs.push({ id: "constraints", title: `Constraints ${number(c.names.length)}`, content: () => <DataTable table={c} title="constraint" prefix="c." file={`${job.id}-constraints`} /> });
  if ((answer.pool ?? []).length > 0) tabs.push({ id: "pool", title: `Pool ${answer.pool?.length}`, content: () => <Pool answer={answer} /> });
  if ((answer.scenarios ?? []).length > 0) tabs.push({ id: "scenarios", title: `Scenarios ${answer.scenarios?.length}`, content: () => <Scenarios answer={answer} /> });
  tabs.push({ id: "statistics", title: "Statistics", content: () => <Statistics answer={answer} /> });
  return (
    <>
      <p>
        {answer.message || `Status ${answer.status}.`} {answer.limit && `It ended by a limit: ${words(answer.limit).toLowerCase()}.`}{" "}
        {answer.why && <span className="quiet">Engine {answer.engine} {answer.engine_version}: {answer.why}</span>}{" "}
        <button type="button" className="small" onClick={() => save([JSON.stringify(answer, null, 1)], `${job.id}-answer.json`, "application/json")}>
          Whole answer (JSON)
        </button>
      </p>
      <Tabs
        label="Parts of the answer"
        tabs={tabs}
        chosen={search.get("part") ?? ""}
        choose={(part) =>
          setSearch((before) => {
            const after = new URLSearchParams(before);
            after.set("part", part);
            return after;
          }, { replace: true })
        }
      />
    </>
  );
}

function Pool({ answer }: { answer: ProgramAnswer }): ReactNode {
  return (
    <table className="numbers">
      <thead>
        <tr>
          <th scope="col">Rank</th>
          <th scope="col" className="number">
            Objective
          </th>
        </tr>
      </thead>
      <tbody>
        {(answer.pool ?? []).slice(0, 200).map((point, k) => (
          <tr key={k}>
            <td>{k + 1}</td>
            <td className="number">{number(point.objective)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Scenarios({ answer }: { answer: ProgramAnswer }): ReactNode {
  const scenarios = answer.scenarios ?? [];
  return (
    <div className="scroll" tabIndex={0} role="region" aria-label="Scenarios">
      <table className="numbers">
        <thead>
          <tr>
            <th scope="col">No.</th>
            <th scope="col">Name</th>
            <th scope="col">Status</th>
            <th scope="col" className="number">
              Objective
            </th>
            <th scope="col">Certified</th>
          </tr>
        </thead>
        <tbody>
          {scenarios.slice(0, 1000).map((scenario, k) => (
            <tr key={k}>
              <td>{k}</td>
              <th scope="row">{scenario.name}</th>
              <td>{scenario.status}</td>
              <td className="number">{number(scenario.objective)}</td>
              <td>{scenario.certified ? "✓ yes" : "no"}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {scenarios.length > 1000 && <p className="quiet">The first 1000 of {number(scenarios.length)}; the JSON has all.</p>}
    </div>
  );
}

function Statistics({ answer }: { answer: ProgramAnswer }): ReactNode {
  const entries = Object.entries(answer.statistics ?? {});
  return entries.length === 0 ? (
    <p className="empty">The engine counted nothing.</p>
  ) : (
    <table className="numbers">
      <tbody>
        {entries.map(([name, value]) => (
          <tr key={name}>
            <th scope="row">{words(name)}</th>
            <td className="number">{typeof value === "number" ? number(value) : typeof value === "object" ? JSON.stringify(value) : String(value)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
