/** Where two answers differ. */
import type { Table } from "./table";

export interface Change {
  name: string;
  first: number;
  second: number;
}

export interface Difference {
  /** The largest ones. */
  changes: Change[];
  /** How many there are in all. */
  count: number;
  compared: number;
  /** Names that only one of them has. */
  alone: number;
}

/** Values are the same within 1e-6 of their size: what two engines may differ by within their tolerances. */
export function difference(first: Table, second: Table, most = 100): Difference {
  const places = new Map<string, number>();
  for (let k = 0; k < second.names.length; k += 1) places.set(second.names.at(k), k);
  const changes: Change[] = [];
  let compared = 0;
  for (let k = 0; k < first.names.length; k += 1) {
    const name = first.names.at(k);
    const place = places.get(name);
    if (place === undefined) continue;
    compared += 1;
    const a = first.fields[0]?.values[k] ?? NaN;
    const b = second.fields[0]?.values[place] ?? NaN;
    if (!(Math.abs(a - b) <= 1e-6 * Math.max(1, Math.abs(a), Math.abs(b)))) changes.push({ name, first: a, second: b });
  }
  const count = changes.length;
  changes.sort((a, b) => Math.abs(b.first - b.second) - Math.abs(a.first - a.second));
  return { changes: changes.slice(0, most), count, compared, alone: first.names.length + second.names.length - 2 * compared };
}
