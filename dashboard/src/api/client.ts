import createClient from "openapi-fetch";
import type { components, paths } from "./schema";
import { currentKey, signOut } from "./session";

export type Schemas = components["schemas"];
export type Job = Schemas["Job"];
export type JobEvent = Schemas["Event"];
export type Engine = Schemas["Engine"];
export type OptionSpec = Schemas["OptionSpec"];
export type Worker = Schemas["Worker"];
export type Certificate = Schemas["Certificate"];
export type Inspection = Schemas["Inspection"];
export type Validation = Schemas["Validation"];
export type ProgramAnswer = Schemas["ProgramAnswer"];
export type Problem = Schemas["Problem"];
export type FieldError = Schemas["FieldError"];

/** An error as the server tells it (RFC 9457), or "offline" if it told nothing. */
export class ApiError extends Error {
  constructor(
    readonly code: string,
    readonly status: number,
    detail: string,
    readonly errors: readonly FieldError[] = [],
    readonly requestId = "",
  ) {
    super(detail);
  }
}

export async function toError(response: Response): Promise<ApiError> {
  const requestId = response.headers.get("X-Request-Id") ?? "";
  try {
    const problem = (await response.json()) as Partial<Problem>;
    const detail = problem.detail ?? problem.title ?? response.statusText;
    return new ApiError(problem.code ?? "unknown", response.status, detail, problem.errors ?? [], requestId);
  } catch {
    return new ApiError("unknown", response.status, `The server answered ${response.status}.`, [], requestId);
  }
}

/** fetch with the key; what is not a good reply is thrown as ApiError. */
export async function call(input: RequestInfo | URL, init: RequestInit = {}): Promise<Response> {
  const request = new Request(input, init);
  const key = currentKey();
  if (key !== null && !request.headers.has("Authorization")) request.headers.set("Authorization", `Bearer ${key}`);
  let response: Response;
  try {
    response = await fetch(request);
  } catch (error) {
    if (request.signal.aborted) throw error;
    throw new ApiError("offline", 0, "The server cannot be reached.");
  }
  if (response.ok || response.status === 304) return response;
  const error = await toError(response);
  if (error.code === "unauthenticated" && key !== null && key === currentKey()) signOut();
  throw error;
}

export const api = createClient<paths>({ baseUrl: globalThis.location?.origin ?? "", fetch: (request: Request) => call(request) });

/** The data of a typed call, which is there: everything else was thrown. */
export async function data<T>(reply: Promise<{ data?: T }>): Promise<T> {
  const { data: value } = await reply;
  if (value === undefined) throw new ApiError("unknown", 200, "The server sent an empty reply.");
  return value;
}
