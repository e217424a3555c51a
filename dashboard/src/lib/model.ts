/** A submitted problem as algebra, row by row and only those that are asked for. */
import { num, number } from "./format";
import { numbers } from "./npz";

export interface Model {
  rows: number;
  columns: number;
  variable: (j: number) => string;
  constraint: (i: number) => string;
  row: (i: number) => string;
  bounds: (j: number) => string;
  objective: string;
}

interface Sparse {
  format: "csr" | "coo";
  shape: [number, number];
  data: unknown;
  indices?: unknown;
  indptr?: unknown;
  row?: unknown;
  col?: unknown;
}

const MOST_TERMS = 30;

/** null: the problem is a file, which is shown as it is. */
export async function algebra(problem: Record<string, unknown>): Promise<Model | null> {
  if (problem.file || problem.objective == null) return null;
  const cost = (await numbers(problem.objective)) ?? new Float64Array();
  const variableNames = problem.variable_names as string[] | null | undefined;
  const constraintNames = problem.constraint_names as string[] | null | undefined;
  const variable = (j: number): string => variableNames?.[j] ?? `x${j}`;
  const constraint = (i: number): string => constraintNames?.[i] ?? `c${i}`;
  const matrix = problem.A as Sparse | null | undefined;
  const entries = matrix ? await byRow(matrix) : [];
  const [rowLower, rowUpper, lower, upper, integrality] = await Promise.all(
    ["row_lower", "row_upper", "lower", "upper", "integrality"].map((name) => numbers(problem[name])),
  );
  const row = (i: number): string => {
    const low = rowLower?.[i] ?? -Infinity;
    const high = rowUpper?.[i] ?? Infinity;
    return sided(terms(entries[i] ?? [], variable), low, high);
  };
  const bounds = (j: number): string => {
    const type = integrality?.[j] ?? 0;
    const words = ["", ", integer", ", semi-continuous", ", semi-integer"][type] ?? "";
    return sided(variable(j), lower?.[j] ?? 0, upper?.[j] ?? Infinity) + words;
  };
  const linear = Array.from(cost, (c, j): [number, number] => [j, c]).filter(([, c]) => c !== 0);
  const text = terms(linear, variable);
  return {
    rows: matrix?.shape[0] ?? 0,
    columns: cost.length,
    variable,
    constraint,
    row,
    bounds,
    objective: `${problem.sense === "max" ? "maximize" : "minimize"} ${text}${problem.Q ? " + ½ x'Qx" : ""}`,
  };
}

async function byRow(matrix: Sparse): Promise<[number, number][][]> {
  const rows: [number, number][][] = Array.from({ length: matrix.shape[0] }, () => []);
  const data = (await numbers(matrix.data)) ?? new Float64Array();
  if (matrix.format === "csr") {
    const indices = (await numbers(matrix.indices)) ?? new Float64Array();
    const starts = (await numbers(matrix.indptr)) ?? new Float64Array();
    for (let i = 0; i < rows.length; i += 1)
      for (let k = starts[i] ?? 0; k < (starts[i + 1] ?? 0); k += 1) rows[i]?.push([indices[k] ?? 0, data[k] ?? 0]);
  } else {
    const row = (await numbers(matrix.row)) ?? new Float64Array();
    const column = (await numbers(matrix.col)) ?? new Float64Array();
    for (let k = 0; k < data.length; k += 1) rows[row[k] ?? 0]?.push([column[k] ?? 0, data[k] ?? 0]);
  }
  return rows;
}

export function terms(entries: readonly (readonly [number, number])[], name: (j: number) => string): string {
  if (entries.length === 0) return "0";
  const shown = entries.slice(0, MOST_TERMS).map(([j, value], k) => {
    const size = Math.abs(value);
    const sign = value < 0 ? (k ? " − " : "−") : k ? " + " : "";
    return `${sign}${size === 1 ? "" : `${number(size, 6)} `}${name(j)}`;
  });
  return shown.join("") + (entries.length > MOST_TERMS ? ` + … (${entries.length - MOST_TERMS} more)` : "");
}

export function sided(text: string, low: unknown, high: unknown): string {
  const a = num(low);
  const b = num(high);
  if (a === b) return `${text} = ${number(a)}`;
  if (Number.isFinite(a) && Number.isFinite(b)) return `${number(a)} ≤ ${text} ≤ ${number(b)}`;
  if (Number.isFinite(a)) return `${text} ≥ ${number(a)}`;
  if (Number.isFinite(b)) return `${text} ≤ ${number(b)}`;
  return `${text} free`;
}

/** Lines of a model file that speak of one of these names. */
export function linesWith(text: string, names: ReadonlySet<string>): Set<number> {
  const found = new Set<number>();
  if (names.size === 0) return found;
  text.split("\n").forEach((line, k) => {
    if (line.split(/[\s:<>=+*,;()[\]]+/).some((word) => names.has(word))) found.add(k);
  });
  return found;
}
