import { useEffect, useRef, useState, type DragEvent, type ReactNode } from "react";
import { useLocation, useSearchParams } from "wouter";
import type { Validation } from "../../api/client";
import { useEngines, useJob, useProblem } from "../../api/hooks";
import { bytes } from "../../lib/format";
import { read, toRequest, type Source } from "../../lib/read";
import { body, type Request } from "../../lib/snippets";
import { inspect, submit } from "../../lib/submit";
import { Failure, Loading, usePageTitle } from "../../parts/basic";
import { InspectionView } from "../job/inspection";
import { Examples } from "../start";
import { PICTURE } from "../../lib/pictures";
import { OptionsForm } from "./options";
import { Pictures } from "./pictures";
import { Snippets } from "./snippets";

/** Drop, look, choose, solve: and see the same as code. */
export default function SubmitPage(): ReactNode {
  usePageTitle("Submit");
  const [search] = useSearchParams();
  const from = search.get("from");
  const [, navigate] = useLocation();
  const [request, setRequest] = useState<Request | null>(null);
  const [text, setText] = useState("");
  const [error, setError] = useState<Error | null>(null);
  const [busy, setBusy] = useState<"" | "reading" | "inspecting" | "sending">("");
  const [validation, setValidation] = useState<Validation | null>(null);
  const key = useRef("");
  const earlier = useProblem(from);
  const job = useJob(from ?? "");
  const choice = useRef<HTMLInputElement>(null);
  const [pictures, setPictures] = useState<File[]>([]);

  const take = async (source: Source | (() => Promise<Source>)): Promise<void> => {
    setBusy("reading");
    setError(null);
    setValidation(null);
    try {
      const given = await toRequest(typeof source === "function" ? await source() : source);
      setRequest(given);
      await look(given);
    } catch (failure) {
      setError(failure as Error);
    } finally {
      setBusy("");
    }
  };
  const look = async (given: Request): Promise<void> => {
    setBusy("inspecting");
    setError(null);
    try {
      setValidation(await inspect(body(given)));
    } catch (failure) {
      setValidation(null);
      setError(failure as Error);
    } finally {
      setBusy("");
    }
  };
  useEffect(() => {
    if (!earlier.data || !job.data || request !== null) return;
    const { engine, name, priority, labels } = job.data;
    const given = { problem: strip(earlier.data.problem), options: strip(earlier.data.options), engine, name: name ?? "", priority, labels: labels ?? {} };
    setRequest(given);
    void look(given);
  }, [earlier.data, job.data, request]);
  const change = (changes: Partial<Request>): void => {
    key.current = "";
    setRequest((before) => (before ? { ...before, ...changes } : before));
  };
  const send = async (): Promise<void> => {
    if (!request) return;
    setBusy("sending");
    setError(null);
    key.current ||= crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
    try {
      navigate(`/jobs/${(await submit(body(request), key.current)).id}`);
    } catch (failure) {
      setError(failure as Error);
      setBusy("");
    }
  };
  const drop = (event: DragEvent): void => {
    event.preventDefault();
    open([...event.dataTransfer.files]);
  };
  const open = (files: readonly File[]): void => {
    const images = files.filter((file) => PICTURE.test(file.name));
    if (images.length > 0) setPictures(images);
    else if (files[0]) {
      const file = files[0];
      void take(() => read(file));
    }
  };
  const begin = (given: Request): void => {
    setRequest(given);
    void look(given);
  };
  if (from && !request) {
    if (earlier.error) return <Failure error={earlier.error} />;
    return <Loading lines={8} />;
  }
  if (!request)
    return (
      <>
        <h1>Submit</h1>
        <div className="drop" onDragOver={(event) => event.preventDefault()} onDrop={drop}>
          <p>
            <strong>Drop a model file here</strong>, or{" "}
            <button type="button" onClick={() => choice.current?.click()}>
              choose one
            </button>
            <input
              ref={choice}
              type="file"
              multiple
              hidden
              aria-label="Model file"
              onChange={(event) => {
                open([...(event.target.files ?? [])]);
              }}
            />
          </p>
          <p className="quiet">MPS, QPS, LP, MathOptFormat, .nl, OPB, also .gz, .zst and .bz2; a request of any kind in JSON or YAML; or two pictures. Up to gigabytes.</p>
          <label>
            Or paste it
            <textarea
              rows={8}
              value={text}
              spellCheck={false}
              placeholder={"max\n profit: 3 doors + 5 windows\nsubject to\n plant: 3 doors + 2 windows <= 18\nend"}
              onChange={(event) => setText(event.target.value)}
            />
          </label>
          <button type="button" className="primary" disabled={!text.trim() || busy !== ""} onClick={() => void take({ name: "", text, blob: null })}>
            {busy === "reading" || busy === "inspecting" ? "Looking at it…" : "Look at it"}
          </button>
        </div>
        {error && <Failure error={error} />}
        <details open={pictures.length > 0} className="pictures">
          <summary>Or two pictures: optimal transport of light or colours</summary>
          <Pictures files={pictures} take={begin} />
        </details>
        <h2>Or an example</h2>
        <Examples show={(example) => begin(example.request() as unknown as Request)} />
      </>
    );
  return (
    <>
      <h1>{from ? "Run again with changes" : "Submit"}</h1>
      <div className="columns wide-left">
        <div>
          <section aria-labelledby="what">
            <div className="row between">
              <h2 id="what">The problem</h2>
              <button
                type="button"
                className="small"
                onClick={() => {
                  setRequest(null);
                  setValidation(null);
                  setError(null);
                  navigate("/submit");
                }}
              >
                Another one
              </button>
            </div>
            <p className="quiet">{describe(request)}</p>
            {busy === "inspecting" && !validation && <Loading lines={6} />}
            {validation?.inspection && <InspectionView inspection={validation.inspection} />}
            {(validation?.warnings ?? []).map((warning) => (
              <p key={warning} className="warning">
                {warning}
              </p>
            ))}
          </section>
          {error && <Failure error={error} retry={() => void look(request)} />}
          <Form request={request} change={change} />
        </div>
        <aside>
          <Snippets request={request} />
          <p>
            <button type="button" className="primary large" disabled={busy === "sending"} onClick={() => void send()}>
              {busy === "sending" ? "Sending…" : "Solve"}
            </button>
          </p>
        </aside>
      </div>
    </>
  );
}

function Form({ request, change }: { request: Request; change: (changes: Partial<Request>) => void }): ReactNode {
  const engines = useEngines();
  const family = String(request.problem.kind ?? "program");
  const fitting = (engines.data ?? []).filter((engine) => engine.family === family);
  const chosen = fitting.find((engine) => engine.id === request.engine);
  return (
    <section aria-labelledby="how">
      <h2 id="how">How to solve it</h2>
      <div className="row">
        <label>
          Engine
          <select value={request.engine ?? "auto"} onChange={(event) => change({ engine: event.target.value })}>
            <option value="auto">auto: chosen by structure</option>
            {fitting.length > 1 && <option value="race">race: several at once</option>}
            {fitting.map((engine) => (
              <option key={engine.id} value={engine.id}>
                {engine.id}: {engine.title}
              </option>
            ))}
          </select>
        </label>
        <label>
          Name
          <input value={request.name ?? ""} maxLength={255} onChange={(event) => change({ name: event.target.value })} />
        </label>
        <label>
          Priority
          <input
            type="number"
            min={-100}
            max={100}
            value={request.priority ?? 0}
            onChange={(event) => change({ priority: Number(event.target.value) })}
          />
        </label>
      </div>
      {chosen && <p className="quiet">{chosen.summary}</p>}
      {engines.data?.length === 0 && <p className="warning">No worker is there now: the job will wait for one.</p>}
      <OptionsForm
        engines={engines.data ?? []}
        family={family}
        engine={request.engine ?? "auto"}
        options={request.options ?? {}}
        change={(options) => change({ options })}
      />
    </section>
  );
}

function strip(value: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(value).filter(([, inner]) => inner !== null && !(typeof inner === "object" && Object.keys(inner).length === 0)),
  );
}

function describe(request: Request): string {
  const file = request.problem.file as { filename?: string; content?: string; base64?: string; artifact?: string } | undefined;
  if (!file) return `${String(request.problem.kind ?? "program")}, given by its numbers`;
  const size = file.content ? bytes(new Blob([file.content]).size) : file.base64 ? bytes(file.base64.length * 0.75) : "uploaded";
  return `${file.filename || "a model file"}, ${size}`;
}
