import { lazy, Suspense, useCallback, useMemo, useState, type ReactNode } from "react";
import { number, plural, short } from "../../lib/format";
import { flatten } from "../../lib/optima";
import { Loading } from "../../parts/basic";
import type { Palette } from "../../parts/echart";
import { axis } from "../study/common";

const EChart = lazy(() => import("../../parts/echart"));

interface Optimum {
  objective: number;
  starts: number;
  upper: Record<string, unknown>;
  lower_residual?: number | null;
}

/** Where many starts ended: each optimum by two of its upper variables, as large as the starts that it drew, coloured by its objective. */
export default function OptimaTab({ optima }: { optima: readonly Optimum[] }): ReactNode {
  const places = useMemo(() => optima.map((optimum) => flatten(optimum.upper)), [optima]);
  const names = useMemo(() => bySpread(places), [places]);
  const [x, setX] = useState(names[0] ?? "");
  const [y, setY] = useState(names[1] ?? "objective");
  const option = useCallback(
    (palette: Palette) => {
      const at = (k: number, name: string): number => (name === "objective" ? (optima[k]?.objective ?? NaN) : (places[k]?.get(name) ?? NaN));
      const values = optima.map((optimum) => optimum.objective);
      return {
        grid: { left: 90, right: 120, top: 24, bottom: 56 },
        tooltip: {
          renderMode: "richText",
          backgroundColor: palette.surface,
          borderColor: palette.line,
          textStyle: { color: palette.text },
          formatter: (point: { dataIndex: number }) => {
            const optimum = optima[point.dataIndex];
            return `No. ${point.dataIndex + 1}: objective ${short(optimum?.objective)}\n${plural(optimum?.starts ?? 0, "start")} ended here`;
          },
        },
        xAxis: axis(palette, x, { type: "value" }),
        yAxis: axis(palette, y, { type: "value", nameGap: 60 }),
        visualMap: {
          dimension: 2,
          min: Math.min(...values),
          max: Math.max(...values, Math.min(...values) + 1e-12),
          calculable: true,
          right: 0,
          top: "middle",
          precision: 4,
          text: ["objective", ""],
          textStyle: { color: palette.quiet },
          inRange: { color: ["#fde725", "#5ec962", "#21918c", "#3b528b", "#440154"] },
        },
        series: [
          {
            type: "scatter",
            symbolSize: (row: number[]) => 10 + 6 * Math.sqrt(row[3] ?? 1),
            itemStyle: { opacity: 0.85, borderColor: palette.text },
            label: { show: true, formatter: (point: { dataIndex: number }) => String(point.dataIndex + 1), position: "top", color: palette.text },
            data: optima.map((optimum, k) => [at(k, x), at(k, y), optimum.objective, optimum.starts]),
          },
        ],
      };
    },
    [optima, places, x, y],
  );
  const total = optima.reduce((sum, optimum) => sum + optimum.starts, 0);
  const best = optima[0]?.objective ?? NaN;
  return (
    <>
      <div className="row">
        {[
          ["Across", x, setX] as const,
          ["Up", y, setY] as const,
        ].map(([label, chosen, choose]) => (
          <label key={label}>
            {label}
            <select value={chosen} onChange={(event) => choose(event.target.value)}>
              {[...names, "objective"].map((name) => (
                <option key={name}>{name}</option>
              ))}
            </select>
          </label>
        ))}
        <span className="quiet">
          {plural(total, "start")} ended in {plural(optima.length, "optimum", "optima")}; large dots drew many of them.
        </span>
      </div>
      <Suspense fallback={<Loading lines={8} />}>
        <EChart
          title="Map of the optima over starts"
          option={option}
          height={380}
          table={() => ({ columns: ["No.", "objective", "starts", ...names], rows: optima.map((optimum, k) => [k + 1, optimum.objective, optimum.starts, ...names.map((name) => places[k]?.get(name))]) })}
        />
      </Suspense>
      <div className="scroll" tabIndex={0} role="region" aria-label="Optima">
        <table className="numbers">
          <thead>
            <tr>
              <th scope="col">No.</th>
              <th scope="col" className="number">
                Objective
              </th>
              <th scope="col" className="number">
                Worse than the best by
              </th>
              <th scope="col">Starts that ended here</th>
              <th scope="col" className="number">
                Lower residual
              </th>
            </tr>
          </thead>
          <tbody>
            {optima.map((optimum, k) => (
              <tr key={k}>
                <th scope="row">{k + 1}</th>
                <td className="number">{number(optimum.objective)}</td>
                <td className="number">{k === 0 ? "–" : short(Math.abs(optimum.objective - best))}</td>
                <td>
                  <meter min={0} max={total} value={optimum.starts} aria-label={`${optimum.starts} of ${total} starts`} /> {optimum.starts} of {total}
                </td>
                <td className="number">{number(optimum.lower_residual, 3)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

/** Names of entries, those that differ most between optima first. */
function bySpread(places: readonly ReadonlyMap<string, number>[]): string[] {
  const spread = (name: string): number => {
    const values = places.map((place) => place.get(name) ?? NaN).filter(Number.isFinite);
    return values.length ? values.reduce((a, b) => Math.max(a, b)) - values.reduce((a, b) => Math.min(a, b)) : 0;
  };
  return [...(places[0]?.keys() ?? [])].slice(0, 200).sort((a, b) => spread(b) - spread(a));
}
