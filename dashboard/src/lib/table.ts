/** Tables of up to millions of rows, searched and sorted by index: rows are made only for the page that is shown. */
import type { Column } from "./npz";

export interface Field {
  key: string;
  title: string;
  /** What it means, for people who hover. */
  help?: string;
  values: Float64Array;
  /** Codes with words, such as a basis status. */
  codes?: readonly string[];
}

export interface Table {
  names: Column<string>;
  fields: readonly Field[];
}

export interface View {
  search: string;
  sort: string;
  descending: boolean;
  /** Only rows of which this field is not zero. */
  nonzero: string;
}

/** The rows that fit, in order. Names are compared without case; a search that is all digits also finds that row. */
export function select(table: Table, view: View): Uint32Array {
  const search = view.search.trim().toLowerCase();
  const field = table.fields.find((candidate) => candidate.key === view.nonzero);
  const found = new Uint32Array(table.names.length);
  let count = 0;
  for (let k = 0; k < found.length; k += 1) {
    if (field && Math.abs(field.values[k] ?? 0) <= 1e-12) continue;
    if (search && String(k) !== search && !table.names.at(k).toLowerCase().includes(search)) continue;
    found[count++] = k;
  }
  const rows = found.subarray(0, count);
  const by = table.fields.find((candidate) => candidate.key === view.sort);
  if (by) {
    const sign = view.descending ? -1 : 1;
    // NaN goes last in either direction
    rows.sort((a, b) => {
      const x = by.values[a] ?? NaN;
      const y = by.values[b] ?? NaN;
      if (x === y) return a - b;
      if (Number.isNaN(x)) return Number.isNaN(y) ? a - b : 1;
      if (Number.isNaN(y)) return -1;
      return x < y ? -sign : sign;
    });
  } else if (view.sort === "name") {
    const sign = view.descending ? -1 : 1;
    const order = new Intl.Collator(undefined, { numeric: true });
    rows.sort((a, b) => sign * order.compare(table.names.at(a), table.names.at(b)));
  } else if (view.descending) {
    rows.reverse();
  }
  return rows;
}

export function cell(field: Field, row: number): number | string {
  const value = field.values[row] ?? NaN;
  return field.codes ? (field.codes[value] ?? String(value)) : value;
}

/** RFC 4180, in pieces so that millions of rows do not need one string. */
export function* csv(table: Table, rows: Iterable<number>, title: string): Generator<string> {
  yield ["index", title, ...table.fields.map((field) => field.key)].map(quoted).join(",") + "\r\n";
  let lines: string[] = [];
  for (const k of rows) {
    lines.push([String(k), quoted(table.names.at(k)), ...table.fields.map((field) => text(cell(field, k)))].join(","));
    if (lines.length === 10_000) {
      yield lines.join("\r\n") + "\r\n";
      lines = [];
    }
  }
  if (lines.length) yield lines.join("\r\n") + "\r\n";
}

export function* json(table: Table, rows: Iterable<number>, title: string): Generator<string> {
  yield "[\n";
  let first = true;
  let lines: string[] = [];
  for (const k of rows) {
    const row: Record<string, unknown> = { index: k, [title]: table.names.at(k) };
    for (const field of table.fields) {
      const value = cell(field, k);
      row[field.key] = typeof value === "number" && !Number.isFinite(value) ? infinite(value) : value;
    }
    lines.push((first ? "" : ",\n") + JSON.stringify(row));
    first = false;
    if (lines.length === 10_000) {
      yield lines.join("");
      lines = [];
    }
  }
  yield lines.join("") + "\n]\n";
}

function infinite(value: number): string {
  return Number.isNaN(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
}

function text(value: number | string): string {
  return typeof value === "number" ? String(value) : quoted(value);
}

/** A cell that a spreadsheet would take for a formula is kept as text. */
function quoted(value: string): string {
  const safe = /^[=+\-@\t]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
