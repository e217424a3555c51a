import { lazy, useCallback, useMemo, useState, type ReactNode } from "react";
import { counts, dominates, value } from "../../lib/study";
import type { Palette } from "../../parts/echart";
import { Choice, GRID, Later, axis, type Properties } from "./common";
import { Hypervolume } from "./advice";
import { TrialTable } from "./trials";

const EChart = lazy(() => import("../../parts/echart"));

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
      legend: { type: "scroll", textStyle: { color: palette.text }, top: 0 },
      brush: { toolbox: ["rect", "polygon", "clear"], throttleType: "debounce", throttleDelay: 150, seriesIndex: 0 },
      toolbox: { iconStyle: { borderColor: palette.text, borderWidth: 1.5 }, itemSize: 18, right: 0, top: 0 },
      xAxis: axis(palette, `${x} (${study.objectives[x]})`, { type: "value" }),
      yAxis: axis(palette, `${y} (${study.objectives[y]})`, { type: "value", nameGap: 60 }),
      series: [
        { name: "front", type: "scatter", symbol: "diamond", symbolSize: 12, data: front.map((trial) => ({ id: trial.number, value: [value(trial, x), value(trial, y), trial.number] })), itemStyle: { color: palette.series[1] } },
        { name: "other feasible trials", type: "scatter", symbolSize: 6, data: good.filter((trial) => !front.includes(trial)).map((trial) => ({ id: trial.number, value: [value(trial, x), value(trial, y), trial.number] })), itemStyle: { color: palette.series[0], opacity: 0.6 } },
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
        <EChart title={`${x} and ${y}`} option={option} onSelect={setBrushed} height={380} table={() => ({ columns: ["trial", ...metrics], rows: front.map((trial) => [trial.number, ...metrics.map((metric) => value(trial, metric))]) })} />
      </Later>
      <TrialTable study={study} trials={shown} />
      <Hypervolume study={study} trials={trials} />
    </>
  );
}

