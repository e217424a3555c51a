import { useEffect, useState, type FormEvent, type ReactNode } from "react";
import { call, type Schemas } from "../../api/client";
import { queries } from "../../api/hooks";
import { words } from "../../lib/format";
import type { Study, Trial } from "../../lib/study";
import { Failure } from "../../parts/basic";
import { parameter } from "./trials";

const CLIENT = "dashboard";

export async function post<T>(path: string, body: Record<string, unknown>): Promise<T> {
  const reply = await call(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  return (reply.status === 204 ? undefined : await reply.json()) as T;
}

/** For experiments by hand: a point to try, and the form for what came out. */
export function Ask({ study }: { study: Study }): ReactNode {
  const [trial, setTrial] = useState<Trial | null>(null);
  const [said, setSaid] = useState("");
  const [error, setError] = useState<Error | null>(null);
  const [busy, setBusy] = useState(false);
  const act = async (what: () => Promise<void>): Promise<void> => {
    setBusy(true);
    setError(null);
    try {
      await what();
    } catch (failure) {
      setError(failure as Error);
    } finally {
      setBusy(false);
      void queries.invalidateQueries({ queryKey: ["study", study.id] });
    }
  };
  const ask = (): Promise<void> =>
    act(async () => {
      const reply = await post<Schemas["AskReply"]>(`/v1/studies/${study.id}/ask`, { count: 1, client_id: CLIENT, wait: 10, lease_seconds: 86_400 });
      setTrial(reply.trials[0] ?? null);
      setSaid(reply.trials.length ? "" : (reply.reason ?? "There are no more points to try."));
    });
  useEffect(() => {
    setTrial(null);
  }, [study.id]);
  if (study.state !== "active" && !trial) return <p className="empty">The study is {study.state}: it hands out no trials. Resume it first.</p>;
  return (
    <>
      {!trial && (
        <p>
          <button type="button" className="primary" disabled={busy} onClick={() => void ask()}>
            {busy ? "Choosing a point…" : "Ask for a point to try"}
          </button>{" "}
          {said}
        </p>
      )}
      {trial && <Try key={trial.number} study={study} trial={trial} busy={busy} tell={(body) =>
        void act(async () => {
          await post(`/v1/studies/${study.id}/trials/${trial.number}/tell`, { ...body, attempt: trial.attempt });
          setTrial(null);
          setSaid(`Told. Trial ${trial.number} counts from now on.`);
        })} />}
      {!trial && <Own study={study} busy={busy} send={(body, said) => void act(async () => {
        await post(`/v1/studies/${study.id}/trials`, body);
        setSaid(said);
      })} />}
      {error && <Failure error={error} />}
    </>
  );
}

interface Kind {
  type?: string;
  low?: number;
  high?: number;
  choices?: unknown[];
}

/** A point of one's own: to be tried next, or tried already. */
function Own({ study, busy, send }: { study: Study; busy: boolean; send: (body: Record<string, unknown>, said: string) => void }): ReactNode {
  const names = Object.entries(study.space as Record<string, Kind>);
  const metrics = [...Object.keys(study.objectives), ...Object.keys(study.constraints ?? {})];
  const [texts, setTexts] = useState<Record<string, string>>({});
  const known = metrics.every((metric) => texts[`=${metric}`]?.trim());
  const ready = names.every(([name]) => texts[name]?.trim());
  const set = (name: string, text: string): void => setTexts((before) => ({ ...before, [name]: text }));
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    const params = Object.fromEntries(names.map(([name, kind]) => [name, kind.choices ? kind.choices.find((choice) => String(choice) === texts[name]) : Number(texts[name])]));
    const values = Object.fromEntries(metrics.map((metric) => [metric, Number(texts[`=${metric}`])]));
    send(known ? { params, values } : { params }, known ? "Told: the study knows it from now on." : "Queued: it is handed out next.");
    setTexts({});
  };
  return (
    <details>
      <summary>A point of your own: to be tried next, or tried already</summary>
      <form className="card" onSubmit={submit}>
        <div className="fields">
          {names.map(([name, kind]) => (
            <label key={name}>
              <span>
                {name}{" "}
                <small className="quiet">
                  {kind.low !== undefined && `${kind.low} to ${kind.high}`}
                </small>
              </span>
              {kind.choices ? (
                <select value={texts[name] ?? ""} onChange={(event) => set(name, event.target.value)}>
                  <option value="" />
                  {kind.choices.map((choice) => (
                    <option key={String(choice)}>{String(choice)}</option>
                  ))}
                </select>
              ) : (
                <input inputMode="decimal" value={texts[name] ?? ""} onChange={(event) => set(name, event.target.value)} />
              )}
            </label>
          ))}
          {metrics.map((metric) => (
            <label key={metric}>
              <span>
                {words(metric)} <small className="quiet">what came out, if known</small>
              </span>
              <input inputMode="decimal" value={texts[`=${metric}`] ?? ""} onChange={(event) => set(`=${metric}`, event.target.value)} />
            </label>
          ))}
        </div>
        <button type="submit" className="primary" disabled={!ready || busy}>
          {known ? "Tell" : "Try it next"}
        </button>
      </form>
    </details>
  );
}

function Try({ study, trial, tell, busy }: { study: Study; trial: Trial; tell: (body: Record<string, unknown>) => void; busy: boolean }): ReactNode {
  const metrics = [...Object.keys(study.objectives), ...Object.keys(study.constraints ?? {})];
  const [texts, setTexts] = useState<Record<string, string>>({});
  const [reason, setReason] = useState("");
  const ready = metrics.every((metric) => texts[metric]?.trim() && !Number.isNaN(Number(texts[metric])));
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (ready) tell({ values: Object.fromEntries(metrics.map((metric) => [metric, Number(texts[metric])])) });
  };
  return (
    <form className="card" onSubmit={submit}>
      <h3>Try this: trial {trial.number}</h3>
      <dl className="figures">
        {Object.entries(trial.params).map(([name, found]) => (
          <div className="figure" key={name}>
            <dt>{name}</dt>
            <dd>{parameter(found)}</dd>
          </div>
        ))}
      </dl>
      {trial.why && <p className="quiet">{trial.why}</p>}
      <p>It is yours for a day. What came out?</p>
      <div className="row">
        {metrics.map((metric) => (
          <label key={metric}>
            {words(metric)} {study.constraints?.[metric] && <small className="quiet">{study.constraints[metric]}</small>}
            <input inputMode="decimal" value={texts[metric] ?? ""} onChange={(event) => setTexts({ ...texts, [metric]: event.target.value })} />
          </label>
        ))}
        <button type="submit" className="primary" disabled={!ready || busy}>
          Tell
        </button>
      </div>
      <div className="row">
        <label>
          Or why it did not work
          <input value={reason} onChange={(event) => setReason(event.target.value)} />
        </label>
        <button type="button" disabled={!reason.trim() || busy} onClick={() => tell({ state: "failed", reason })}>
          It failed
        </button>
      </div>
    </form>
  );
}
