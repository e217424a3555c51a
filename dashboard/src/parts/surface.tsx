import { useEffect, useMemo, useRef, useState, type MouseEvent, type ReactNode } from "react";
import { bilinear, isoline, placeOf, type Value } from "../lib/contours";
import { number } from "../lib/format";
import { viridis } from "../lib/transport";
import { useTheme } from "./chart";

export interface Dot {
  x: Value | undefined;
  y: Value | undefined;
  label: string;
  good: boolean;
}

const LEFT = 74;
const BOTTOM = 44;
const TOP = 10;
const RIGHT = 12;
const HEIGHT = 360;
const LINES = 9;

/** A surface over two axes as colours with iso-lines, points on it, the value under the pointer, and the same as a table. */
export function SurfaceMap({
  title,
  axes,
  values,
  grid,
  dots,
  reversed = false,
}: {
  title: string;
  axes: readonly [string, string];
  values: readonly [readonly Value[], readonly Value[]];
  /** One row for each value of the second axis. */
  grid: readonly (readonly number[])[];
  dots: readonly Dot[];
  /** Low values are bright. */
  reversed?: boolean;
}): ReactNode {
  const canvas = useRef<HTMLCanvasElement>(null);
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(480);
  const [table, setTable] = useState(false);
  const [under, setUnder] = useState<string>("");
  const theme = useTheme();
  const [low, high] = useMemo(() => grid.flat().reduce(([a, b], one) => [Math.min(a, one), Math.max(b, one)], [Infinity, -Infinity]), [grid]);
  const smooth = values.every((axis) => axis.every((one) => typeof one === "number"));
  const [columns, rows] = [values[0].length, values[1].length];
  const inner = { width: width - LEFT - RIGHT, height: HEIGHT - TOP - BOTTOM };
  // grid points of numbers lie on the edges, categories have cells of their own
  const across = (place: number): number => LEFT + (smooth ? place / Math.max(1, columns - 1) : (place + 0.5) / columns) * inner.width;
  const up = (place: number): number => TOP + inner.height - (smooth ? place / Math.max(1, rows - 1) : (place + 0.5) / rows) * inner.height;
  const back = (px: number, py: number): [number, number] => {
    const [s, t] = [(px - LEFT) / inner.width, (TOP + inner.height - py) / inner.height];
    return smooth ? [s * (columns - 1), t * (rows - 1)] : [Math.floor(s * columns), Math.floor(t * rows)];
  };
  useEffect(() => {
    const place = box.current;
    if (!place) return;
    const observer = new ResizeObserver(() => setWidth(Math.max(240, place.clientWidth)));
    observer.observe(place);
    return () => observer.disconnect();
  }, [table]);
  useEffect(() => {
    const element = canvas.current;
    const pen = element?.getContext("2d");
    if (!element || !pen) return;
    const scale = devicePixelRatio || 1;
    element.width = width * scale;
    element.height = HEIGHT * scale;
    pen.scale(scale, scale);
    const style = getComputedStyle(document.documentElement);
    const colour = (name: string): string => style.getPropertyValue(name).trim();
    const [w, h] = [Math.max(1, Math.round(inner.width)), Math.max(1, Math.round(inner.height))];
    const pixels = new ImageData(w, h);
    for (let py = 0; py < h; py += 1)
      for (let px = 0; px < w; px += 1) {
        const [x, y] = back(LEFT + px + 0.5, TOP + py + 0.5);
        const value = smooth ? bilinear(grid, x, y) : (grid[y]?.[x] ?? NaN);
        const share = (value - low) / (high - low || 1);
        pixels.data.set([...viridis(reversed ? 1 - share : share), 255], 4 * (py * w + px));
      }
    const picture = new OffscreenCanvas(w, h);
    picture.getContext("2d")?.putImageData(pixels, 0, 0);
    pen.drawImage(picture, LEFT, TOP);
    if (smooth && high > low) {
      pen.strokeStyle = "rgba(255, 255, 255, 0.75)";
      pen.lineWidth = 1;
      for (let k = 1; k < LINES; k += 1) {
        pen.beginPath();
        for (const [x1, y1, x2, y2] of isoline(grid, low + ((high - low) * k) / LINES)) {
          pen.moveTo(across(x1), up(y1));
          pen.lineTo(across(x2), up(y2));
        }
        pen.stroke();
      }
    }
    for (const dot of dots) {
      const [px, py] = [across(placeOf(dot.x, values[0])), up(placeOf(dot.y, values[1]))];
      if (Number.isNaN(px) || Number.isNaN(py)) continue;
      pen.beginPath();
      pen.lineWidth = 1.5;
      pen.strokeStyle = "#000";
      pen.fillStyle = "#fff";
      if (dot.good) {
        pen.arc(px, py, 3.5, 0, 7);
        pen.fill();
      } else {
        pen.moveTo(px - 3.5, py - 3.5);
        pen.lineTo(px + 3.5, py + 3.5);
        pen.moveTo(px - 3.5, py + 3.5);
        pen.lineTo(px + 3.5, py - 3.5);
      }
      pen.stroke();
    }
    pen.fillStyle = colour("--quiet");
    pen.font = "12px system-ui, sans-serif";
    pen.textAlign = "center";
    for (const k of ticks(columns, width < 400 ? 3 : 5)) pen.fillText(text(values[0][k]), across(k), HEIGHT - BOTTOM + 16, 80);
    pen.fillText(axes[0], LEFT + inner.width / 2, HEIGHT - 6);
    pen.textAlign = "right";
    for (const k of ticks(rows, 5)) pen.fillText(text(values[1][k]), LEFT - 6, Math.min(HEIGHT - BOTTOM, Math.max(TOP + 8, up(k) + 4)), LEFT - 20);
    pen.save();
    pen.translate(11, TOP + inner.height / 2);
    pen.rotate(-Math.PI / 2);
    pen.textAlign = "center";
    pen.fillText(axes[1], 0, 0);
    pen.restore();
  }, [grid, dots, width, theme, table, reversed]);
  const point = (event: MouseEvent<HTMLCanvasElement>): void => {
    const area = event.currentTarget.getBoundingClientRect();
    const [px, py] = [event.clientX - area.left, event.clientY - area.top];
    const near = dots.find((dot) => Math.hypot(across(placeOf(dot.x, values[0])) - px, up(placeOf(dot.y, values[1])) - py) < 7);
    const [x, y] = back(px, py).map(Math.round) as [number, number];
    const value = grid[y]?.[x];
    setUnder(near ? near.label : value === undefined ? "" : `${axes[0]} ${text(values[0][x])}, ${axes[1]} ${text(values[1][y])}: ${number(value, 6)}`);
  };
  return (
    <figure className="chart">
      <figcaption>
        {title}
        <button type="button" className="small" aria-pressed={table} onClick={() => setTable(!table)}>
          {table ? "Chart" : "Table"}
        </button>
      </figcaption>
      {table ? (
        <div className="scroll" style={{ maxHeight: HEIGHT }} tabIndex={0} role="region" aria-label={`${title}: table`}>
          <table className="numbers">
            <thead>
              <tr>
                <th scope="col">
                  {axes[1]} \ {axes[0]}
                </th>
                {values[0].map((one, k) => (
                  <th scope="col" key={k}>
                    {text(one)}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {grid.map((row, k) => (
                <tr key={k}>
                  <th scope="row">{text(values[1][k])}</th>
                  {row.map((one, c) => (
                    <td key={c}>{number(one, 4)}</td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      ) : (
        <div ref={box}>
          <canvas
            ref={canvas}
            style={{ width: "100%", height: HEIGHT }}
            role="img"
            aria-label={`${title} over ${axes[0]} and ${axes[1]}, from ${number(low, 4)} to ${number(high, 4)}`}
            onMouseMove={point}
            onMouseLeave={() => setUnder("")}
          />
        </div>
      )}
      <p className="scale">
        <span>{number(low, 4)}</span>
        <span className={reversed ? "ramp turned" : "ramp"} aria-hidden="true" />
        <span>{number(high, 4)}</span>
        <span className="quiet">{under || "point at it for values"}</span>
      </p>
    </figure>
  );
}

function ticks(count: number, most: number): number[] {
  if (count <= most) return Array.from({ length: count }, (_, k) => k);
  return Array.from({ length: most }, (_, k) => Math.round((k * (count - 1)) / (most - 1)));
}

function text(value: Value | undefined): string {
  return typeof value === "number" ? number(value, 3) : String(value ?? "");
}
