/** The same request as Python, curl and command line. */

export interface Request {
  problem: Record<string, unknown>;
  engine?: string;
  options?: Record<string, unknown>;
  name?: string;
  priority?: number;
  labels?: Record<string, string>;
}

const LONG = 1500;
/** Kinds that the client reads from a file of their own. */
export const IN_FILES: ReadonlySet<string> = new Set(["minimize", "bilevel"]);

/** As the API takes it, without what is default. */
export function body(request: Request): Record<string, unknown> {
  const { problem, engine, options, name, priority, labels } = request;
  return {
    problem,
    ...(engine && engine !== "auto" ? { engine } : {}),
    ...(options && Object.keys(options).length ? { options } : {}),
    ...(name ? { name } : {}),
    ...(priority ? { priority } : {}),
    ...(labels && Object.keys(labels).length ? { labels } : {}),
  };
}

interface ModelFile {
  filename?: string;
  format?: string;
  artifact?: string;
}

export function filename(request: Request): string {
  const file = request.problem.file as ModelFile | undefined;
  if (!file) return "problem.json";
  return file.filename || `model.${file.format && file.format !== "auto" ? file.format : "mps"}`;
}

function isFile(request: Request): boolean {
  return request.problem.file !== undefined && request.problem.file !== null;
}

export function python(request: Request): string {
  const lines = ["import kantor", "", "client = kantor.Client()  # finds a local server; or KANTOR_URL and KANTOR_API_KEY"];
  const given: string[] = [];
  if (request.engine && request.engine !== "auto") given.push(`engine=${literal(request.engine)}`);
  if (request.name) given.push(`name=${literal(request.name)}`);
  if (request.priority) given.push(`priority=${request.priority}`);
  if (request.labels && Object.keys(request.labels).length) given.push(`labels=${literal(request.labels)}`);
  for (const [key, value] of Object.entries(request.options ?? {})) given.push(`${key}=${literal(value)}`);
  if (isFile(request)) lines.push(`problem = kantor.Program.from_file(${literal(filename(request))})`);
  else if (request.problem.kind === "program" && JSON.stringify(request.problem).length < LONG) lines.push(...programLines(request.problem));
  else if (IN_FILES.has(String(request.problem.kind))) lines.splice(1, 0, "from kantor.problem_file import load") && lines.push('problem = load("problem.json")  # "Problem (JSON)" below');
  else return long(request);
  const call = ["problem", ...given];
  lines.push(given.length > 2 ? `answer = client.solve(\n    ${call.join(",\n    ")},\n)` : `answer = client.solve(${call.join(", ")})`);
  lines.push("print(answer.status, answer.objective, answer.certificate.verified)");
  return lines.join("\n") + "\n";
}

/** Too long to be copied as text: from the downloaded request. */
function long(request: Request): string {
  const kind = String(request.problem.kind ?? "program");
  return `import json
import os

import httpx

with open("request.json") as file:  # the ${kind} with these choices: "Request (JSON)" below
    request = json.load(file)
reply = httpx.post(
    "${typeof location === "undefined" ? "http://127.0.0.1:8000" : location.origin}/v1/jobs",
    json=request,
    headers={"Authorization": f"Bearer {os.environ['KANTOR_API_KEY']}", "Prefer": "wait=30"},
    timeout=60,
)
print(reply.json())
`;
}

function programLines(problem: Record<string, unknown>): string[] {
  const parts = Object.entries(problem)
    .filter(([key, value]) => key !== "kind" && value != null)
    .map(([key, value]) => `    ${key}=${isMatrix(value) ? matrix(value) : literal(value)},`);
  const sparse = Object.values(problem).some(isMatrix);
  return [...(sparse ? ["import scipy.sparse as sp", ""] : []), "problem = kantor.Program(", ...parts, ")"];
}

interface Matrix {
  format: string;
  shape: number[];
  data: number[];
  indices?: number[];
  indptr?: number[];
  row?: number[];
  col?: number[];
}

function isMatrix(value: unknown): value is Matrix {
  return typeof value === "object" && value !== null && "format" in value && "shape" in value;
}

function matrix(value: Matrix): string {
  const shape = `shape=(${value.shape.join(", ")})`;
  if (value.format === "csr")
    return `sp.csr_array((${literal(value.data)}, ${literal(value.indices)}, ${literal(value.indptr)}), ${shape})`;
  return `sp.coo_array((${literal(value.data)}, (${literal(value.row)}, ${literal(value.col)})), ${shape})`;
}

export function literal(value: unknown): string {
  if (value === null || value === undefined) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (value === "Infinity") return 'float("inf")';
  if (value === "-Infinity") return 'float("-inf")';
  if (typeof value === "string") return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  if (typeof value === "object")
    return `{${Object.entries(value)
      .map(([key, inner]) => `${JSON.stringify(key)}: ${literal(inner)}`)
      .join(", ")}}`;
  return String(value);
}

export function curl(request: Request, origin: string): string {
  const text = JSON.stringify(body(request), null, 1).replace(/\s*\n\s*/g, " ");
  const head = [
    'curl -H "Authorization: Bearer $KANTOR_API_KEY"',
    '-H "Content-Type: application/json" -H "Prefer: wait=30"',
  ];
  const last =
    text.length < LONG ? `--data-binary ${quoted(text)} ${origin}/v1/jobs` : `--data-binary @request.json ${origin}/v1/jobs`;
  return [...head, last].join(" \\\n  ") + "\n";
}

export function commandLine(request: Request): string {
  const kind = String(request.problem.kind ?? "program");
  if (kind !== "program" && !IN_FILES.has(kind)) return `# \`kantor solve\` takes files of programs, minimize and bilevel; a problem of ${kind} is sent by Python or curl\n`;
  const parts = ["kantor solve", quoted(kind !== "program" ? "problem.json" : isFile(request) ? filename(request) : "model.mps")];
  if (request.engine && request.engine !== "auto") parts.push(`--engine ${quoted(request.engine)}`);
  const options = { ...request.options };
  const direct: Record<string, string> = { time_limit: "--time-limit", relative_gap: "--gap", threads: "--threads" };
  for (const [name, flag] of Object.entries(direct)) {
    if (options[name] !== undefined) parts.push(`${flag} ${quoted(String(options[name]))}`);
    delete options[name];
  }
  const inner = (options.engine_options ?? {}) as Record<string, unknown>;
  delete options.engine_options;
  for (const [name, value] of [...Object.entries(options), ...Object.entries(inner)]) {
    const text = typeof value === "string" ? value : JSON.stringify(value);
    parts.push(`--option ${quoted(`${name}=${text}`)}`);
  }
  if (request.name) parts.push(`--name ${quoted(request.name)}`);
  if (request.priority) parts.push(`--priority ${request.priority}`);
  for (const [key, value] of Object.entries(request.labels ?? {})) parts.push(`--label ${quoted(`${key}=${value}`)}`);
  const note = isFile(request) || kind !== "program" ? "" : "# the command takes model files; write one with: problem.to_mps() in Python\n";
  return note + parts.join(" ") + "\n";
}

/** For a POSIX shell. */
export function quoted(text: string): string {
  return /^[A-Za-z0-9_./:=@%+,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
