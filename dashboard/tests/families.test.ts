import { expect, test } from "vitest";
import { place } from "../src/pages/job/any-answer";
import { at, together } from "../src/lib/schedule";
import { bestSoFar, dominates, type Trial } from "../src/lib/study";
import { heat, picture, strongest, viridis } from "../src/lib/transport";

const trial = (number: number, values: Record<string, number> | null, more: Partial<Trial> = {}): Trial =>
  ({ number, state: values ? "completed" : "failed", values, params: {}, origin: "engine", created_at: "", ...more }) as Trial;

test("the best so far ignores failures and violated constraints", () => {
  const trials = [trial(1, null), trial(2, { loss: 5 }), trial(3, { loss: 1 }, { feasible: false }), trial(4, { loss: 7 }), trial(5, { loss: 2 })];
  expect(bestSoFar(trials, "loss", "min")).toEqual([NaN, 5, 5, 5, 2]);
  expect(bestSoFar(trials, "loss", "max")).toEqual([NaN, 5, 5, 7, 7]);
});

test("domination goes by each objective's own direction", () => {
  const goals = { loss: "min", speed: "max" } as const;
  const [a, b, c] = [trial(1, { loss: 1, speed: 5 }), trial(2, { loss: 2, speed: 5 }), trial(3, { loss: 0.5, speed: 1 })];
  expect([dominates(a, b, goals), dominates(b, a, goals), dominates(a, c, goals), dominates(a, a, goals)]).toEqual([true, false, false, false]);
});

test("a sparse plan is read entry by entry, summed into pixels, and sorted by mass", async () => {
  const plan = { form: "sparse", shape: [2, 3], data: [0.5, 0.2, 0.3], indices: [0, 2, 1], indptr: [0, 1, 3] };
  const found = await picture({ x: [0, 1], y: [[0], [1], [2]] }, { plan });
  if (!found.plan) throw new Error(found.why);
  const { plan: read } = found;
  expect([read.at(0, 0), read.at(0, 1), read.at(1, 2), read.at(1, 1)]).toEqual([0.5, 0, 0.2, 0.3]);
  expect(strongest(read, 1)).toEqual({ flows: [{ i: 0, j: 0, value: 0.5 }], share: 0.5 });
  const map = heat(read, 2);
  expect([map.rows, map.columns, map.block, [...map.sums]]).toEqual([2, 2, [1, 2], [0.5, 0, 0.3, 0.2]]);
  expect([found.x?.dimension, found.y?.count]).toEqual([1, 3]);
});

test("a plan kept by its potentials has the marginals that it should", async () => {
  // one point to two: f = 0, and g makes the row sums right: P_1j = b_j exp((g_j - M_1j) / e)
  const plan = { form: "potential", shape: [1, 2], f: [0], g: [1, 4], epsilon: 0.5, row_rest: [0], column_rest: [0, 0] };
  const found = await picture({ x: [[0]], y: [[1], [2]], a: [1], b: [0.25, 0.75] }, { plan });
  expect(found.plan?.at(0, 0)).toBeCloseTo(0.25, 12);
  expect(found.plan?.at(0, 1)).toBeCloseTo(0.75, 12);
  const rest = await picture({ x: [[0]], y: [[1], [2]], a: [1], b: [0.25, 0.75] }, { plan: { ...plan, row_rest: [2], column_rest: [0.1, 0] } });
  expect(rest.plan?.at(0, 0)).toBeCloseTo(0.45, 12);
});

test("a plan of low rank is Q diag(1/w) R'", async () => {
  const plan = { form: "low-rank", shape: [2, 2], Q: [[0.5, 0], [0, 0.5]], R: [[0.5, 0], [0, 0.5]], weights: [0.5, 0.5] };
  const found = await picture({ M: [[0, 1], [1, 0]] }, { plan });
  expect([0, 1].map((i) => [0, 1].map((j) => found.plan?.at(i, j)))).toEqual([
    [0.5, 0],
    [0, 0.5],
  ]);
});

test("images are their pixels, and what is too large says so", async () => {
  const plan = { form: "sparse", shape: [4, 4], data: [], indices: [], indptr: [0, 0, 0, 0, 0] };
  const found = await picture({ A: [[1, 0], [0, 1]], B: [[0, 1], [1, 0]] }, { plan });
  expect([found.images, found.x?.at(3, 0), found.x?.at(3, 1), found.x?.at(2, 1)]).toEqual([{ a: [2, 2], b: [2, 2] }, 1, 1, 0]);
  const large = await picture({}, { plan: { form: "potential", shape: [10_000, 10_000] } });
  expect(large.plan).toBeNull();
  expect(large.why).toContain("too many");
  expect((await picture({}, {})).why).toContain("no plan");
});

test("colours go from dark to light", () => {
  expect([viridis(0), viridis(1), viridis(2), viridis(-1)]).toEqual([[68, 1, 84], [253, 231, 37], [253, 231, 37], [68, 1, 84]]);
});

test("curves are straight between their knots and constant beyond", () => {
  const curve: [number, number][] = [[0, 0], [10, 1], [20, 0.5]];
  expect([-5, 0, 5, 10, 15, 30].map((step) => at(curve, step))).toEqual([0, 0, 0.5, 1, 0.75, 0.5]);
  expect(together([curve, [[0, 2], [20, 0]]])).toEqual({ steps: [0, 10, 20], values: [[0, 1, 0.5], [2, 1, 0]] });
});

test("entries of arrays have their places as names", () => {
  expect([place(5, [2, 3]), place(2, [4]), place(7, [2, 2, 2])]).toEqual(["[1, 2]", "[2]", "[1, 1, 1]"]);
});
