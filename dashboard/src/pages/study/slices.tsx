import { lazy, useCallback, useState, type ReactNode } from "react";
import { counts, numeric, value, type Trial } from "../../lib/study";
import type { Palette } from "../../parts/echart";
import { Choice, ENOUGH, GRID, Later, axis, parameterOf, useAnalysis, type Properties } from "./common";
import { cell } from "./parallel";
import { useOpenTrial } from "./trials";

const EChart = lazy(() => import("../../parts/echart"));

/** One parameter against one objective: the trials, and what the model expects with how sure it is. */
export function Slices({ study, trials }: Properties): ReactNode {
  const names = Object.keys(study.space);
  const metrics = Object.keys(study.objectives);
  const [metric, setMetric] = useState(metrics[0] ?? "");
  const [name, setName] = useState(names[0] ?? "");
  const [model, setModel] = useState(true);
  const parameter = parameterOf(study, name);
  const open = useOpenTrial();
  const query = new URLSearchParams({ parameter: name, objective: metric });
  const found = useAnalysis(study, `marginals?${query}`, model && trials.filter(counts).length >= ENOUGH);
  const marginal = model ? found.data?.marginals?.[0] : undefined;
  const option = useCallback(
    (palette: Palette) => {
      const known = trials.filter((trial) => trial.params[name] !== undefined && Number.isFinite(value(trial, metric)));
      const points = (keep: (trial: Trial) => boolean): unknown[] => known.filter(keep).map((trial) => ({ id: trial.number, value: [cell(trial.params[name]), value(trial, metric), trial.number] }));
      const numbers = parameter === undefined || numeric(parameter);
      const at = (k: number): number | string => cell(marginal?.values[k]);
      const band = (shift: number): unknown[] => (marginal?.mean ?? []).map((mean, k) => [at(k), mean + shift * (marginal?.std[k] ?? 0)]);
      const line = { type: "line", showSymbol: false, silent: true };
      const expected = numbers
        ? [
            { ...line, name: "lower", stack: "band", stackStrategy: "all", lineStyle: { opacity: 0 }, data: band(-2), tooltip: { show: false } },
            {
              ...line,
              name: "± 2 standard deviations",
              stack: "band",
              stackStrategy: "all",
              lineStyle: { opacity: 0 },
              itemStyle: { color: palette.series[2] },
              areaStyle: { color: palette.series[2], opacity: 0.22 },
              data: (marginal?.mean ?? []).map((_, k) => [at(k), 4 * (marginal?.std[k] ?? 0)]),
            },
            { ...line, name: "expected by the model", lineStyle: { width: 2, color: palette.series[2] }, itemStyle: { color: palette.series[2] }, data: band(0) },
          ]
        : [
            { type: "scatter", name: "expected by the model", symbol: "rect", symbolSize: [46, 3], itemStyle: { color: palette.series[2] }, data: band(0) },
            { type: "scatter", name: "± 2 standard deviations", symbol: "rect", symbolSize: [26, 2], itemStyle: { color: palette.series[2], opacity: 0.6 }, data: [...band(-2), ...band(2)] },
          ];
      return {
        grid: { ...GRID, top: 36 },
        legend: { type: "scroll", textStyle: { color: palette.text }, top: 0, data: [...(marginal ? ["expected by the model", "± 2 standard deviations"] : []), "feasible", "infeasible or stopped"] },
        xAxis: axis(palette, name, numbers ? { type: parameter?.log ? "log" : "value", min: parameter?.low, max: parameter?.high } : { type: "category", data: (parameter?.choices ?? []).map(String) }),
        yAxis: axis(palette, metric, { type: "value", nameGap: 60 }),
        series: [
          ...(marginal ? expected : []),
          { name: "feasible", type: "scatter", symbolSize: 8, data: points(counts), itemStyle: { color: palette.series[0], opacity: 0.8 } },
          { name: "infeasible or stopped", type: "scatter", symbol: "triangle", symbolSize: 8, data: points((trial) => !counts(trial)), itemStyle: { color: palette.series[4] } },
        ],
      };
    },
    [trials, name, metric, parameter, marginal],
  );
  return (
    <>
      <div className="row">
        <Choice label="Parameter" options={names} chosen={name} choose={setName} />
        <Choice label="Objective" options={metrics} chosen={metric} choose={setMetric} />
        <label className="check" title="Averaged over all other parameters">
          <input type="checkbox" checked={model} onChange={(event) => setModel(event.target.checked)} /> what the model expects
        </label>
        <span className="quiet" role="status">
          {model && found.isFetching ? "a worker asks the model…" : model && found.error ? found.error.message : (found.data?.message ?? "")}
        </span>
      </div>
      <Later>
        <EChart
          title={`${metric} over ${name}`}
          option={option}
          onClick={open}
          table={() =>
            marginal
              ? { columns: [name, "expected", "standard deviation"], rows: marginal.values.map((at, k) => [at, marginal.mean[k], marginal.std[k]]) }
              : { columns: ["trial", name, metric], rows: trials.map((trial) => [trial.number, trial.params[name], value(trial, metric)]) }
          }
        />
      </Later>
    </>
  );
}
