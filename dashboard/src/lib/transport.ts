/** A transport plan, its points, and what pictures of them need. */
import { num } from "./format";
import { numbers, shaped } from "./npz";

/** Entries that are worked out at most; above, a plan without a sparse form is not drawn. */
export const MOST_ENTRIES = 4_000_000;

export interface Plan {
  n: number;
  m: number;
  at: (i: number, j: number) => number;
  /** Every entry that is not zero. */
  each: (visit: (i: number, j: number, value: number) => void) => void;
}

export interface Points {
  count: number;
  dimension: number;
  at: (i: number, k: number) => number;
}

export interface Picture {
  plan: Plan | null;
  x: Points | null;
  y: Points | null;
  /** Rows and columns of images, if the measures are images. */
  images: { a: [number, number]; b: [number, number] } | null;
  /** Why there is no plan to draw. */
  why: string;
}

type Record_ = Record<string, unknown>;

export async function picture(problem: Record_, answer: Record_): Promise<Picture> {
  const images = await imageShapes(problem);
  const x = images ? grid(images.a) : await pointsOf(problem.x);
  const y = images ? grid(images.b) : await pointsOf(problem.y);
  const given = answer.plan as Record_ | null | undefined;
  if (!given) return { plan: null, x, y, images, why: "This answer holds no plan: it was not asked for (option include), or none was found." };
  const [n, m] = given.shape as [number, number];
  if (given.form === "sparse") return { plan: await sparse(n, m, given), x, y, images, why: "" };
  if (n * m > MOST_ENTRIES) return { plan: null, x, y, images, why: `The plan has ${n} by ${m} entries, all of them positive: too many to draw. The Python client samples it.` };
  if (given.form === "low-rank") return { plan: await lowRank(n, m, given), x, y, images, why: "" };
  const cost = await costOf(problem, x, y, m);
  if (!cost) return { plan: null, x, y, images, why: "The plan is kept by its potentials, and its costs are of a kind that is not worked out here." };
  return { plan: await byPotentials(n, m, given, cost, problem), x, y, images, why: "" };
}

async function sparse(n: number, m: number, given: Record_): Promise<Plan> {
  const [data, indices, indptr] = await Promise.all([numbers(given.data), numbers(given.indices), numbers(given.indptr)]);
  if (!data || !indices || !indptr) throw new Error("the plan is incomplete");
  return {
    n,
    m,
    at(i, j) {
      for (let k = indptr[i] ?? 0; k < (indptr[i + 1] ?? 0); k += 1) if (indices[k] === j) return data[k] ?? 0;
      return 0;
    },
    each(visit) {
      for (let i = 0; i < n; i += 1) for (let k = indptr[i] ?? 0; k < (indptr[i + 1] ?? 0); k += 1) visit(i, indices[k] ?? 0, data[k] ?? 0);
    },
  };
}

function dense(n: number, m: number, at: (i: number, j: number) => number): Plan {
  return {
    n,
    m,
    at,
    each(visit) {
      for (let i = 0; i < n; i += 1)
        for (let j = 0; j < m; j += 1) {
          const value = at(i, j);
          if (value !== 0) visit(i, j, value);
        }
    },
  };
}

async function lowRank(n: number, m: number, given: Record_): Promise<Plan> {
  const [Q, R, weights] = await Promise.all([shaped(given.Q), shaped(given.R), numbers(given.weights)]);
  if (!Q || !R || !weights) throw new Error("the plan is incomplete");
  const rank = weights.length;
  return dense(n, m, (i, j) => {
    let sum = 0;
    for (let k = 0; k < rank; k += 1) sum += ((Q.data[i * rank + k] ?? 0) * (R.data[j * rank + k] ?? 0)) / (weights[k] ?? 1);
    return sum;
  });
}

async function byPotentials(n: number, m: number, given: Record_, cost: (i: number, j: number) => number, problem: Record_): Promise<Plan> {
  const [f, g, rows, columns] = await Promise.all([given.f, given.g, given.row_rest, given.column_rest].map(numbers));
  const a = await weightsOf(problem.a ?? problem.A, n, problem);
  const b = await weightsOf(problem.b ?? problem.B, m, problem);
  const epsilon = num(given.epsilon);
  return dense(
    n,
    m,
    (i, j) =>
      (a[i] ?? 0) * (b[j] ?? 0) * Math.exp(((f?.[i] ?? 0) + (g?.[j] ?? 0) - cost(i, j)) / epsilon) + (rows?.[i] ?? 0) * (columns?.[j] ?? 0),
  );
}

async function weightsOf(value: unknown, count: number, problem: Record_): Promise<Float64Array> {
  const found = (await shaped(value))?.data ?? new Float64Array(count).fill(1 / count);
  const total = found.reduce((sum, weight) => sum + weight, 0);
  return problem.normalize || problem.A ? found.map((weight) => weight / total) : found;
}

async function costOf(problem: Record_, x: Points | null, y: Points | null, m: number): Promise<((i: number, j: number) => number) | null> {
  const matrix = await shaped(problem.M);
  if (matrix) return (i, j) => matrix.data[i * m + j] ?? 0;
  if (!x || !y) return null;
  const metric = String(problem.cost ?? "sqeuclidean");
  const p = num(problem.p ?? 2);
  if (metric === "cosine") return null;
  const scale = problem.A ? num(problem.spacing ?? 1) : 1;
  return (i, j) => {
    let sum = 0;
    for (let k = 0; k < x.dimension; k += 1) {
      const d = scale * Math.abs(x.at(i, k) - y.at(j, k));
      sum += metric === "l1" ? d : metric === "lp" ? d ** p : d * d;
    }
    return metric === "euclidean" ? Math.sqrt(sum) : sum;
  };
}

async function pointsOf(value: unknown): Promise<Points | null> {
  const found = await shaped(value);
  if (!found) return null;
  const dimension = found.shape[1] ?? 1;
  return { count: found.shape[0] ?? 0, dimension, at: (i, k) => found.data[i * dimension + k] ?? 0 };
}

async function imageShapes(problem: Record_): Promise<Picture["images"]> {
  if (!problem.A || !problem.B) return null;
  const [a, b] = [await shaped(problem.A), await shaped(problem.B)];
  if (a?.shape.length !== 2 || b?.shape.length !== 2) return null;
  return { a: [a.shape[0] ?? 0, a.shape[1] ?? 0], b: [b.shape[0] ?? 0, b.shape[1] ?? 0] };
}

function grid([rows, columns]: [number, number]): Points {
  return { count: rows * columns, dimension: 2, at: (i, k) => (k === 0 ? Math.floor(i / columns) : i % columns) };
}

export interface Heat {
  rows: number;
  columns: number;
  /** Entries of the plan in one cell, in each direction. */
  block: [number, number];
  sums: Float64Array;
  largest: number;
}

/** The plan in at most `most` by `most` cells, each the sum of its entries. */
export function heat(plan: Plan, most = 512): Heat {
  const block: [number, number] = [Math.ceil(plan.n / most), Math.ceil(plan.m / most)];
  const rows = Math.ceil(plan.n / block[0]);
  const columns = Math.ceil(plan.m / block[1]);
  const sums = new Float64Array(rows * columns);
  plan.each((i, j, value) => {
    const k = Math.floor(i / block[0]) * columns + Math.floor(j / block[1]);
    sums[k] = (sums[k] ?? 0) + value;
  });
  return { rows, columns, block, sums, largest: sums.reduce((a, b) => Math.max(a, b), 0) };
}

export interface Flow {
  i: number;
  j: number;
  value: number;
}

/** The largest entries; `share` is how much of all mass they carry. */
export function strongest(plan: Plan, most: number): { flows: Flow[]; share: number } {
  let total = 0;
  let kept: Flow[] = [];
  let least = 0;
  plan.each((i, j, value) => {
    total += value;
    if (value <= least) return;
    kept.push({ i, j, value });
    if (kept.length >= 4 * most) {
      kept.sort((a, b) => b.value - a.value);
      kept = kept.slice(0, most);
      least = kept.at(-1)?.value ?? 0;
    }
  });
  kept.sort((a, b) => b.value - a.value);
  const flows = kept.slice(0, most);
  return { flows, share: total > 0 ? flows.reduce((sum, flow) => sum + flow.value, 0) / total : 0 };
}

/** Viridis (Smith and van der Walt), by five of its colours: even to the eye and safe for colour-blind ones. */
const VIRIDIS = [
  [68, 1, 84],
  [59, 82, 139],
  [33, 145, 140],
  [94, 201, 98],
  [253, 231, 37],
] as const;

export function viridis(share: number): [number, number, number] {
  const t = Math.min(1, Math.max(0, share)) * (VIRIDIS.length - 1);
  const k = Math.min(VIRIDIS.length - 2, Math.floor(t));
  const [low, high] = [VIRIDIS[k], VIRIDIS[k + 1]] as [(typeof VIRIDIS)[number], (typeof VIRIDIS)[number]];
  return [0, 1, 2].map((c) => Math.round((low[c] ?? 0) + (t - k) * ((high[c] ?? 0) - (low[c] ?? 0)))) as [number, number, number];
}
