import { lazy, useCallback, useState, type ReactNode } from "react";
import { bestSoFar, counts, value, type Trial } from "../../lib/study";
import type { Palette } from "../../parts/echart";
import { Choice, GRID, Later, axis, type Properties } from "./common";
import { Advice } from "./advice";
import { short } from "../../lib/format";
import { Copy, Figure } from "../../parts/basic";
import { parameter, useOpenTrial } from "./trials";

const EChart = lazy(() => import("../../parts/echart"));

/** Every trial and the best so far. */
export function History({ study, trials }: Properties): ReactNode {
  const metrics = Object.keys(study.objectives);
  const [metric, setMetric] = useState(metrics[0] ?? "");
  const [log, setLog] = useState(false);
  const open = useOpenTrial();
  const goal = study.objectives[metric] ?? "min";
  const option = useCallback(
    (palette: Palette) => {
      const best = bestSoFar(trials, metric, goal);
      const points = (keep: (trial: Trial) => boolean): unknown[] =>
        trials.filter((trial) => keep(trial) && Number.isFinite(value(trial, metric))).map((trial) => ({ id: trial.number, value: [trial.number, value(trial, metric)] }));
      return {
        grid: GRID,
        legend: { type: "scroll", textStyle: { color: palette.text }, top: 0 },
        xAxis: axis(palette, "trial", { type: "value", minInterval: 1 }),
        yAxis: axis(palette, metric, { type: log ? "log" : "value", nameGap: 60 }),
        series: [
          { name: "best so far", type: "line", step: "end", showSymbol: false, data: trials.map((trial, k) => [trial.number, best[k]]).filter((pair) => Number.isFinite(pair[1])), itemStyle: { color: palette.series[1] }, lineStyle: { width: 2 } },
          { name: "feasible", type: "scatter", symbolSize: 7, data: points(counts), itemStyle: { color: palette.series[0] } },
          { name: "infeasible or stopped", type: "scatter", symbol: "triangle", symbolSize: 8, data: points((trial) => !counts(trial)), itemStyle: { color: palette.series[4] } },
        ],
      };
    },
    [trials, metric, goal, log],
  );
  if (trials.length === 0) return <p className="empty tall">No trial yet. Evaluators ask for them, or ask for one by hand.</p>;
  return (
    <>
      <div className="row">
        <Choice label="Objective" options={metrics} chosen={metric} choose={setMetric} />
        <label className="check">
          <input type="checkbox" checked={log} onChange={(event) => setLog(event.target.checked)} /> logarithmic
        </label>
      </div>
      <Later>
        <EChart
          title={`History of ${metric}`}
          option={option}
          onClick={open}
          table={() => ({ columns: ["trial", "state", metric], rows: trials.map((trial) => [trial.number, trial.state, value(trial, metric)]) })}
        />
      </Later>
      <Best study={study} trials={trials} metric={metric} open={open} />
      <Advice study={study} trials={trials} />
    </>
  );
}


/** The best trial as one would copy it. */
function Best({ study, trials, metric, open }: Properties & { metric: string; open: (trial: number) => void }): ReactNode {
  const goal = study.objectives[metric] ?? "min";
  const best = trials
    .filter((trial) => counts(trial) && Number.isFinite(value(trial, metric)))
    .reduce<Trial | null>((a, b) => (a === null || (goal === "min" ? value(b, metric) < value(a, metric) : value(b, metric) > value(a, metric)) ? b : a), null);
  if (best === null) return null;
  return (
    <section className="card" aria-label="Best trial">
      <div className="row between">
        <h3>
          Best {metric}: {short(value(best, metric))}
        </h3>
        <span className="row">
          <button type="button" className="small" onClick={() => open(best.number)}>
            Trial {best.number}
          </button>
          <Copy text={JSON.stringify(best.params, null, 1)} label="Copy its point" />
        </span>
      </div>
      <dl className="figures">
        {Object.entries(best.params).map(([name, found]) => (
          <Figure key={name} name={name}>
            {parameter(found)}
          </Figure>
        ))}
      </dl>
    </section>
  );
}
