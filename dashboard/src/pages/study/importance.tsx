import { lazy, useCallback, useMemo, useState, type ReactNode } from "react";
import { number, percent, short } from "../../lib/format";
import { counts } from "../../lib/study";
import { Failure, Loading } from "../../parts/basic";
import type { Palette } from "../../parts/echart";
import { Choice, ENOUGH, GRID, Later, axis, useAnalysis, type Properties } from "./common";

const EChart = lazy(() => import("../../parts/echart"));

/** How much of each objective's variance a parameter explains, alone and with the others; a worker finds it out. */
export function Importance({ study, trials }: Properties): ReactNode {
  const metrics = Object.keys(study.objectives);
  const [metric, setMetric] = useState(metrics[0] ?? "");
  const enough = trials.filter(counts).length >= ENOUGH;
  const found = useAnalysis(study, "importance", enough);
  const shares = useMemo(() => Object.entries(found.data?.importance?.[metric] ?? {}).sort((a, b) => a[1] - b[1]), [found.data, metric]);
  const alone = found.data?.main_effects?.[metric];
  const option = useCallback(
    (palette: Palette) => ({
      grid: { ...GRID, left: 120 },
      xAxis: axis(palette, "share of the variance", { type: "value", min: 0 }),
      yAxis: { type: "category", data: shares.map(([name]) => name), axisLabel: { color: palette.text }, axisLine: { lineStyle: { color: palette.quiet } } },
      legend: alone ? { type: "scroll", textStyle: { color: palette.text }, top: 0 } : undefined,
      series: [
        ...(alone ? [{ name: "alone", type: "bar", data: shares.map(([name]) => alone[name] ?? 0), itemStyle: { color: palette.series[2] } }] : []),
        { name: "with all others", type: "bar", data: shares.map(([, share]) => share), itemStyle: { color: palette.series[0] }, label: { show: true, position: "right", color: palette.text, formatter: (bar: { value: number }) => percent(bar.value) } },
      ],
    }),
    [shares, alone],
  );
  if (!enough) return <p className="empty tall">What matters can be told from {ENOUGH} feasible trials on.</p>;
  if (found.error) return <Failure error={found.error} retry={() => void found.refetch()} />;
  if (!found.data) return <Loading lines={5} />;
  if (shares.length === 0) return <p className="empty tall">{found.data.message || "There are not enough results yet."}</p>;
  return (
    <>
      <Choice label="Objective" options={metrics} chosen={metric} choose={setMetric} />
      <Later>
        <EChart title={`What matters for ${metric}`} option={option} height={90 + 44 * shares.length} table={() => ({ columns: ["parameter", "alone", "with all others"], rows: shares.map(([name, share]) => [name, alone?.[name], share]) })} />
      </Later>
      <p className="quiet">
        {found.data.message} {shares.length > 0 && `Largest: ${shares.at(-1)?.[0]}, ${number(shares.at(-1)?.[1], 3)} (${short(shares.at(-1)?.[1])}).`}
      </p>
    </>
  );
}
