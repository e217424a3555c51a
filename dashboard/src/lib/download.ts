import type { Table } from "./table";

export function save(parts: BlobPart[], filename: string, type: string): void {
  const url = URL.createObjectURL(new Blob(parts, { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = filename;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** An Arrow file (IPC) of the rows; the library is loaded when it is first asked for. */
export async function arrow(table: Table, rows: Uint32Array, title: string): Promise<Uint8Array> {
  const { tableFromArrays, tableToIPC } = await import("apache-arrow");
  const columns: Record<string, Uint32Array | Float64Array | string[]> = {
    index: Uint32Array.from(rows),
    [title]: Array.from(rows, (k) => table.names.at(k)),
  };
  for (const field of table.fields) {
    columns[field.key] = field.codes
      ? Array.from(rows, (k) => field.codes?.[field.values[k] ?? -1] ?? "")
      : Float64Array.from(rows, (k) => field.values[k] ?? NaN);
  }
  return tableToIPC(tableFromArrays(columns), "file");
}
