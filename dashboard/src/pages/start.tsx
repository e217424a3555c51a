import { useState, type ReactNode } from "react";
import { Link, useLocation } from "wouter";
import { useEngines, useWorkers } from "../api/hooks";
import { EXAMPLES, type Example } from "../lib/examples";
import { createStudy, submit } from "../lib/submit";
import { Code, Failure, usePageTitle } from "../parts/basic";

/** The first page of a new project: how a solve goes, and a few to begin with. */
export function Start(): ReactNode {
  usePageTitle("Start");
  const workers = useWorkers();
  return (
    <div className="start">
      <h1>Solve your first problem</h1>
      <p>
        Send Kantor an optimization problem; a worker solves it; you watch it happen; the answer comes with a certificate that
        Kantor checked itself. Take an example:
      </p>
      <Examples />
      {workers.data?.length === 0 && (
        <p className="warning">No worker is there now: jobs are kept and wait until one starts. See its log if there should be one.</p>
      )}
      <h2>Or your own</h2>
      <div className="columns">
        <p>
          <Link href="/submit" className="button primary">
            Drop a model file
          </Link>
          <br />
          MPS, LP, JSON, YAML…, and see what is in it before you solve.
        </p>
        <Code label="Terminal" text={"kantor solve model.mps\n"} />
        <Code
          label="Python"
          text={"import kantor\n\nclient = kantor.Client()\nanswer = client.solve(kantor.Program.from_file(\"model.mps\"))\nprint(answer)\n"}
        />
      </div>
    </div>
  );
}

/** One click each. */
export function Examples({ show }: { show?: (example: Example) => void }): ReactNode {
  const [, navigate] = useLocation();
  const engines = useEngines();
  const [error, setError] = useState<Error | null>(null);
  const [busy, setBusy] = useState("");
  const families = engines.data ? new Set(engines.data.map((engine) => engine.family)) : null;
  const run = async (example: Example): Promise<void> => {
    setBusy(example.id);
    setError(null);
    try {
      if (example.kind === "study") navigate(`/studies/${await createStudy(example.request())}?tab=${example.id === "taste" ? "rank" : "ask"}`);
      else navigate(`/jobs/${(await submit(example.request())).id}`);
    } catch (failure) {
      setError(failure as Error);
      setBusy("");
    }
  };
  const offered = EXAMPLES.filter((example) => families === null || families.size === 0 || families.has(example.kind));
  return (
    <>
      <div className="cards">
        {offered.map((example) => (
          <article key={example.id} className="card example">
            <h3>{example.title}</h3>
            <p>{example.text}</p>
            <div className="row">
              <button type="button" className="primary" disabled={busy !== ""} onClick={() => void run(example)} aria-label={`${example.kind === "study" ? "Begin" : "Solve"}: ${example.title}`}>
                {busy === example.id ? "Sending…" : example.kind === "study" ? "Begin" : "Solve"}
              </button>
              {show && example.kind !== "study" && (
                <button type="button" onClick={() => show(example)} aria-label={`Look first: ${example.title}`}>
                  Look first
                </button>
              )}
            </div>
          </article>
        ))}
      </div>
      {error && <Failure error={error} />}
    </>
  );
}
