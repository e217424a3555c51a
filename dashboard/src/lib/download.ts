import type { Table } from "./table";

export function save(parts: BlobPart[], filename: string, type: string): void {
  const url = URL.createObjectURL(new Blob(parts, { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = filename;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/**
 * An Arrow file (IPC) of the rows; the library is loaded when it is first asked for. Its builders would compile code, which
 * the page's policy forbids: columns are made of their buffers.
 */
export async function arrow(table: Table, rows: Uint32Array, title: string): Promise<Uint8Array> {
  const { Table: Columns, Utf8, makeData, makeVector, tableToIPC, Vector } = await import("apache-arrow");
  const texts = (at: (row: number) => string): InstanceType<typeof Vector> => {
    const { bytes, offsets } = utf8(rows, at);
    return new Vector([makeData({ type: new Utf8(), length: rows.length, nullCount: 0, data: bytes, valueOffsets: offsets })]);
  };
  const columns: Record<string, InstanceType<typeof Vector>> = {
    index: makeVector(Uint32Array.from(rows)),
    [title]: texts((row) => table.names.at(row)),
  };
  for (const field of table.fields) {
    columns[field.key] = field.codes ? texts((row) => field.codes?.[field.values[row] ?? -1] ?? "") : makeVector(Float64Array.from(rows, (row) => field.values[row] ?? NaN));
  }
  return tableToIPC(new Columns(columns), "file");
}

/** Texts end to end, and where each begins. */
export function utf8(rows: Uint32Array, at: (row: number) => string): { bytes: Uint8Array; offsets: Int32Array } {
  const encoder = new TextEncoder();
  const offsets = new Int32Array(rows.length + 1);
  let bytes = new Uint8Array(16 * rows.length + 64);
  let end = 0;
  rows.forEach((row, k) => {
    const text = at(row);
    // a UTF-16 unit becomes three bytes at most
    if (end + 3 * text.length > bytes.length) {
      const larger = new Uint8Array(2 * bytes.length + 3 * text.length);
      larger.set(bytes);
      bytes = larger;
    }
    end += encoder.encodeInto(text, bytes.subarray(end)).written;
    offsets[k + 1] = end;
  });
  return { bytes: bytes.slice(0, end), offsets };
}
