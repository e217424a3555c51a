import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useCallback, useMemo, useState, type ReactNode } from "react";
import type { Job } from "../../api/client";
import { plural } from "../../lib/format";
import { shaped } from "../../lib/npz";
import { Failure, Loading } from "../../parts/basic";
import { DataTable } from "../../parts/data-table";
import type { Palette } from "../../parts/echart";
import { axis } from "../study/common";

const EChart = lazy(() => import("../../parts/echart"));

/** A front of several objectives: two of them against each other, brushed to a table of points. */
export default function FrontTab({ job, answer }: { job: Job; answer: Record<string, unknown> }): ReactNode {
  const names = answer.objectives as string[];
  const senses = (answer.senses ?? []) as string[];
  const [x, setX] = useState(0);
  const [y, setY] = useState(1);
  const [brushed, setBrushed] = useState<readonly number[]>([]);
  const values = useQuery({ queryKey: ["front", job.id], staleTime: Infinity, gcTime: 60_000, queryFn: async () => (await shaped(answer.values)) ?? { data: new Float64Array(), shape: [0, names.length] } });
  const count = values.data?.shape[0] ?? 0;
  const at = useCallback((k: number, c: number): number => values.data?.data[k * names.length + c] ?? NaN, [values.data, names.length]);
  const option = useCallback(
    (palette: Palette) => ({
      grid: { left: 90, right: 24, top: 40, bottom: 56 },
      brush: { toolbox: ["rect", "polygon", "clear"], throttleType: "debounce", throttleDelay: 150, seriesIndex: 0 },
      toolbox: { iconStyle: { borderColor: palette.text, borderWidth: 1.5 }, itemSize: 18, right: 0, top: 0 },
      xAxis: axis(palette, `${names[x]} (${senses[x] ?? ""})`, { type: "value" }),
      yAxis: axis(palette, `${names[y]} (${senses[y] ?? ""})`, { type: "value", nameGap: 60 }),
      series: [{ name: "front", type: "scatter", symbol: "diamond", symbolSize: 10, itemStyle: { color: palette.series[1] }, data: Array.from({ length: count }, (_, k) => [at(k, x), at(k, y)]) }],
    }),
    [at, count, x, y],
  );
  const table = useMemo(() => {
    const rows = brushed.length > 0 ? brushed : Array.from({ length: count }, (_, k) => k);
    return {
      names: { length: rows.length, at: (k: number) => `point ${rows[k]}` },
      fields: names.map((name, c) => ({ key: name, title: name, values: Float64Array.from(rows, (k) => at(k, c)) })),
    };
  }, [brushed, count, at]);
  if (values.error) return <Failure error={values.error} />;
  if (!values.data) return <Loading lines={8} />;
  return (
    <>
      <div className="row">
        {names.length > 2 &&
          [["Across", x, setX] as const, ["Up", y, setY] as const].map(([label, chosen, choose]) => (
            <label key={label}>
              {label}
              <select value={chosen} onChange={(event) => choose(Number(event.target.value))}>
                {names.map((name, k) => (
                  <option key={name} value={k}>
                    {name}
                  </option>
                ))}
              </select>
            </label>
          ))}
        <span className="quiet">{plural(count, "point")} that no other one beats; brush to list some of them.</span>
      </div>
      <Suspense fallback={<Loading lines={8} />}>
        <EChart title={`${names[x]} and ${names[y]}`} option={option} onSelect={setBrushed} height={380} />
      </Suspense>
      <DataTable table={table} title="point" prefix="p." file={`${job.id}-front`} />
    </>
  );
}
