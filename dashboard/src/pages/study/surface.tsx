import { useState, type ReactNode } from "react";
import { counts, value } from "../../lib/study";
import { Failure, Loading } from "../../parts/basic";
import { SurfaceMap, type Dot } from "../../parts/surface";
import { Choice, ENOUGH, useAnalysis, type Properties } from "./common";

/** What the model expects over two parameters, and beside it how sure it is. */
export function Surface({ study, trials }: Properties): ReactNode {
  const names = Object.keys(study.space);
  const metrics = Object.keys(study.objectives);
  const [metric, setMetric] = useState(metrics[0] ?? "");
  const [x, setX] = useState(names[0] ?? "");
  const [y, setY] = useState(names[1] ?? "");
  const enough = trials.filter(counts).length >= ENOUGH;
  const query = new URLSearchParams({ x, y, objective: metric, grid: "40" });
  const found = useAnalysis(study, `contour?${query}`, enough && x !== y);
  if (!enough) return <p className="empty tall">The surface appears with {ENOUGH} feasible trials.</p>;
  const contour = found.data?.contour;
  const dots = trials
    .filter((trial) => Number.isFinite(value(trial, metric)))
    .map((trial): Dot => ({ x: trial.params[x] as Dot["x"], y: trial.params[y] as Dot["y"], label: `trial ${trial.number}: ${value(trial, metric).toPrecision(5)}`, good: counts(trial) }));
  return (
    <>
      <div className="row">
        <Choice label="Across" options={names} chosen={x} choose={setX} />
        <Choice label="Up" options={names} chosen={y} choose={setY} />
        <Choice label="Objective" options={metrics} chosen={metric} choose={setMetric} />
        <span className="quiet" role="status">
          {found.isFetching ? "a worker asks the model…" : (found.data?.message ?? "")}
        </span>
      </div>
      {x === y ? (
        <p className="empty tall">Choose two different parameters.</p>
      ) : found.error ? (
        <Failure error={found.error} retry={() => void found.refetch()} />
      ) : found.data?.message && !contour ? (
        <p className="empty tall">{found.data.message}</p>
      ) : !contour ? (
        <Loading lines={10} />
      ) : (
        <div className="columns">
          <SurfaceMap title={`${metric} expected by the model`} axes={[x, y]} values={contour.values} grid={contour.mean} dots={dots} reversed={study.objectives[metric] === "min"} />
          <SurfaceMap title="Standard deviation: how unsure it is" axes={[x, y]} values={contour.values} grid={contour.std} dots={dots} />
        </div>
      )}
      <p className="quiet">All other parameters are averaged over. Dots are trials; crosses those that are infeasible or were stopped.</p>
    </>
  );
}
