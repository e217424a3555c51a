import { useQueries } from "@tanstack/react-query";
import { useMemo, useState, type FormEvent, type ReactNode } from "react";
import { Link, useSearchParams } from "wouter";
import type { Job } from "../api/client";
import { useAnswer, useHistory, useJob, useJobs, useProblem } from "../api/hooks";
import { difference, type Change } from "../lib/compare";
import { variables } from "../lib/answer";
import { number, percent, plural, seconds, short } from "../lib/format";
import { overlay, points } from "../lib/series";
import { Failure, JobLink, Loading, State, usePageTitle } from "../parts/basic";
import { Chart, type Curve } from "../parts/chart";

const MOST = 4;

/** Runs side by side: curves over one time, figures, options, and where the answers differ. */
export default function ComparePage(): ReactNode {
  usePageTitle("Compare");
  const [search, setSearch] = useSearchParams();
  const ids = search.getAll("job").filter(Boolean).slice(0, MOST);
  const change = (after: readonly string[]): void => setSearch(after.map((id): [string, string] => ["job", id]));
  return (
    <>
      <h1>Compare runs</h1>
      <Chooser ids={ids} change={change} />
      {ids.length < 2 ? <p className="empty">Choose {ids.length ? "one more job" : "two jobs"} to compare.</p> : <Comparison key={ids.join()} ids={ids} />}
    </>
  );
}

function Chooser({ ids, change }: { ids: readonly string[]; change: (ids: readonly string[]) => void }): ReactNode {
  const [text, setText] = useState("");
  const recent = useJobs({ page_size: 50 });
  const others = (recent.data?.jobs ?? []).filter((job) => !ids.includes(job.id) && job.task === "solve");
  const add = (event: FormEvent): void => {
    event.preventDefault();
    const id = /job_[0-7][0-9a-z]{25}/.exec(text)?.[0];
    if (id) change([...ids, id]);
    setText("");
  };
  return (
    <div className="row">
      {ids.map((id, k) => (
        <span key={id} className="chip">
          <span className={`swatch series-${k + 1}`} aria-hidden="true" /> <Name id={id} />{" "}
          <button type="button" className="plain" aria-label={`Leave out ${id}`} onClick={() => change(ids.filter((known) => known !== id))}>
            ✕
          </button>
        </span>
      ))}
      {ids.length < MOST && (
        <form onSubmit={add} className="row">
          <label>
            <span className="hidden">Add a job</span>
            <select value="" onChange={(event) => event.target.value && change([...ids, event.target.value])}>
              <option value="">Add a recent job…</option>
              {others.map((job) => (
                <option key={job.id} value={job.id}>
                  {job.name || job.id} · {job.summary?.engine || job.engine} · {job.state}
                </option>
              ))}
            </select>
          </label>
          <label>
            <span className="hidden">Or its id</span>
            <input value={text} placeholder="or job_…" onChange={(event) => setText(event.target.value)} />
          </label>
        </form>
      )}
    </div>
  );
}

function Name({ id }: { id: string }): ReactNode {
  const job = useJob(id);
  return job.data ? <JobLink job={job.data} /> : <code>{id}</code>;
}

function Comparison({ ids }: { ids: readonly string[] }): ReactNode {
  return (
    <>
      <Overlaid ids={ids} />
      <Figures ids={ids} />
      {ids.slice(1).map((id) => (
        <Differences key={id} first={ids[0] ?? ""} second={id} />
      ))}
    </>
  );
}

type Show = "gap" | "objective" | "bound";

function Overlaid({ ids }: { ids: readonly string[] }): ReactNode {
  // the number of hooks is that of the chooser's slots, always
  const histories = [useHistory(ids[0] ?? null), useHistory(ids[1] ?? null), useHistory(ids[2] ?? null), useHistory(ids[3] ?? null)];
  const jobs = [useJob(ids[0] ?? ""), useJob(ids[1] ?? ""), useJob(ids[2] ?? ids[0] ?? ""), useJob(ids[3] ?? ids[0] ?? "")];
  const [show, setShow] = useState<Show>("gap");
  const [logTime, setLogTime] = useState(false);
  const all = histories.slice(0, ids.length).map((history) => history.events);
  const found = useMemo(() => all.map(points), all); // eslint-disable-line
  const [times, curves] = useMemo(() => {
    const [t, ...values] = overlay(found.map((run) => ({ t: run.map((point) => point.t), y: run.map((point) => point[show]) })));
    const names = found.map((_, k): Curve => ({
      name: `${k + 1}. ${jobs[k]?.data?.name || jobs[k]?.data?.id.slice(-6) || ""} ${jobs[k]?.data?.summary?.engine ?? ""}`.trim(),
      values: (values[k] ?? []).map((value) => value ?? NaN),
      colour: k + 1,
      dashed: k % 2 === 1,
    }));
    return [t, names] as const;
  }, [found, show, jobs[0]?.data?.name, jobs[1]?.data?.name]);
  return (
    <>
      <div className="row">
        {(["gap", "objective", "bound"] as const).map((name) => (
          <button key={name} type="button" className="chip" aria-pressed={show === name} onClick={() => setShow(name)}>
            {name}
          </button>
        ))}
        <label className="check">
          <input type="checkbox" checked={logTime} onChange={(event) => setLogTime(event.target.checked)} /> logarithmic time
        </label>
      </div>
      {times.length > 0 ? (
        <Chart title={`${show} over time`} times={times} curves={curves} steps logX={logTime} logY={show === "gap"} format={show === "gap" ? percent : undefined} />
      ) : (
        <p className="empty tall">None of them told of progress: they were done at once.</p>
      )}
    </>
  );
}

function Figures({ ids }: { ids: readonly string[] }): ReactNode {
  const jobs = [useJob(ids[0] ?? ""), useJob(ids[1] ?? ""), useJob(ids[2] ?? ids[0] ?? ""), useJob(ids[3] ?? ids[0] ?? "")].slice(0, ids.length);
  const problems = [useProblem(ids[0] ?? null), useProblem(ids[1] ?? null), useProblem(ids[2] ?? null), useProblem(ids[3] ?? null)].slice(0, ids.length);
  const failed = jobs.find((job) => job.error);
  if (failed?.error) return <Failure error={failed.error} />;
  if (jobs.some((job) => !job.data)) return <Loading lines={6} />;
  const options = [...new Set(problems.flatMap((problem) => Object.keys(problem.data?.options ?? {})))].sort();
  const rows: [string, (job: Job, k: number) => ReactNode][] = [
    ["State", (job) => <State job={job} />],
    ["Status", (job) => job.summary?.status ?? "–"],
    ["Objective", (job) => number(job.summary?.objective)],
    ["Bound", (job) => number(job.summary?.bound)],
    ["Gap", (job) => percent(job.summary?.gap)],
    ["Certificate", (job) => (job.summary?.proved ? "✓ proved" : job.summary?.verified ? "✓ verified" : "–")],
    ["Engine", (job) => job.summary?.engine || job.engine],
    ["Time in the engine", (job) => seconds(job.summary?.seconds)],
    ...options.map((name): [string, (job: Job, k: number) => ReactNode] => [
      `option ${name}`,
      (_, k) => {
        const value = problems[k]?.data?.options[name];
        return value == null ? "default" : typeof value === "object" ? JSON.stringify(value) : String(value);
      },
    ]),
  ];
  return (
    <div className="scroll" tabIndex={0} role="region" aria-label="Figures">
      <table>
        <thead>
          <tr>
            <td />
            {jobs.map((job, k) => (
              <th scope="col" key={k}>
                <span className={`swatch series-${k + 1}`} aria-hidden="true" /> {k + 1}. {job.data && <JobLink job={job.data} />}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(([name, make]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              {jobs.map((job, k) => (
                <td key={k}>{job.data && make(job.data, k)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Differences({ first, second }: { first: string; second: string }): ReactNode {
  const jobs = [useJob(first).data, useJob(second).data];
  const answers = [useAnswer(jobs[0]).data, useAnswer(jobs[1]).data];
  const [pair] = useQueries({
    queries: [
      {
        queryKey: ["difference", first, second],
        enabled: answers.every((answer) => answer !== undefined),
        staleTime: Infinity,
        queryFn: async () => {
          const [a, b] = await Promise.all(answers.map((answer) => (answer ? variables(answer) : null)));
          return a && b ? difference(a, b) : null;
        },
      },
    ],
  });
  if (pair?.error) return <Failure error={pair.error} />;
  if (!pair?.data) return null;
  const { changes, count, compared, alone } = pair.data;
  return (
    <section>
      <h2>
        Answers: {jobs[0]?.name || shortName(first)} and {jobs[1]?.name || shortName(second)}
      </h2>
      {alone > 0 && <p className="quiet">{plural(alone, "variable is", "variables are")} in one of them only.</p>}
      {count === 0 ? (
        <p>All {plural(compared, "common variable")} have the same values (within 1e-6 of their size).</p>
      ) : (
        <>
          <p>
            {number(count)} of {plural(compared, "common variable")} differ; the largest differences:
          </p>
          <div className="scroll" tabIndex={0} role="region" aria-label="Differences">
            <table className="numbers">
              <thead>
                <tr>
                  <th scope="col">Variable</th>
                  <th scope="col" className="number">
                    first
                  </th>
                  <th scope="col" className="number">
                    other
                  </th>
                  <th scope="col" className="number">
                    difference
                  </th>
                </tr>
              </thead>
              <tbody>
                {changes.map((change: Change) => (
                  <tr key={change.name}>
                    <th scope="row">{change.name}</th>
                    <td className="number">{short(change.first)}</td>
                    <td className="number">{short(change.second)}</td>
                    <td className="number">{short(change.second - change.first)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </>
      )}
    </section>
  );
}

function shortName(id: string): ReactNode {
  return <Link href={`/jobs/${id}`}>{id.slice(-6)}</Link>;
}
