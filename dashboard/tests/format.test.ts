import { expect, test } from "vitest";
import { bytes, num, number, percent, plural, relative, seconds, words } from "../src/lib/format";

test("numbers of the contract keep their infinities", () => {
  expect([num("Infinity"), num("-Infinity"), num(3)]).toEqual([Infinity, -Infinity, 3]);
  expect(num("NaN")).toBeNaN();
  expect(num(null)).toBeNaN();
});

test.each([
  [0, "0"],
  [-1234, "−1234"],
  [43003, "43\u202f003"],
  [43120.25, "43\u202f120.25"],
  [1.208e-13, "1.208e−13"],
  [1.2e-5, "1.2e−5"],
  [-464.75314285714, "−464.7531429"],
  [1e20, "1e20"],
  ["Infinity", "∞"],
  [null, "–"],
])("%s is written %s", (value, text) => {
  expect(number(value)).toBe(text);
});

test("gaps are percentages of three digits, also tiny ones", () => {
  expect([0, 0.00272, 1.5, 1e-9, "Infinity", null].map(percent)).toEqual(["0 %", "0.272 %", "150 %", "1e−7 %", "∞", "–"]);
});

test("durations have the unit that fits", () => {
  expect([0.0412, 5.3, 59.96, 90, 7260, 90_000].map(seconds)).toEqual(["41 ms", "5.3 s", "60 s", "1 min 30 s", "2 h 1 min", "1 d 1 h"]);
});

test("times are told from now", () => {
  const now = Date.parse("2030-01-01T12:00:00Z");
  const at = (text: string): string => relative(text, now);
  expect(["2030-01-01T11:59:59Z", "2030-01-01T11:59:00Z", "2030-01-01T15:00:00Z", "2029-12-30T12:00:00Z"].map(at)).toEqual([
    "now",
    "1 min ago",
    "in 3 h",
    "2 d ago",
  ]);
});

test("sizes, counts and names are words", () => {
  expect([bytes(999), bytes(64_000_000), plural(1, "row"), plural(2, "row"), words("primal-feasibility"), words("row_lower")]).toEqual([
    "999 B",
    "64 MB",
    "1 row",
    "2 rows",
    "Primal feasibility",
    "Row lower",
  ]);
});
