import { call, type Job, type Validation } from "../api/client";
import { queries, remember } from "../api/hooks";

async function post(path: string, body: Record<string, unknown>, headers: Record<string, string> = {}): Promise<Response> {
  return call(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
}

/** Submit a job. A second click with the same key makes no second job. */
export async function submit(body: Record<string, unknown>, key: string = crypto.randomUUID?.() ?? String(Math.random())): Promise<Job> {
  const job = (await (await post("/v1/jobs", body, { "Idempotency-Key": key })).json()) as Job;
  remember(job);
  void queries.invalidateQueries({ queryKey: ["jobs"] });
  return job;
}

/** Everything is checked, a worker reads the problem, no job is kept. */
export async function inspect(body: Record<string, unknown>): Promise<Validation> {
  return (await (await post("/v1/jobs?validate_only=true", body)).json()) as Validation;
}

export async function upload(file: Blob, filename: string): Promise<string> {
  const reply = await call(`/v1/artifacts?filename=${encodeURIComponent(filename)}`, { method: "POST", body: file });
  return ((await reply.json()) as { id: string }).id;
}

export async function cancel(id: string): Promise<Job> {
  const job = (await (await call(`/v1/jobs/${id}/cancel`, { method: "POST" })).json()) as Job;
  remember(job);
  return job;
}

export async function remove(id: string): Promise<void> {
  await call(`/v1/jobs/${id}`, { method: "DELETE" });
  queries.removeQueries({ queryKey: ["job", id] });
  await queries.invalidateQueries({ queryKey: ["jobs"] });
}

/** A study of this name that exists already with the same definition is taken. */
export async function createStudy(body: Record<string, unknown>): Promise<string> {
  return ((await (await post("/v1/studies", body)).json()) as { id: string }).id;
}
