/** Curves of schedules over one axis of steps. */

export interface Schedule {
  id: string;
  name: string;
  state: "active" | "archived";
  kind: string;
  horizon: number;
  policy: string;
  versions: number;
  current: number;
  runs: number;
  updated_at: string;
}

export interface Version {
  version: number;
  /** (step, value); straight between, constant beyond. */
  curve: [number, number][];
  provenance: Record<string, unknown>;
  created_at: string;
}

export interface Run {
  number: number;
  version: number;
  state: "running" | "finished" | "failed";
  advice?: Record<string, unknown>;
  final?: Record<string, unknown> | null;
  created_at: string;
  finished_at?: string | null;
}

/** The curve's value at a step. */
export function at(curve: readonly (readonly [number, number])[], step: number): number {
  const first = curve[0];
  const last = curve.at(-1);
  if (!first || !last) return NaN;
  if (step <= first[0]) return first[1];
  if (step >= last[0]) return last[1];
  const k = curve.findIndex(([s]) => s >= step);
  const [s0, v0] = curve[k - 1] ?? first;
  const [s1, v1] = curve[k] ?? last;
  return s1 === s0 ? v1 : v0 + ((v1 - v0) * (step - s0)) / (s1 - s0);
}

/** The steps at which any of the curves bends, and each curve there. */
export function together(curves: readonly (readonly (readonly [number, number])[])[]): { steps: number[]; values: number[][] } {
  const steps = [...new Set(curves.flatMap((curve) => curve.map(([step]) => step)))].sort((a, b) => a - b);
  return { steps, values: curves.map((curve) => steps.map((step) => at(curve, step))) };
}
