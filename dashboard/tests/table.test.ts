import { expect, test } from "vitest";
import { difference } from "../src/lib/compare";
import { csv, json, select, type Table, type View } from "../src/lib/table";

const NAMES = ["x10", "x2", "tent", "Lamp"];
const table: Table = {
  names: { length: 4, at: (k) => NAMES[k] ?? "" },
  fields: [
    { key: "value", title: "Value", values: Float64Array.of(3, 0, NaN, -Infinity) },
    { key: "basis", title: "Basis", values: Float64Array.of(0, 1, 1, 0), codes: ["basic", "at lower"] },
  ],
};
const view: View = { search: "", sort: "", descending: false, nonzero: "" };
const found = (changes: Partial<View>): number[] => [...select(table, { ...view, ...changes })];

test("search is by part of a name without case, or by number", () => {
  expect([found({ search: "LAMP" }), found({ search: "x" }), found({ search: "2" })]).toEqual([[3], [0, 1], [1, 2]]);
});

test("sorting keeps NaN last in either direction", () => {
  expect([found({ sort: "value" }), found({ sort: "value", descending: true })]).toEqual([
    [3, 1, 0, 2],
    [0, 1, 3, 2],
  ]);
});

test("names sort by the numbers in them", () => {
  expect(found({ sort: "name" })).toEqual([3, 2, 1, 0]);
});

test("zeros can be left out", () => {
  expect(found({ nonzero: "value" })).toEqual([0, 2, 3]);
});

test("a million rows are searched and sorted in a second", () => {
  const n = 1_000_000;
  const large: Table = {
    names: { length: n, at: (k) => `x${k}` },
    fields: [{ key: "value", title: "Value", values: Float64Array.from({ length: n }, (_, k) => (k * 7919) % n) }],
  };
  const begin = performance.now();
  const rows = select(large, { ...view, search: "x99", sort: "value", descending: true });
  expect(rows.length).toBe(11_111);
  expect(performance.now() - begin).toBeLessThan(3000);
});

test("CSV quotes what needs it, and no cell becomes a formula", () => {
  const odd: Table = { names: { length: 2, at: (k) => ['=cmd("x")', 'a,"b"'][k] ?? "" }, fields: table.fields };
  expect([...csv(odd, [0, 1], "variable")].join("")).toBe(
    'index,variable,value,basis\r\n0,"\'=cmd(""x"")",3,basic\r\n1,"a,""b""",0,at lower\r\n',
  );
});

test("JSON keeps infinities as the contract writes them", () => {
  expect(JSON.parse([...json(table, [2, 3], "variable")].join(""))).toEqual([
    { index: 2, variable: "tent", value: "NaN", basis: "at lower" },
    { index: 3, variable: "Lamp", value: "-Infinity", basis: "basic" },
  ]);
});

test("answers differ where values do, by name and whatever the order", () => {
  const other: Table = {
    names: { length: 3, at: (k) => ["tent", "x2", "x10"][k] ?? "" },
    fields: [{ key: "value", title: "Value", values: Float64Array.of(NaN, 1e-9, 5) }],
  };
  const result = difference(table, other);
  expect(result).toMatchObject({ compared: 3, alone: 1 });
  expect(result.changes.map((change) => change.name)).toEqual(["x10", "tent"]);
});
