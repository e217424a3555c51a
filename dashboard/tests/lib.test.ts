import { expect, test } from "vitest";
import type { Engine, Job, JobEvent } from "../src/api/client";
import { newer } from "../src/api/hooks";
import { EXAMPLES } from "../src/lib/examples";
import { algebra, linesWith } from "../src/lib/model";
import { change, choices, current, read } from "../src/lib/options";
import { guessName, looksLikeOurs, parse } from "../src/lib/read";
import { drawable, metricNames, overlay, points } from "../src/lib/series";
import { commandLine, curl, literal, python, quoted } from "../src/lib/snippets";

const progress = (seq: number, data: Record<string, unknown>): JobEvent => ({
  seq,
  job_id: "job_1",
  attempt: 1,
  at: "2030-01-01T00:00:00Z",
  type: "progress",
  data,
});

test("events become curves, and the engine's own metrics have names", () => {
  const found = points([
    { ...progress(1, {}), type: "started" },
    progress(2, { t: 1, objective: "Infinity", bound: 3, nodes: 5, engine: "scip" }),
    progress(3, { t: 2, objective: 4, bound: 3, gap: 0.25, nodes: 9, cuts: 1 }),
  ]);
  expect(found.map((point) => [point.t, point.objective, point.gap])).toEqual([
    [1, Infinity, NaN],
    [2, 4, 0.25],
  ]);
  expect(metricNames(found)).toEqual(["nodes", "cuts"]);
  expect(drawable([Infinity, 0, 2])).toEqual([null, 0, 2]);
  expect(drawable([Infinity, 0, 2], true)).toEqual([null, null, 2]);
});

test("runs over one time hold their last value until they end", () => {
  expect(
    overlay([
      { t: [0, 2], y: [10, 8] },
      { t: [1, 3], y: [7, NaN] },
    ]),
  ).toEqual([
    [0, 1, 2, 3],
    [10, 10, 8, null],
    [null, 7, 7, null],
  ]);
});

test("the same request is Python, curl and command", () => {
  const request = {
    problem: { kind: "program", file: { filename: "it's.mps", content: "…" } },
    engine: "scip",
    name: "a b",
    options: { time_limit: 5, presolve: false, engine_options: { heuristics: "fast" } },
  };
  expect(python(request)).toContain('kantor.Program.from_file("it\'s.mps")');
  expect(python(request)).toContain("presolve=False");
  expect(python(request)).toContain('engine_options={"heuristics": "fast"}');
  expect(commandLine(request)).toBe(
    "kantor solve 'it'\\''s.mps' --engine scip --time-limit 5 --option presolve=false --option heuristics=fast --name 'a b'\n",
  );
  expect(curl(request, "http://here")).toContain("http://here/v1/jobs");
});

test("literals are Python's", () => {
  expect(literal({ a: [1, true, null, "Infinity", 'q"'] })).toBe('{"a": [1, True, None, float("inf"), "q\\""]}');
  expect(quoted("plain-1.mps")).toBe("plain-1.mps");
});

test("pasted text is told apart", async () => {
  expect(looksLikeOurs('{"problem": {}}')).toBe(true);
  expect(looksLikeOurs("problem:\n  objective: [1]\n")).toBe(true);
  expect(looksLikeOurs("max\n obj: x\nst\n c: x <= 1\nend")).toBe(false);
  expect(["NAME  T\nROWS\n", "min: +1 x1;\n+1 x1 >= 1 ;", "min\n x\nend"].map(guessName)).toEqual(["model.mps", "model.opb", "model.lp"]);
  expect(await parse("objective: [1, 2]\nlower: [3, .inf]\n", "")).toMatchObject({ problem: { kind: "program", objective: [1, 2] } });
  expect(await parse('{"problem": {"kind": "transport"}, "engine": "sinkhorn"}', "t")).toMatchObject({ engine: "sinkhorn", name: "t" });
  await expect(parse("{oops", "")).rejects.toThrow("not valid JSON");
  await expect(parse("just words", "")).rejects.toThrow("object with `problem`");
});

const OPTION = { name: "threads", type: "integer" as const, default: 1, minimum: 1, maximum: 8 };
const ENGINES = [
  { id: "a", family: "program", shared_options: [OPTION], options: [{ name: "depth", type: "float" as const }] },
  { id: "b", family: "program", shared_options: [{ ...OPTION, default: 4 }], options: [] },
] as unknown as Engine[];

test("forms are made of what engines announce", () => {
  expect(choices(ENGINES, "program", "a").map((choice) => [choice.spec.name, choice.own])).toEqual([
    ["threads", false],
    ["depth", true],
  ]);
  expect(choices(ENGINES, "program", "auto")[0]?.spec.default).toBeNull();
  expect(choices(ENGINES, "transport", "auto")).toEqual([]);
  const own = choices(ENGINES, "program", "a")[1];
  if (!own) throw new Error();
  const set = change({}, own, 2.5);
  expect(set).toEqual({ engine_options: { depth: 2.5 } });
  expect(current(set, own)).toBe("2.5");
  expect(change(set, own, undefined)).toEqual({});
});

test("what does not fit an option is said before it is sent", () => {
  expect([read(OPTION, "2"), read(OPTION, "2.5"), read(OPTION, "9"), read(OPTION, "x"), read(OPTION, "")]).toEqual([
    { value: 2 },
    { fault: "a whole number is needed" },
    { fault: "at most 8" },
    { fault: "a number is needed" },
    {},
  ]);
});

test("a problem by numbers is shown as algebra", async () => {
  const model = await algebra({
    sense: "max",
    objective: [3, -1, 0],
    A: { format: "csr", shape: [2, 3], data: [1, 2, -1.5], indices: [0, 1, 2], indptr: [0, 2, 3] },
    row_lower: ["-Infinity", 1],
    row_upper: [4, 1],
    upper: [1, "Infinity", "Infinity"],
    integrality: [1, 0, 0],
    variable_names: ["a", "b", "c"],
  });
  expect(model?.objective).toBe("maximize 3 a − b");
  expect([model?.row(0), model?.row(1), model?.bounds(0), model?.bounds(1)]).toEqual([
    "a + 2 b ≤ 4",
    "−1.5 c = 1",
    "0 ≤ a ≤ 1, integer",
    "b ≥ 0",
  ]);
  expect(await algebra({ file: { content: "x" } })).toBeNull();
});

test("lines of a file that speak of a name are found", () => {
  expect([...linesWith("min\n c1: x + y\nst\n c11: y <= 1\n", new Set(["c11"]))]).toEqual([3]);
});

test("examples are the same every time and have names of their own", () => {
  for (const example of EXAMPLES) expect(JSON.stringify(example.request())).toBe(JSON.stringify(example.request()));
  expect(new Set(EXAMPLES.map((example) => example.id)).size).toBe(EXAMPLES.length);
});

test("a late reply does not undo what the stream has told", () => {
  const job = (last_seq: number, state: string): Job => ({ id: "job_1", last_seq, state }) as Job;
  expect(newer(job(9, "succeeded"), job(1, "queued")).state).toBe("succeeded");
  expect(newer(job(2, "running"), job(9, "succeeded")).state).toBe("succeeded");
  expect(newer(undefined, job(1, "queued")).state).toBe("queued");
});
