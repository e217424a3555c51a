import { useEffect, useMemo, useRef, useState, type ReactNode } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { number, seconds } from "../lib/format";
import { drawable } from "../lib/series";

export interface Curve {
  name: string;
  values: readonly number[];
  /** A colour of the palette (styles.css), 1 to 7. */
  colour: number;
  dashed?: boolean;
  format?: (value: number) => string;
}

interface Properties {
  title: string;
  times: readonly number[];
  curves: readonly Curve[];
  height?: number;
  logX?: boolean;
  logY?: boolean;
  /** Charts of one key show the same moment. */
  sync?: string;
  /** Steps: a value holds until the next one. */
  steps?: boolean;
  xLabel?: string;
  format?: (value: number) => string;
  /** What the vertical axis must show; by default everything. */
  range?: readonly [number, number] | null;
}

const ROWS = 200;

/** Live curves with their values under the pointer, and the same numbers as a table. */
export function Chart(properties: Properties): ReactNode {
  const { title, times, curves, height = 220, xLabel = "seconds" } = properties;
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const [table, setTable] = useState(false);
  const theme = useTheme();
  const { logX = false, logY = false, sync, steps = false, format = (value: number) => number(value, 6) } = properties;
  const data = useMemo<uPlot.AlignedData>(
    () => [
      logX ? times.map((t) => Math.max(t, 1e-3)) : [...times],
      ...curves.map((curve) => drawable(curve.values, logY)),
    ],
    [times, curves, logX, logY],
  );
  const latest = useRef(data);
  latest.current = data;
  const shape = curves.map((curve) => `${curve.name}/${curve.colour}/${curve.dashed}`).join("|");
  const shown = useRef(curves);
  shown.current = curves;
  const within = useRef(properties.range);
  within.current = properties.range;
  const formatter = useRef(format);
  formatter.current = format;

  useEffect(() => {
    const place = box.current;
    if (place === null || table) return;
    const style = getComputedStyle(document.documentElement);
    const colour = (name: string): string => style.getPropertyValue(name).trim();
    const axis = {
      stroke: colour("--quiet"),
      grid: { stroke: colour("--line"), width: 1 },
      ticks: { stroke: colour("--line"), width: 1 },
      font: "12px system-ui, sans-serif",
    };
    const say = (value: number | null): string => (value === null ? "–" : formatter.current(value));
    const made = new uPlot(
      {
        width: Math.max(place.clientWidth, 200),
        height,
        cursor: sync ? { sync: { key: sync } } : {},
        scales: {
          x: logX ? { time: false, distr: 3 } : { time: false },
          y: logY
            ? { distr: 3 }
            : {
                range: (_, least, most) => {
                  const [low, high] = within.current ?? [least, most];
                  return low === null || high === null ? [0, 1] : uPlot.rangeNum(low, high, 0.1, true);
                },
              },
        },
        axes: [
          { ...axis, ...(logX ? { filter: sparse } : {}), values: (_, splits) => splits.map((t) => (t === null ? "" : axisText(t, xLabel))) },
          { ...axis, ...(logY ? { filter: sparse, splits: powers } : {}), size: 74, values: (_, splits) => splits.map((value) => (value === null ? "" : formatter.current(value))) },
        ],
        series: [
          { label: xLabel === "seconds" ? "time" : xLabel, value: (_, t) => (t === null ? "–" : xLabel === "seconds" ? seconds(t) : number(t)) },
          ...shown.current.map(
            (curve): uPlot.Series => ({
              label: curve.name,
              stroke: colour(`--series-${curve.colour}`),
              width: 2,
              ...(curve.dashed ? { dash: [6, 4] } : {}),
              ...(steps ? { paths: uPlot.paths.stepped?.({ align: 1 }) } : {}),
              points: { show: (self, k) => (self.data[k]?.length ?? 0) < 30, size: 5 },
              spanGaps: true,
              value: (_, value) => (curve.format && value !== null ? curve.format(value) : say(value)),
            }),
          ),
        ],
      },
      latest.current,
      place,
    );
    plot.current = made;
    queueMicrotask(() => queueMicrotask(() => plot.current === made && tell(made)));
    const observer = new ResizeObserver(() => made.setSize({ width: Math.max(place.clientWidth, 200), height }));
    observer.observe(place);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [shape, height, logX, logY, sync, steps, theme, table, xLabel]);

  useEffect(() => {
    plot.current?.setData(data);
    const made = plot.current;
    if (made) queueMicrotask(() => plot.current === made && tell(made));
  }, [data, properties.range]);

  return (
    <figure className="chart">
      <figcaption>
        {title}
        <button type="button" className="small" aria-pressed={table} onClick={() => setTable(!table)}>
          {table ? "Curve" : "Table"}
        </button>
      </figcaption>
      {table ? (
        <div className="scroll" style={{ maxHeight: height + 34 }} tabIndex={0} role="region" aria-label={`${title}: table`}>
          <table className="numbers">
            <thead>
              <tr>
                <th scope="col">{xLabel}</th>
                {curves.map((curve) => (
                  <th scope="col" key={curve.name}>
                    {curve.name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {times.slice(-ROWS).map((t, k, tail) => (
                <tr key={k}>
                  <td>{number(t, 6)}</td>
                  {curves.map((curve) => (
                    <td key={curve.name}>{number(curve.values[times.length - tail.length + k], 10)}</td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
          {times.length > ROWS && <p className="quiet">The last {ROWS} of {number(times.length)}.</p>}
        </div>
      ) : (
        <div
          ref={box}
          className="plot"
          style={{ minHeight: height + 34 }}
          role="img"
          aria-label={`${title}. ${curves.map((curve) => `${curve.name}: ${format(curve.values.at(-1) ?? NaN)}`).join(", ")}`}
        />
      )}
    </figure>
  );
}

/** Powers of ten, so few that their labels do not touch; also between them where the axis spans no two of them. */
function powers(_: uPlot, __: number, low: number, high: number): number[] {
  const [first, last] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
  const step = Math.max(1, Math.ceil((last - first) / 6));
  const found: number[] = [];
  for (let k = first; k <= last; k += 1)
    for (const m of last - first < 2 ? [1, 2, 5] : [1]) {
      const value = m * 10 ** k;
      if ((k - first) % step === 0 && value >= low * 0.999 && value <= high * 1.001) found.push(value);
    }
  return found.length > 0 ? found : [low, high];
}

function sparse(_: uPlot, splits: number[]): (number | null)[] {
  return splits;
}

/** Without a pointer, the legend has the newest values. */
function tell(plot: uPlot): void {
  const last = (plot.data[0]?.length ?? 0) - 1;
  if (plot.cursor.idx == null && last >= 0) plot.setLegend({ idx: last });
}

function axisText(value: number, label: string): string {
  if (label !== "seconds") return number(value, 6);
  if (value === 0) return "0";
  return value < 1 ? `${number(value, 3)} s` : seconds(value).replace(".0", "").replace(/ 0 (s|min|h)$/, "");
}

/** Changes when colours do. */
export function useTheme(): string {
  const read = (): string =>
    document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  const [theme, setTheme] = useState(read);
  useEffect(() => {
    const update = (): void => setTheme(read());
    const media = matchMedia("(prefers-color-scheme: dark)");
    media.addEventListener("change", update);
    const observer = new MutationObserver(update);
    observer.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    return () => {
      media.removeEventListener("change", update);
      observer.disconnect();
    };
  }, []);
  return theme;
}
