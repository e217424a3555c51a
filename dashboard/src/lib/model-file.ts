/** The model file that was sent, as text: also packed, also uploaded. */
import { call } from "../api/client";

const LARGEST = 24 << 20;

interface ModelFile {
  content?: string | null;
  base64?: string | null;
  artifact?: string | null;
  filename?: string | null;
}

export interface Text {
  text: string | null;
  /** Why there is no text. */
  why: string;
}

/** null: the problem is no file. */
export async function fileText(problem: Record<string, unknown>): Promise<Text | null> {
  const file = problem.file as ModelFile | null | undefined;
  if (!file) return null;
  if (file.content != null) return { text: file.content, why: "" };
  const packed = /\.(zst|bz2|xz)$/i.exec(file.filename ?? "")?.[1];
  if (packed) return { text: null, why: `The file is packed as .${packed}, which browsers do not open.` };
  let bytes: Uint8Array<ArrayBuffer>;
  if (file.base64 != null) bytes = Uint8Array.from(atob(file.base64), (letter) => letter.charCodeAt(0));
  else {
    const reply = await call(`/v1/artifacts/${file.artifact}/content`, { headers: { Range: `bytes=0-${LARGEST}` } });
    bytes = new Uint8Array(await reply.arrayBuffer());
  }
  if (bytes.length > LARGEST) return { text: null, why: "The file is too large to be shown here." };
  // the first bytes of gzip (RFC 1952)
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return { text: new TextDecoder().decode(bytes), why: "" };
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return { text: await new Response(stream).text(), why: "" };
}

/** The statement of a file in LP format that defines a row, with the lines that it goes over. */
export function statement(text: string, name: string): string | null {
  const lines = text.split("\n");
  const first = lines.findIndex((line) => line.trimStart().startsWith(`${name}:`));
  if (first < 0) return null;
  const found = [lines[first]?.trim() ?? ""];
  for (let k = first + 1; k < lines.length && found.length < 20; k += 1) {
    const line = lines[k]?.trim() ?? "";
    if (line === "" || /^[^\s:<>=]+\s*:/.test(line) || /^(bounds|binar|gener|integ|end|semi|sos|free|st$|s\.t\.|subject)/i.test(line)) break;
    found.push(line);
    if (/[<>=]=?\s*[-+0-9.eE]+\s*$/.test(found.join(" "))) break;
  }
  return found.join(" ");
}
