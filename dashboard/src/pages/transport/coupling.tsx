import { useEffect, useMemo, useRef, useState, type ReactNode } from "react";
import { number, percent } from "../../lib/format";
import { strongest, viridis, type Picture, type Plan, type Points } from "../../lib/transport";
import { useTheme } from "../../parts/chart";

const FLOWS = 3000;
const HEIGHT = 380;

/** Points, the strongest flows between them, and the mass on its way (McCann's interpolation along straight lines). */
export function CouplingCanvas({ plan, x, y, images }: { plan: Plan; x: Points; y: Points; images: Picture["images"] }): ReactNode {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [t, setT] = useState(0);
  const [lines, setLines] = useState(images === null);
  const [width, setWidth] = useState(600);
  const theme = useTheme();
  const { flows, share } = useMemo(() => strongest(plan, images ? 200_000 : FLOWS), [plan, images]);
  useEffect(() => {
    const box = canvas.current?.parentElement;
    if (!box) return;
    const observer = new ResizeObserver(() => setWidth(Math.max(200, box.clientWidth)));
    observer.observe(box);
    return () => observer.disconnect();
  }, []);
  useEffect(() => {
    const element = canvas.current;
    const pen = element?.getContext("2d");
    if (!element || !pen) return;
    const scale = devicePixelRatio || 1;
    element.width = width * scale;
    element.height = HEIGHT * scale;
    pen.scale(scale, scale);
    pen.clearRect(0, 0, width, HEIGHT);
    if (images && !lines) drawImage(pen, images, x, y, flows, t, width);
    else drawPoints(pen, x, y, flows, t, lines, width);
  }, [flows, t, lines, width, theme, x, y, images]);
  return (
    <figure className="chart">
      <figcaption>
        {images ? "The image on its way" : "Coupling"}
        <span className="quiet">
          the {number(flows.length)} strongest of its flows carry {percent(share)} of the mass
        </span>
      </figcaption>
      <div>
        <canvas ref={canvas} style={{ width: "100%", height: HEIGHT }} role="img" aria-label={`Mass at ${percent(t)} of its way`} />
      </div>
      <div className="row">
        <label className="slider">
          From x ({percent(1 - t)}) to y ({percent(t)})
          <input type="range" min={0} max={1} step={0.01} value={t} onChange={(event) => setT(Number(event.target.value))} />
        </label>
        <label className="check">
          <input type="checkbox" checked={lines} onChange={(event) => setLines(event.target.checked)} /> {images ? "as points and lines" : "lines"}
        </label>
      </div>
    </figure>
  );
}

type Place = (px: number, py: number) => [number, number];

function placing(x: Points, y: Points, width: number): Place {
  let [left, right, low, high] = [Infinity, -Infinity, Infinity, -Infinity];
  for (const points of [x, y])
    for (let i = 0; i < points.count; i += 1) {
      const [a, b] = coordinates(points, i, points === y);
      left = Math.min(left, a);
      right = Math.max(right, a);
      low = Math.min(low, b);
      high = Math.max(high, b);
    }
  const pad = 16;
  // planes keep their proportions; points on a line are drawn as two lines, one above the other
  const flat = x.dimension === 1;
  const [sx, sy] = [(width - 2 * pad) / (right - left || 1), (HEIGHT - 2 * pad) / (high - low || 1)];
  const scale = Math.min(sx, sy);
  return (px, py) => [
    (width - (flat ? sx : scale) * (right - left)) / 2 + (px - left) * (flat ? sx : scale),
    (HEIGHT + (flat ? sy : scale) * (high - low)) / 2 - (py - low) * (flat ? sy : scale),
  ];
}

function coordinates(points: Points, i: number, second: boolean): [number, number] {
  return points.dimension === 1 ? [points.at(i, 0), second ? 0 : 1] : [points.at(i, 0), points.at(i, 1)];
}

function drawPoints(pen: CanvasRenderingContext2D, x: Points, y: Points, flows: readonly { i: number; j: number; value: number }[], t: number, lines: boolean, width: number): void {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string): string => style.getPropertyValue(name).trim();
  const place = placing(x, y, width);
  const largest = flows[0]?.value ?? 1;
  if (lines) {
    pen.strokeStyle = colour("--quiet");
    for (const flow of flows) {
      pen.globalAlpha = 0.08 + 0.6 * (flow.value / largest);
      pen.beginPath();
      pen.moveTo(...place(...coordinates(x, flow.i, false)));
      pen.lineTo(...place(...coordinates(y, flow.j, true)));
      pen.stroke();
    }
  }
  const dots = (points: Points, second: boolean, name: string, square: boolean): void => {
    pen.fillStyle = colour(name);
    pen.globalAlpha = points.count > 2000 ? 0.4 : 0.9;
    for (let i = 0; i < points.count; i += 1) {
      const [px, py] = place(...coordinates(points, i, second));
      pen.beginPath();
      if (square) pen.rect(px - 2.5, py - 2.5, 5, 5);
      else pen.arc(px, py, 3, 0, 7);
      pen.fill();
    }
  };
  dots(x, false, "--series-1", false);
  dots(y, true, "--series-2", true);
  if (t > 0 && t < 1) {
    pen.fillStyle = colour("--series-3");
    for (const flow of flows) {
      const [ax, ay] = coordinates(x, flow.i, false);
      const [bx, by] = coordinates(y, flow.j, true);
      pen.globalAlpha = 0.25 + 0.75 * (flow.value / largest);
      pen.beginPath();
      pen.arc(...place((1 - t) * ax + t * bx, (1 - t) * ay + t * by), 2 + 3 * Math.sqrt(flow.value / largest), 0, 7);
      pen.fill();
    }
  }
  pen.globalAlpha = 1;
}

/** Mass on a grid of the images' size, each part split among the four nearest pixels. */
function drawImage(pen: CanvasRenderingContext2D, images: NonNullable<Picture["images"]>, x: Points, y: Points, flows: readonly { i: number; j: number; value: number }[], t: number, width: number): void {
  const rows = Math.round((1 - t) * images.a[0] + t * images.b[0]);
  const columns = Math.round((1 - t) * images.a[1] + t * images.b[1]);
  const mass = new Float64Array(rows * columns);
  for (const { i, j, value } of flows) {
    const row = (1 - t) * x.at(i, 0) + t * y.at(j, 0);
    const column = (1 - t) * x.at(i, 1) + t * y.at(j, 1);
    const [r, c] = [Math.floor(row), Math.floor(column)];
    for (const [dr, dc] of [[0, 0], [0, 1], [1, 0], [1, 1]] as const) {
      const weight = (dr ? row - r : 1 - row + r) * (dc ? column - c : 1 - column + c);
      if (weight > 0 && r + dr < rows && c + dc < columns) mass[(r + dr) * columns + c + dc] = (mass[(r + dr) * columns + c + dc] ?? 0) + weight * value;
    }
  }
  const largest = mass.reduce((a, b) => Math.max(a, b), 0) || 1;
  const pixels = new ImageData(columns, rows);
  mass.forEach((value, k) => pixels.data.set([...viridis(value / largest), 255], 4 * k));
  const small = new OffscreenCanvas(columns, rows);
  small.getContext("2d")?.putImageData(pixels, 0, 0);
  const scale = Math.min(width / columns, HEIGHT / rows);
  pen.imageSmoothingEnabled = false;
  pen.drawImage(small, (width - scale * columns) / 2, (HEIGHT - scale * rows) / 2, scale * columns, scale * rows);
}
