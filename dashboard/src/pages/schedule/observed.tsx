import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { useSearchParams } from "wouter";
import { call } from "../../api/client";
import { number, plural } from "../../lib/format";
import { overlay } from "../../lib/series";
import { Failure, Loading } from "../../parts/basic";
import { Chart, type Curve } from "../../parts/chart";

const QUANTITIES: Record<string, string> = {
  norm: "Gradient norm",
  norm1: "Gradient norm (l1)",
  variance: "Gradient variance",
  orthogonal: "Orthogonality",
  loss: "Loss",
  score: "Score",
  batch: "Batch",
  value: "Value used",
};

interface Seen {
  stretch: number;
  runs: { number: number; version: number; state: string; count: number; cells: { step: number; median: number; low: number; high: number }[] }[];
}

/** What runs saw on their way, over each other; thinned by the server to the median of each stretch. */
export function Observed({ id }: { id: string }): ReactNode {
  const [search, setSearch] = useSearchParams();
  const [log, setLog] = useState(true);
  const [spread, setSpread] = useState(false);
  const of = search.get("of") ?? "norm";
  const found = useQuery({
    queryKey: ["observed", id, of],
    refetchInterval: 5000,
    placeholderData: keepPreviousData,
    queryFn: async ({ signal }) => (await (await call(`/v1/schedules/${id}/observations?of=${of}`, { signal })).json()) as Seen,
  });
  const runs = (found.data?.runs ?? []).filter((run) => run.cells.length > 0);
  const lines = runs.flatMap((run, k): { t: number[]; y: number[]; curve: Omit<Curve, "values"> }[] => {
    const colour = (k % 7) + 1;
    const t = run.cells.map((cell) => cell.step);
    const name = `run ${run.number} (version ${run.version})`;
    const median = { t, y: run.cells.map((cell) => cell.median), curve: { name, colour, dashed: run.state === "failed" } };
    return spread && found.data && found.data.stretch > 1
      ? [median, ...(["low", "high"] as const).map((side) => ({ t, y: run.cells.map((cell) => cell[side]), curve: { name: `${name} ${side}`, colour, dashed: true } }))]
      : [median];
  });
  const [steps, ...values] = overlay(lines);
  return (
    <section aria-labelledby="observed">
      <h2 id="observed">What runs saw</h2>
      <div className="row">
        <label>
          Quantity
          <select
            value={of}
            onChange={(event) =>
              setSearch(
                (before) => {
                  const after = new URLSearchParams(before);
                  after.set("of", event.target.value);
                  return after;
                },
                { replace: true },
              )
            }
          >
            {Object.entries(QUANTITIES).map(([name, title]) => (
              <option key={name} value={name}>
                {title}
              </option>
            ))}
          </select>
        </label>
        <label className="check">
          <input type="checkbox" checked={log} onChange={(event) => setLog(event.target.checked)} /> logarithmic
        </label>
        <label className="check">
          <input type="checkbox" checked={spread} onChange={(event) => setSpread(event.target.checked)} /> lowest and highest
        </label>
        <span className="quiet">
          {plural(
            runs.reduce((sum, run) => sum + run.count, 0),
            "observation",
          )}
          {found.data && found.data.stretch > 1 && `, medians of ${number(found.data.stretch)} steps`}
        </span>
      </div>
      {found.error && <Failure error={found.error} retry={() => void found.refetch()} />}
      {found.isPending && (
        <div className="chart-to-come">
          <Loading lines={6} />
        </div>
      )}
      {found.data && runs.length === 0 && <p className="empty">No run told of its {(QUANTITIES[of] ?? of).toLowerCase()}.</p>}
      {runs.length > 0 && (
        <Chart
          title={`${QUANTITIES[of] ?? of} by step, of ${plural(runs.length, "run")}`}
          times={steps}
          xLabel="step"
          logY={log}
          height={260}
          curves={lines.map((line, k) => ({ ...line.curve, values: (values[k] ?? []).map((value) => value ?? NaN) }))}
        />
      )}
    </section>
  );
}
