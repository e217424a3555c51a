/** What a dropped file or a pasted text is: a model file, or a request (or problem) in JSON or YAML. */
import type { Request } from "./snippets";
import { upload } from "./submit";

/** Larger files are uploaded first and referred to. */
const INLINE = 4 << 20;
const PACKED = /\.(gz|zst|bz2)$/i;
const OURS = /\.(json|ya?ml)$/i;

export interface Source {
  name: string;
  text: string | null;
  blob: Blob | null;
}

export async function read(file: File): Promise<Source> {
  if (PACKED.test(file.name) || file.size > INLINE) return { name: file.name, text: null, blob: file };
  return { name: file.name, text: await file.text(), blob: null };
}

export async function toRequest(source: Source): Promise<Request> {
  const plain = source.name.replace(PACKED, "");
  if (source.text !== null && (OURS.test(plain) || (!plain && looksLikeOurs(source.text)))) return parse(source.text, plain);
  if (source.text !== null)
    return { problem: { kind: "program", file: { format: "auto", filename: source.name || guessName(source.text), content: source.text } }, name: source.name };
  const blob = source.blob as Blob;
  if (blob.size > INLINE) {
    const artifact = await upload(blob, source.name);
    return { problem: { kind: "program", file: { format: "auto", filename: source.name, artifact } }, name: source.name };
  }
  return { problem: { kind: "program", file: { format: "auto", filename: source.name, base64: await base64(blob) } }, name: source.name };
}

export function looksLikeOurs(text: string): boolean {
  const start = text.trimStart();
  return start.startsWith("{") || /^(problem|kind|objective|sense)\s*:\s*(\n|$|program|transport|bilevel|study|\[|min$|max$)/m.test(start.slice(0, 400)) && !/^\s*(subject to|st|s\.t\.)\s*$/im.test(text.slice(0, 100_000));
}

/** By its first words: sections of MPS, else LP. */
export function guessName(text: string): string {
  if (/^\s*\*|^NAME\b|^ROWS\b/m.test(text.slice(0, 2000))) return "model.mps";
  if (/^\* #variable=|[<>]?= *-?\d+ *;/m.test(text.slice(0, 5000))) return "model.opb";
  return "model.lp";
}

/** A whole request, or a problem alone. */
export async function parse(text: string, name: string): Promise<Request> {
  const value = text.trimStart().startsWith("{") ? json(text) : (await import("js-yaml")).load(text);
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new Error("This is no request: it should be an object with `problem`, or a problem itself.");
  const given = value as Record<string, unknown>;
  if ("problem" in given && typeof given.problem === "object") {
    const { problem, engine, options, name: own, priority, labels } = given as unknown as Request;
    return { problem, engine, options, name: own ?? name, priority, labels };
  }
  if ("variables" in given && "version" in given) return { problem: { kind: "program", file: { format: "mof", filename: name || "model.mof.json", content: text } }, name };
  return { problem: "kind" in given ? given : { kind: "program", ...given }, name };
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`This is not valid JSON: ${(error as Error).message}`);
  }
}

async function base64(blob: Blob): Promise<string> {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  let letters = "";
  for (let k = 0; k < bytes.length; k += 0x8000) letters += String.fromCharCode(...bytes.subarray(k, k + 0x8000));
  return btoa(letters);
}
