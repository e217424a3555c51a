/** Surfaces over a grid: places along an axis, iso-lines. */

export type Value = number | string | boolean;

/** Where a value lies among those of an axis, in steps from the first; NaN if it lies nowhere. */
export function placeOf(value: Value | undefined, values: readonly Value[]): number {
  const same = values.indexOf(value as Value);
  if (same >= 0 || typeof value !== "number") return same >= 0 ? same : NaN;
  const numbers = values as readonly number[];
  const after = numbers.findIndex((one) => one >= value);
  if (after === 0 || numbers.length === 0) return after === 0 && numbers[0] === value ? 0 : NaN;
  if (after < 0) return NaN;
  const [low, high] = [numbers[after - 1] ?? NaN, numbers[after] ?? NaN];
  return after - 1 + (value - low) / (high - low);
}

export type Segment = [number, number, number, number];

/** The line on which a surface has a level, as segments in steps of the grid (marching squares; Lorensen, Cline 1987, in the plane). */
export function isoline(grid: readonly (readonly number[])[], level: number): Segment[] {
  const found: Segment[] = [];
  for (let i = 0; i + 1 < grid.length; i += 1) {
    const [below, above] = [grid[i] ?? [], grid[i + 1] ?? []];
    for (let j = 0; j + 1 < below.length; j += 1) {
      const [a, b, c, d] = [below[j] ?? NaN, below[j + 1] ?? NaN, above[j + 1] ?? NaN, above[j] ?? NaN];
      const cuts: [number, number][] = [];
      const cut = (p: number, q: number, at: (t: number) => [number, number]): void => {
        if (p < level !== q < level) cuts.push(at((level - p) / (q - p)));
      };
      cut(a, b, (t) => [j + t, i]);
      cut(b, c, (t) => [j + 1, i + t]);
      cut(d, c, (t) => [j + t, i + 1]);
      cut(a, d, (t) => [j, i + t]);
      // four cuts are a saddle: bottom with right, top with left
      for (let k = 0; k + 1 < cuts.length; k += 2) found.push([...(cuts[k] as [number, number]), ...(cuts[k + 1] as [number, number])]);
    }
  }
  return found;
}

/** Between the four values around a place, both ways in proportion. */
export function bilinear(grid: readonly (readonly number[])[], x: number, y: number): number {
  const rows = grid.length;
  const columns = grid[0]?.length ?? 0;
  const [i, j] = [Math.min(rows - 2, Math.max(0, Math.floor(y))), Math.min(columns - 2, Math.max(0, Math.floor(x)))];
  const [t, s] = [Math.min(1, Math.max(0, y - i)), Math.min(1, Math.max(0, x - j))];
  const [low, high] = [grid[i] ?? [], grid[i + 1] ?? grid[i] ?? []];
  const across = (row: readonly number[]): number => (1 - s) * (row[j] ?? NaN) + s * (row[j + 1] ?? row[j] ?? NaN);
  return (1 - t) * across(low) + t * across(high);
}
