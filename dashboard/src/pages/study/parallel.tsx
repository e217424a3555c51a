import { lazy, useCallback, useMemo, useState, type ReactNode } from "react";
import { numeric, value } from "../../lib/study";
import type { Palette } from "../../parts/echart";
import { Choice, Later, parameterOf, type Properties } from "./common";

const EChart = lazy(() => import("../../parts/echart"));

/** All parameters and objectives at once, coloured by the first objective. */
export function Parallel({ study, trials }: Properties): ReactNode {
  const metrics = Object.keys(study.objectives);
  const [metric, setMetric] = useState(metrics[0] ?? "");
  const good = useMemo(() => trials.filter((trial) => trial.values && Number.isFinite(value(trial, metric))).slice(-2000), [trials, metric]);
  const option = useCallback(
    (palette: Palette) => {
      const names = [...Object.keys(study.space), ...metrics];
      const values = good.map((trial) => value(trial, metric));
      return {
        parallel: { left: 60, right: 90, top: 50, bottom: 30 },
        parallelAxis: names.map((name, dim) => {
          const parameter = parameterOf(study, name);
          const common = { dim, name, nameTextStyle: { color: palette.text }, axisLabel: { color: palette.quiet }, axisLine: { lineStyle: { color: palette.quiet } } };
          if (parameter && !numeric(parameter)) return { ...common, type: "category", data: (parameter.choices ?? []).map(String) };
          return { ...common, type: parameter?.log ? "log" : "value", scale: true };
        }),
        visualMap: {
          dimension: names.indexOf(metric),
          min: Math.min(...values),
          max: Math.max(...values),
          calculable: true,
          right: 0,
          top: "middle",
          precision: 3,
          textStyle: { color: palette.quiet },
          inRange: { color: study.objectives[metric] === "max" ? [...VIRIDIS] : [...VIRIDIS].reverse() },
        },
        series: [
          {
            type: "parallel",
            lineStyle: { width: 1.5, opacity: 0.6 },
            data: good.map((trial) => names.map((name) => (name in study.space ? cell(trial.params[name]) : value(trial, name)))),
          },
        ],
      };
    },
    [good, metric, study, metrics],
  );
  if (good.length === 0) return <p className="empty tall">There is nothing to draw before the first trial has values.</p>;
  return (
    <>
      <Choice label="Colour" options={metrics} chosen={metric} choose={setMetric} />
      <Later>
        <EChart title="Parallel coordinates; the brightest lines are the best" option={option} height={420} table={() => ({
            columns: ["trial", ...Object.keys(study.space), ...metrics],
            rows: good.map((trial) => [trial.number, ...Object.keys(study.space).map((name) => trial.params[name]), ...metrics.map((name) => value(trial, name))]),
          })} />
      </Later>
    </>
  );
}

/** Perceptually even and safe for colour-blind eyes (viridis, by Smith and van der Walt). */
const VIRIDIS = ["#440154", "#3b528b", "#21918c", "#5ec962", "#fde725"];

export function cell(found: unknown): string | number {
  return typeof found === "number" ? found : found === undefined ? "-" : String(found);
}

