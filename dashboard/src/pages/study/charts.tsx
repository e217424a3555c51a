import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useCallback, useMemo, useState, type ReactNode } from "react";
import { call } from "../../api/client";
import { number, percent, short } from "../../lib/format";
import { bestSoFar, counts, dominates, numeric, value, type Study, type Trial } from "../../lib/study";
import { Failure, Loading } from "../../parts/basic";
import type { Palette } from "../../parts/echart";
import { TrialTable } from "./trials";

const EChart = lazy(() => import("../../parts/echart"));

interface Analysis {
  importance?: Record<string, Record<string, number>> | null;
  message?: string;
}

interface Properties {
  study: Study;
  trials: readonly Trial[];
}

function Later({ children }: { children: ReactNode }): ReactNode {
  return <Suspense fallback={<Loading lines={8} />}>{children}</Suspense>;
}

function Choice({ label, options, chosen, choose }: { label: string; options: readonly string[]; chosen: string; choose: (name: string) => void }): ReactNode {
  if (options.length < 2) return null;
  return (
    <label>
      {label}
      <select value={chosen} onChange={(event) => choose(event.target.value)}>
        {options.map((name) => (
          <option key={name}>{name}</option>
        ))}
      </select>
    </label>
  );
}

function style(palette: Palette, name: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    name,
    nameLocation: "middle",
    nameGap: 30,
    scale: true,
    axisLine: { lineStyle: { color: palette.quiet } },
    axisLabel: { color: palette.quiet },
    nameTextStyle: { color: palette.quiet },
    splitLine: { lineStyle: { color: palette.line } },
    ...more,
  };
}

const GRID = { left: 80, right: 24, top: 24, bottom: 56 };

/** Every trial and the best so far. */
export function History({ study, trials }: Properties): ReactNode {
  const metrics = Object.keys(study.objectives);
  const [metric, setMetric] = useState(metrics[0] ?? "");
  const [log, setLog] = useState(false);
  const goal = study.objectives[metric] ?? "min";
  const option = useCallback(
    (palette: Palette) => {
      const best = bestSoFar(trials, metric, goal);
      const points = (keep: (trial: Trial) => boolean): number[][] =>
        trials.filter((trial) => keep(trial) && Number.isFinite(value(trial, metric))).map((trial) => [trial.number, value(trial, metric)]);
      return {
        grid: GRID,
        legend: { textStyle: { color: palette.text }, top: 0 },
        xAxis: style(palette, "trial", { type: "value", minInterval: 1 }),
        yAxis: style(palette, metric, { type: log ? "log" : "value", nameGap: 60 }),
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
        <EChart title={`History of ${metric}`} option={option} />
      </Later>
    </>
  );
}

/** Two objectives against each other; what is brushed is listed below. */
export function Front({ study, trials }: Properties): ReactNode {
  const metrics = Object.keys(study.objectives);
  const [x, setX] = useState(metrics[0] ?? "");
  const [y, setY] = useState(metrics[1] ?? "");
  const [brushed, setBrushed] = useState<readonly number[]>([]);
  const good = useMemo(() => trials.filter(counts), [trials]);
  const front = useMemo(() => good.filter((trial) => !good.some((other) => dominates(other, trial, study.objectives))), [good, study.objectives]);
  const option = useCallback(
    (palette: Palette) => ({
      grid: GRID,
      legend: { textStyle: { color: palette.text }, top: 0 },
      brush: { toolbox: ["rect", "polygon", "clear"], throttleType: "debounce", throttleDelay: 150, seriesIndex: 0 },
      toolbox: { iconStyle: { borderColor: palette.quiet }, right: 0 },
      xAxis: style(palette, `${x} (${study.objectives[x]})`, { type: "value" }),
      yAxis: style(palette, `${y} (${study.objectives[y]})`, { type: "value", nameGap: 60 }),
      series: [
        { name: "front", type: "scatter", symbol: "diamond", symbolSize: 12, data: front.map((trial) => [value(trial, x), value(trial, y), trial.number]), itemStyle: { color: palette.series[1] } },
        { name: "other feasible trials", type: "scatter", symbolSize: 6, data: good.filter((trial) => !front.includes(trial)).map((trial) => [value(trial, x), value(trial, y), trial.number]), itemStyle: { color: palette.series[0], opacity: 0.6 } },
      ],
    }),
    [front, good, x, y, study.objectives],
  );
  if (good.length === 0) return <p className="empty tall">The front appears with the first feasible trial.</p>;
  const shown = brushed.length ? front.filter((_, k) => brushed.includes(k)) : front;
  return (
    <>
      <div className="row">
        {metrics.length > 2 && (
          <>
            <Choice label="Across" options={metrics} chosen={x} choose={setX} />
            <Choice label="Up" options={metrics} chosen={y} choose={setY} />
          </>
        )}
        <span className="quiet">{front.length} trials that no other one beats; brush to list some of them.</span>
      </div>
      <Later>
        <EChart title={`${x} and ${y}`} option={option} onSelect={setBrushed} height={380} />
      </Later>
      <TrialTable study={study} trials={shown} />
    </>
  );
}

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
          const parameter = study.space[name] as { type?: string; log?: boolean; choices?: unknown[] } | undefined;
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
        <EChart title="Parallel coordinates; the brightest lines are the best" option={option} height={420} />
      </Later>
    </>
  );
}

/** Perceptually even and safe for colour-blind eyes (viridis, by Smith and van der Walt). */
const VIRIDIS = ["#440154", "#3b528b", "#21918c", "#5ec962", "#fde725"];

function cell(found: unknown): string | number {
  return typeof found === "number" ? found : found === undefined ? "-" : String(found);
}

/** One parameter against one objective. */
export function Slices({ study, trials }: Properties): ReactNode {
  const names = Object.keys(study.space);
  const metrics = Object.keys(study.objectives);
  const [metric, setMetric] = useState(metrics[0] ?? "");
  const [name, setName] = useState(names[0] ?? "");
  const parameter = study.space[name] as { type?: string; log?: boolean; choices?: unknown[] } | undefined;
  const option = useCallback(
    (palette: Palette) => {
      const known = trials.filter((trial) => trial.params[name] !== undefined && Number.isFinite(value(trial, metric)));
      const points = (keep: (trial: Trial) => boolean): unknown[][] => known.filter(keep).map((trial) => [cell(trial.params[name]), value(trial, metric), trial.number]);
      return {
        grid: GRID,
        legend: { textStyle: { color: palette.text }, top: 0 },
        xAxis: style(palette, name, parameter && !numeric(parameter) ? { type: "category", data: (parameter.choices ?? []).map(String) } : { type: parameter?.log ? "log" : "value" }),
        yAxis: style(palette, metric, { type: "value", nameGap: 60 }),
        series: [
          { name: "feasible", type: "scatter", symbolSize: 8, data: points(counts), itemStyle: { color: palette.series[0], opacity: 0.75 } },
          { name: "infeasible or stopped", type: "scatter", symbol: "triangle", symbolSize: 8, data: points((trial) => !counts(trial)), itemStyle: { color: palette.series[4] } },
        ],
      };
    },
    [trials, name, metric, parameter],
  );
  return (
    <>
      <div className="row">
        <Choice label="Parameter" options={names} chosen={name} choose={setName} />
        <Choice label="Objective" options={metrics} chosen={metric} choose={setMetric} />
      </div>
      <Later>
        <EChart title={`${metric} over ${name}`} option={option} />
      </Later>
    </>
  );
}

/** How much of each objective's variance a parameter explains alone; a worker finds it out. */
export function Importance({ study }: { study: Study }): ReactNode {
  const metrics = Object.keys(study.objectives);
  const [metric, setMetric] = useState(metrics[0] ?? "");
  const found = useQuery({
    queryKey: ["importance", study.id, study.watermark],
    staleTime: Infinity,
    retry: 1,
    queryFn: async ({ signal }) => {
      const reply = await call(`/v1/studies/${study.id}/importance?wait=30`, { signal });
      if (reply.status === 202) throw new Error("A worker is still at it.");
      return (await reply.json()) as Analysis;
    },
  });
  const shares = useMemo(() => Object.entries(found.data?.importance?.[metric] ?? {}).sort((a, b) => a[1] - b[1]), [found.data, metric]);
  const option = useCallback(
    (palette: Palette) => ({
      grid: { ...GRID, left: 120 },
      xAxis: style(palette, "share of the variance", { type: "value", min: 0 }),
      yAxis: { type: "category", data: shares.map(([name]) => name), axisLabel: { color: palette.text }, axisLine: { lineStyle: { color: palette.quiet } } },
      series: [{ type: "bar", data: shares.map(([, share]) => share), itemStyle: { color: palette.series[0] }, label: { show: true, position: "right", color: palette.text, formatter: (bar: { value: number }) => percent(bar.value) } }],
    }),
    [shares],
  );
  if (found.error) return <Failure error={found.error} retry={() => void found.refetch()} />;
  if (!found.data) return <Loading lines={5} />;
  if (shares.length === 0) return <p className="empty tall">{found.data.message || "There are not enough results yet."}</p>;
  return (
    <>
      <Choice label="Objective" options={metrics} chosen={metric} choose={setMetric} />
      <Later>
        <EChart title={`What matters for ${metric}`} option={option} height={80 + 40 * shares.length} />
      </Later>
      <p className="quiet">
        {found.data.message} {shares.length > 0 && `Largest: ${shares.at(-1)?.[0]}, ${number(shares.at(-1)?.[1], 3)} (${short(shares.at(-1)?.[1])}).`}
      </p>
    </>
  );
}
