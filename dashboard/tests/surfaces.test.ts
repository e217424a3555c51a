import { expect, test } from "vitest";
import { bilinear, isoline, placeOf } from "../src/lib/contours";
import { flatten } from "../src/lib/optima";
import { light, palette, problem } from "../src/lib/pictures";
import { ranked } from "../src/lib/study";
import { telling, wide } from "../src/pages/job/curves";

test("places are found among numbers and among words", () => {
  expect([placeOf(2.5, [1, 2, 4]), placeOf(1, [1, 2, 4]), placeOf(9, [1, 2, 4]), placeOf(0, [1, 2, 4])]).toEqual([1.25, 0, NaN, NaN]);
  expect([placeOf("b", ["a", "b"]), placeOf(undefined, ["a"]), placeOf(true, [false, true])]).toEqual([1, NaN, 1]);
});

test("the iso-line of a plane is straight, of a cone it goes around", () => {
  const plane = [0, 1, 2].map((y) => [0, 1, 2].map((x) => x + 0 * y));
  for (const [x1, , x2] of isoline(plane, 0.5)) expect([x1, x2]).toEqual([0.5, 0.5]);
  expect(isoline(plane, 5)).toEqual([]);
  const cone = Array.from({ length: 21 }, (_, y) => Array.from({ length: 21 }, (_, x) => Math.hypot(x - 10, y - 10)));
  const line = isoline(cone, 6);
  for (const [x, y] of line) expect(Math.abs(Math.hypot(x - 10, y - 10) - 6)).toBeLessThan(0.05);
  const length = line.reduce((sum, [x1, y1, x2, y2]) => sum + Math.hypot(x2 - x1, y2 - y1), 0);
  expect(Math.abs(length - 12 * Math.PI)).toBeLessThan(0.3);
});

test("between grid points values are in proportion, beyond them those of the edge", () => {
  const grid = [
    [0, 2],
    [4, 6],
  ];
  expect([bilinear(grid, 0.5, 0.5), bilinear(grid, 1, 0), bilinear(grid, 9, 9), bilinear(grid, -1, 0)]).toEqual([3, 2, 6, 0]);
});

test("what was clicked beats what was not, in the order of the clicks", () => {
  expect(ranked([5, 2], [2, 5, 7, 9])).toEqual({ best: [5, 2], others: [7, 9] });
});

test("residuals and penalties are shown first, wide ranges logarithmically", () => {
  expect(telling(["iterations", "penalty", "starts", "lower_residual"])).toEqual(["lower_residual", "penalty"]);
  expect(telling(["iterations", "depth"])).toEqual(["iterations"]);
  expect([wide([1, 1e-6]), wide([1, 2]), wide([-1, 1e9]), wide([1]), wide([0, 0, 0])]).toEqual([true, false, false, false, false]);
});

test("entries of arrays are named by their place", () => {
  expect([...flatten({ x: 1, W: [[2, 3]], v: [4, "Infinity"] })]).toEqual([
    ["x", 1],
    ["W[0, 0]", 2],
    ["W[0, 1]", 3],
    ["v[0]", 4],
    ["v[1]", Infinity],
  ]);
});

const picture = (pixels: number[][], width: number): Parameters<typeof light>[0] => ({ width, height: pixels.length / width, data: Uint8ClampedArray.from(pixels.flat()) });

test("light weighs colours as eyes do; transparent pixels weigh nothing", () => {
  const found = light(picture([[255, 255, 255, 255], [0, 255, 0, 255], [255, 255, 255, 0], [0, 0, 0, 255]], 2), false);
  expect(found).toEqual([
    [1, 0.7152],
    [0, 0],
  ]);
  expect(light(picture([[0, 0, 0, 255]], 1), true)).toEqual([[1]]);
});

test("a palette has the colours that there are, each with its share", () => {
  const { colours, weights } = palette(picture([[255, 0, 0, 255], [255, 0, 0, 255], [255, 0, 0, 255], [0, 0, 255, 255]], 2), 2);
  const red = colours.findIndex((colour) => colour[0] === 1);
  expect(colours[red]).toEqual([1, 0, 0]);
  expect(weights.reduce((a, b) => a + b)).toBe(1);
  expect(palette(picture([[9, 9, 9, 255]], 1), 5).weights).toEqual([1]);
});

test("an empty picture is refused with what is wrong", () => {
  const black = picture([[0, 0, 0, 255]], 1);
  expect(() => problem(black, black, "light", 2)).toThrow("first picture is all black");
  expect(problem(black, black, "colours", 2)).toMatchObject({ kind: "transport", x: [[0, 0, 0]], a: [1] });
});
