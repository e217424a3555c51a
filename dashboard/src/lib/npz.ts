/** Arrays of an answer: inline lists, or members of an .npz artifact, of which only what is shown is fetched (Range requests). */
import { call } from "../api/client";
import { num } from "./format";

/** Numbers or texts by index. */
export interface Column<T> {
  readonly length: number;
  at(index: number): T;
}

export interface Member {
  /** Where its bytes begin and how many there are; stored, not compressed. */
  start: number;
  size: number;
}

interface Reference {
  artifact: string;
  member?: string | null;
}

export type Fetcher = (artifact: string, from: number, to: number) => Promise<{ bytes: Uint8Array; total: number }>;

const range: Fetcher = async (artifact, from, to) => {
  const wanted = from < 0 ? `bytes=${from}` : `bytes=${from}-${to - 1}`;
  const reply = await call(`/v1/artifacts/${artifact}/content`, { headers: { Range: wanted } });
  const bytes = new Uint8Array(await reply.arrayBuffer());
  const total = Number(/\/(\d+)$/.exec(reply.headers.get("Content-Range") ?? "")?.[1] ?? bytes.length);
  return { bytes, total };
};

/** The members of a zip archive, read from its end (APPNOTE 4.3.12, 4.3.14, 4.3.16). */
export async function directory(artifact: string, fetcher: Fetcher = range): Promise<Map<string, Member>> {
  const tail = await fetcher(artifact, -65_557, 0);
  const view = new DataView(tail.bytes.buffer, tail.bytes.byteOffset, tail.bytes.byteLength);
  let end = view.byteLength - 22;
  while (end >= 0 && view.getUint32(end, true) !== 0x06054b50) end -= 1;
  if (end < 0) throw new Error("The artifact is no .npz archive.");
  let count = view.getUint16(end + 10, true);
  let size = view.getUint32(end + 12, true);
  let offset = view.getUint32(end + 16, true);
  const locator = end - 20;
  if (locator >= 0 && view.getUint32(locator, true) === 0x07064b50) {
    const begin = tail.total - view.byteLength;
    const record = Number(view.getBigUint64(locator + 8, true)) - begin;
    count = Number(view.getBigUint64(record + 32, true));
    size = Number(view.getBigUint64(record + 40, true));
    offset = Number(view.getBigUint64(record + 48, true));
  }
  const central = (await fetcher(artifact, offset, offset + size)).bytes;
  const entries = new DataView(central.buffer, central.byteOffset, central.byteLength);
  const found = new Map<string, Member>();
  for (let at = 0, k = 0; k < count; k += 1) {
    const name = entries.getUint16(at + 28, true);
    const extra = entries.getUint16(at + 30, true);
    const comment = entries.getUint16(at + 32, true);
    if (entries.getUint16(at + 10, true) !== 0) throw new Error("The artifact's arrays are compressed.");
    const text = new TextDecoder().decode(central.subarray(at + 46, at + 46 + name));
    let length = entries.getUint32(at + 24, true);
    let header = entries.getUint32(at + 42, true);
    for (let p = at + 46 + name; p < at + 46 + name + extra; p += 4 + entries.getUint16(p + 2, true)) {
      if (entries.getUint16(p, true) !== 1) continue;
      let q = p + 4;
      if (length === 0xffffffff) {
        length = Number(entries.getBigUint64(q, true));
        q += 16;
      }
      if (header === 0xffffffff) header = Number(entries.getBigUint64(q, true));
    }
    const local = (await fetcher(artifact, header, header + 30)).bytes;
    const head = new DataView(local.buffer, local.byteOffset, local.byteLength);
    const start = header + 30 + head.getUint16(26, true) + head.getUint16(28, true);
    found.set(text.replace(/\.npy$/, ""), { start, size: length });
    at += 46 + name + extra + comment;
  }
  return found;
}

/** A whole .npy array: numbers as doubles, or texts ("<U7"). */
export function npy(bytes: Uint8Array): Float64Array | Column<string> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const wide = (bytes[6] ?? 1) >= 2;
  const headerLength = wide ? view.getUint32(8, true) : view.getUint16(8, true);
  const begin = (wide ? 12 : 10) + headerLength;
  const header = new TextDecoder("latin1").decode(bytes.subarray(wide ? 12 : 10, begin));
  const type = /'descr':\s*'([^']+)'/.exec(header)?.[1] ?? "";
  const body = bytes.slice(begin);
  const letters = /^<U(\d+)$/.exec(type)?.[1];
  if (letters !== undefined) return texts(new Uint32Array(body.buffer), Number(letters));
  switch (type) {
    case "<f8":
      return new Float64Array(body.buffer);
    case "<f4":
      return Float64Array.from(new Float32Array(body.buffer));
    case "<i8":
      return Float64Array.from(new BigInt64Array(body.buffer), Number);
    case "<i4":
      return Float64Array.from(new Int32Array(body.buffer));
    case "|i1":
      return Float64Array.from(new Int8Array(body.buffer));
    case "|u1":
      return Float64Array.from(body);
    default:
      throw new Error(`Arrays of type ${type} are not shown here.`);
  }
}

/** The shape in the header of an .npy array. */
export function shapeOf(bytes: Uint8Array): number[] {
  const header = new TextDecoder("latin1").decode(bytes.subarray(0, 400));
  return (/'shape':\s*\(([^)]*)\)/.exec(header)?.[1] ?? "").split(",").filter((part) => part.trim()).map(Number);
}

function texts(codes: Uint32Array, width: number): Column<string> {
  return {
    length: width ? codes.length / width : 0,
    at(index) {
      let end = width;
      while (end > 0 && codes[index * width + end - 1] === 0) end -= 1;
      return String.fromCodePoint(...codes.subarray(index * width, index * width + end));
    },
  };
}

const directories = new Map<string, Promise<Map<string, Member>>>();

async function bytesOf(artifact: string, name: string): Promise<Uint8Array> {
  let known = directories.get(artifact);
  if (known === undefined) {
    known = directory(artifact);
    directories.set(artifact, known);
    known.catch(() => directories.delete(artifact));
  }
  const found = (await known).get(name);
  if (found === undefined) throw new Error(`The artifact has no array ${name}.`);
  return (await range(artifact, found.start, found.start + found.size)).bytes;
}

async function member(artifact: string, name: string): Promise<Float64Array | Column<string>> {
  return npy(await bytesOf(artifact, name));
}

export interface Shaped {
  data: Float64Array;
  shape: number[];
}

/** An array of any dimension, row by row: nested lists, raw bytes, a member of an .npz or a whole .npy artifact. */
export async function shaped(value: unknown): Promise<Shaped | null> {
  if (value === null || value === undefined) return null;
  if (Array.isArray(value)) {
    const shape: number[] = [];
    for (let inner: unknown = value; Array.isArray(inner); inner = inner[0]) shape.push(inner.length);
    return { data: Float64Array.from(value.flat(Infinity) as unknown[], num), shape };
  }
  if (isReference(value)) {
    const bytes = value.member ? await bytesOf(value.artifact, value.member) : new Uint8Array(await (await call(`/v1/artifacts/${value.artifact}/content`)).arrayBuffer());
    return { data: npy(bytes) as Float64Array, shape: shapeOf(bytes) };
  }
  const data = await numbers(value);
  return data === null ? null : { data, shape: (value as { shape?: number[] }).shape ?? [data.length] };
}

export function isReference(value: unknown): value is Reference {
  return typeof value === "object" && value !== null && "artifact" in value;
}

/** An array of the contract as doubles; null stays null. */
export async function numbers(value: unknown): Promise<Float64Array | null> {
  if (value === null || value === undefined) return null;
  if (Array.isArray(value)) return Float64Array.from(value, num);
  if (isReference(value)) return (await member(value.artifact, value.member ?? "")) as Float64Array;
  if (typeof value === "object" && "base64" in value && "dtype" in value) return raw(value as { base64: string; dtype: string });
  throw new Error("not an array");
}

function raw(value: { base64: string; dtype: string }): Float64Array {
  const bytes = Uint8Array.from(atob(value.base64), (letter) => letter.charCodeAt(0));
  const types: Record<string, (buffer: ArrayBuffer) => Float64Array> = {
    float64: (b) => new Float64Array(b),
    float32: (b) => Float64Array.from(new Float32Array(b)),
    int64: (b) => Float64Array.from(new BigInt64Array(b), Number),
    int32: (b) => Float64Array.from(new Int32Array(b)),
    int8: (b) => Float64Array.from(new Int8Array(b)),
    uint8: (b) => Float64Array.from(new Uint8Array(b)),
  };
  const read = types[value.dtype];
  if (read === undefined) throw new Error(`unknown type ${value.dtype}`);
  return read(bytes.buffer);
}

/** Names: a list of the answer, else of its artifact, else "x0", "x1"... */
export async function names(
  given: readonly string[] | null | undefined,
  artifact: string | null | undefined,
  name: string,
  letter: string,
  count: number,
): Promise<Column<string>> {
  if (given) return { length: given.length, at: (k) => given[k] ?? `${letter}${k}` };
  if (artifact) {
    try {
      return (await member(artifact, name)) as Column<string>;
    } catch {
      // the problem had none
    }
  }
  return { length: count, at: (k) => `${letter}${k}` };
}
