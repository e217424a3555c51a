/** Curves of a job's events. */
import type { JobEvent } from "../api/client";
import { num } from "./format";

export interface Point {
  t: number;
  objective: number;
  bound: number;
  gap: number;
  metrics: Record<string, number>;
  engine: string;
  attempt: number;
}

const NOT_METRICS = new Set(["t", "objective", "bound", "gap", "engine"]);

export function points(events: readonly JobEvent[]): Point[] {
  const found: Point[] = [];
  for (const event of events) {
    if (event.type !== "progress") continue;
    const data = event.data as Record<string, unknown>;
    const metrics: Record<string, number> = {};
    for (const [name, value] of Object.entries(data)) {
      if (!NOT_METRICS.has(name) && typeof value === "number") metrics[name] = value;
    }
    found.push({
      t: num(data.t),
      objective: num(data.objective),
      bound: num(data.bound),
      gap: num(data.gap),
      metrics,
      engine: String(data.engine ?? ""),
      attempt: event.attempt,
    });
  }
  return found;
}

/** Names of the engine's own metrics, the most told first. */
export function metricNames(found: readonly Point[]): string[] {
  const counts = new Map<string, number>();
  for (const point of found) for (const name of Object.keys(point.metrics)) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1]).map(([name]) => name);
}

/** What can be drawn: infinite values are holes, and on a logarithmic axis whatever is not positive. */
export function drawable(values: readonly number[], logarithmic = false): (number | null)[] {
  return values.map((value) => (Number.isFinite(value) && (!logarithmic || value > 0) ? value : null));
}

/** Several runs over one axis: the sorted union of their times, each curve holding its last value in between. */
export function overlay(runs: readonly { t: number[]; y: number[] }[]): [number[], ...(number | null)[][]] {
  const times = [...new Set(runs.flatMap((run) => run.t))].sort((a, b) => a - b);
  const curves = runs.map((run) => {
    let k = -1;
    return times.map((t) => {
      while (k + 1 < run.t.length && (run.t[k + 1] ?? Infinity) <= t) k += 1;
      const value = k < 0 || t > (run.t.at(-1) ?? -Infinity) ? NaN : (run.y[k] ?? NaN);
      return Number.isFinite(value) ? value : null;
    });
  });
  return [times, ...curves];
}
