import { BarChart, HeatmapChart, LineChart, ParallelChart, ScatterChart } from "echarts/charts";
import { AriaComponent, BrushComponent, GridComponent, LegendComponent, ParallelComponent, ToolboxComponent, TooltipComponent, VisualMapComponent } from "echarts/components";
import * as echarts from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";
import { useEffect, useRef, useState, type ReactNode } from "react";
import { number } from "../lib/format";
import { useTheme } from "./chart";

echarts.use([
  BarChart,
  HeatmapChart,
  LineChart,
  ParallelChart,
  ScatterChart,
  AriaComponent,
  BrushComponent,
  GridComponent,
  LegendComponent,
  ParallelComponent,
  ToolboxComponent,
  TooltipComponent,
  VisualMapComponent,
  CanvasRenderer,
]);

export interface Palette {
  text: string;
  quiet: string;
  line: string;
  surface: string;
  series: readonly string[];
}

/** The numbers that a chart draws. */
export interface Numbers {
  columns: readonly string[];
  rows: readonly (readonly unknown[])[];
}

const MOST_ROWS = 500;

/** A chart of ECharts in the page's colours. Loaded only by pages that have one. */
export default function EChart({
  title,
  option,
  height = 340,
  onSelect,
  onClick,
  table,
}: {
  title: string;
  option: (palette: Palette) => Record<string, unknown>;
  height?: number;
  /** Indices of what was brushed, of the first series. */
  onSelect?: (indices: readonly number[]) => void;
  /** The `id` of the datum: an entry { id, value } of a series. */
  onClick?: (id: number) => void;
  table?: () => Numbers;
}): ReactNode {
  const [asTable, setAsTable] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<echarts.ECharts | null>(null);
  const listeners = useRef({ onSelect, onClick });
  listeners.current = { onSelect, onClick };
  const theme = useTheme();
  useEffect(() => {
    if (box.current === null) return;
    const made = echarts.init(box.current, null, { renderer: "canvas" });
    chart.current = made;
    made.on("brushselected", (event: unknown) => {
      const batch = (event as { batch?: { selected?: { dataIndex: number[] }[] }[] }).batch?.[0];
      listeners.current.onSelect?.(batch?.selected?.[0]?.dataIndex ?? []);
    });
    made.on("click", (event) => {
      const id = Number((event.data as { id?: unknown } | null)?.id);
      if (Number.isInteger(id)) listeners.current.onClick?.(id);
    });
    const observer = new ResizeObserver(() => made.resize());
    observer.observe(box.current);
    return () => {
      observer.disconnect();
      made.dispose();
      chart.current = null;
    };
  }, [asTable]);
  useEffect(() => {
    const palette = colours();
    if (asTable) return;
    chart.current?.setOption(
      {
        animation: false,
        backgroundColor: "transparent",
        textStyle: { color: palette.text, fontFamily: "system-ui, sans-serif" },
        aria: { enabled: true },
        // richText: the other way writes inline styles, which the page's policy forbids
        tooltip: { renderMode: "richText", backgroundColor: palette.surface, borderColor: palette.line, textStyle: { color: palette.text } },
        ...option(palette),
      },
      { notMerge: true },
    );
  }, [option, theme, asTable]);
  return (
    <figure className="chart">
      <figcaption>
        {title}
        {table && (
          <button type="button" className="small" aria-pressed={asTable} onClick={() => setAsTable(!asTable)}>
            {asTable ? "Chart" : "Table"}
          </button>
        )}
      </figcaption>
      {asTable && table ? (
        <Behind title={title} numbers={table()} height={height} />
      ) : (
        <div ref={box} style={{ height }} role="img" aria-label={title} />
      )}
    </figure>
  );
}

/** What a chart draws, as a table. */
export function Behind({ title, numbers, height }: { title: string; numbers: Numbers; height: number }): ReactNode {
  return (
    <div className="scroll" style={{ maxHeight: height, minHeight: Math.min(height, 160) }} tabIndex={0} role="region" aria-label={`${title}: table`}>
      <table className="numbers">
        <thead>
          <tr>
            {numbers.columns.map((name) => (
              <th scope="col" key={name}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {numbers.rows.slice(-MOST_ROWS).map((row, k) => (
            <tr key={k}>
              {row.map((value, c) => (
                <td key={c}>{typeof value === "number" ? number(value, 8) : value == null ? "–" : String(value)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {numbers.rows.length > MOST_ROWS && (
        <p className="quiet">
          The last {MOST_ROWS} of {number(numbers.rows.length)}.
        </p>
      )}
    </div>
  );
}

function colours(): Palette {
  const style = getComputedStyle(document.documentElement);
  const read = (name: string): string => style.getPropertyValue(name).trim();
  return {
    text: read("--text"),
    quiet: read("--quiet"),
    line: read("--line"),
    surface: read("--surface"),
    series: [1, 2, 3, 4, 5, 6, 7].map((k) => read(`--series-${k}`)),
  };
}
