import { BarChart, HeatmapChart, LineChart, ParallelChart, ScatterChart } from "echarts/charts";
import { AriaComponent, BrushComponent, GridComponent, LegendComponent, ParallelComponent, ToolboxComponent, TooltipComponent, VisualMapComponent } from "echarts/components";
import * as echarts from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";
import { useEffect, useRef, type ReactNode } from "react";
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

/** A chart of ECharts in the page's colours. Loaded only by pages that have one. */
export default function EChart({
  title,
  option,
  height = 340,
  onSelect,
  onClick,
}: {
  title: string;
  option: (palette: Palette) => Record<string, unknown>;
  height?: number;
  /** Indices of what was brushed, of the first series. */
  onSelect?: (indices: readonly number[]) => void;
  onClick?: (index: number) => void;
}): ReactNode {
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
    made.on("click", (event) => listeners.current.onClick?.(event.dataIndex));
    const observer = new ResizeObserver(() => made.resize());
    observer.observe(box.current);
    return () => {
      observer.disconnect();
      made.dispose();
      chart.current = null;
    };
  }, []);
  useEffect(() => {
    const palette = colours();
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
  }, [option, theme]);
  return (
    <figure className="chart">
      <figcaption>{title}</figcaption>
      <div ref={box} style={{ height }} role="img" aria-label={title} />
    </figure>
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
