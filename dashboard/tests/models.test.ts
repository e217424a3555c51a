import { expect, test } from "vitest";
import { tableFromIPC } from "apache-arrow";
import { arrow } from "../src/lib/download";
import { algebra } from "../src/lib/model";
import { fileText, statement } from "../src/lib/model-file";
import { fromMps } from "../src/lib/mps";

const MPS = `* a comment
NAME          TINY
OBJSENSE
    MAX
ROWS
 N  COST
 L  LIM1
 G  LIM2
 E  MYEQN
COLUMNS
    X1  COST  1.0  LIM1  1.0
    X1  LIM2  1.0
    M1  'MARKER'  'INTORG'
    X2  COST  2.0  LIM1  1.0  MYEQN  -1.0
    M1  'MARKER'  'INTEND'
    X3  COST  -1.0  MYEQN  1.0
RHS
    RHS  LIM1  4.0  LIM2  1.0
    RHS  MYEQN  7.0
RANGES
    RNG  LIM1  2.5  MYEQN  -3
BOUNDS
 UP BND  X1  4.0
 LO BND  X2  -1.0
 FR X3
ENDATA
`;

test("rows, ranges, bounds and markers of an MPS file are read as they are defined", async () => {
  const model = await algebra(fromMps(MPS) ?? {});
  expect([0, 1, 2].map((i) => `${model?.constraint(i)}: ${model?.row(i)}`)).toEqual(["LIM1: 1.5 ≤ X1 + X2 ≤ 4", "LIM2: X1 ≥ 1", "MYEQN: 4 ≤ −X2 + X3 ≤ 7"]);
  expect([0, 1, 2].map((j) => model?.bounds(j))).toEqual(["0 ≤ X1 ≤ 4", "X2 ≥ −1, integer", "X3 free"]);
  expect(model?.objective).toBe("maximize X1 + 2 X2 − X3");
});

test("other files are not taken for MPS", () => {
  expect(fromMps("min\n x\nst\n c: x >= 1\nend\n")).toBeNull();
  expect(fromMps(MPS.replace("BOUNDS", "INDICATORS"))).toBeNull();
});

test("a packed file is opened, one that browsers cannot open is named", async () => {
  const packed = new Response(new Blob([MPS]).stream().pipeThrough(new CompressionStream("gzip")));
  const base64 = btoa(String.fromCharCode(...new Uint8Array(await packed.arrayBuffer())));
  expect(await fileText({ file: { base64, filename: "tiny.mps.gz" } })).toEqual({ text: MPS, why: "" });
  expect((await fileText({ file: { base64: "AAAA", filename: "tiny.mps.zst" } }))?.why).toContain(".zst");
  expect(await fileText({ objective: [1] })).toBeNull();
});

test("a row of an LP file is found with all of its lines", () => {
  const text = "min\n cost: x\nsubject to\n one: x + y\n  + z >= 2\n two: x <= 1\nbounds\n x <= 5\nend\n";
  expect(statement(text, "one")).toBe("one: x + y + z >= 2");
  expect(statement(text, "two")).toBe("two: x <= 1");
  expect(statement(text, "three")).toBeNull();
});

test("an Arrow file has the rows, names and words that were asked for", async () => {
  const names = ["α", "b", "long ".repeat(40)];
  const table = {
    names: { length: 3, at: (k: number) => names[k] ?? "" },
    fields: [
      { key: "value", title: "Value", values: Float64Array.of(1.5, NaN, Infinity) },
      { key: "basis", title: "Basis", values: Float64Array.of(0, 1, 0), codes: ["basic", "at lower"] },
    ],
  };
  const read = tableFromIPC(await arrow(table, Uint32Array.of(2, 0), "variable"));
  expect(read.toArray().map((row) => ({ ...row }))).toEqual([
    { index: 2, variable: names[2], value: Infinity, basis: "basic" },
    { index: 0, variable: "α", value: 1.5, basis: "basic" },
  ]);
});
