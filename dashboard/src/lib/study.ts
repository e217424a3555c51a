/** What the charts of a study show. */
import type { Schemas } from "../api/client";
import { num } from "./format";

export type Study = Schemas["Study"];
export type Trial = Schemas["Trial"];

/** The value of a metric; NaN if there is none. */
export function value(trial: Trial, metric: string): number {
  return num(trial.values?.[metric]);
}

/** A trial whose values count: it is completed and keeps the constraints. */
export function counts(trial: Trial): boolean {
  return trial.state === "completed" && trial.feasible !== false;
}

/** The best value so far after each trial, in the order of numbers. */
export function bestSoFar(trials: readonly Trial[], metric: string, goal: "min" | "max"): number[] {
  let best = NaN;
  return trials.map((trial) => {
    const found = counts(trial) ? value(trial, metric) : NaN;
    if (Number.isFinite(found) && (Number.isNaN(best) || (goal === "min" ? found < best : found > best))) best = found;
    return best;
  });
}

/** Whether a beats or equals b in every objective and beats it in one. */
export function dominates(a: Trial, b: Trial, objectives: Readonly<Record<string, "min" | "max">>): boolean {
  let better = false;
  for (const [metric, goal] of Object.entries(objectives)) {
    const difference = (value(a, metric) - value(b, metric)) * (goal === "min" ? 1 : -1);
    if (!(difference <= 0)) return false;
    better = better || difference < 0;
  }
  return better;
}

export function numeric(parameter: { type?: string }): boolean {
  return parameter.type === "float" || parameter.type === "int" || parameter.type === "fidelity" || parameter.type === undefined;
}

/** A metric of intermediate reports; NaN where a report lacks it. */
export function numbersOf(reports: readonly Schemas["Report"][], metric: string): number[] {
  return reports.map((report) => num(report.values[metric]));
}

/** What was clicked, best first, against what was not. All clicked but one leaves that one as the last. */
export function ranked(order: readonly number[], shown: readonly number[]): { best: number[]; others: number[] } {
  return { best: [...order], others: shown.filter((trial) => !order.includes(trial)) };
}
