import { useEffect, useState, type ReactNode } from "react";
import { call, type Schemas } from "../../api/client";
import { queries } from "../../api/hooks";
import { Code, Failure } from "../../parts/basic";

export type Key = Schemas["Key"];
export type Webhook = Schemas["Webhook"];
export type Member = Schemas["Member"];

export interface Act {
  busy: boolean;
  error: Error | null;
  /** Sends a request; what hangs on the named data is read again. Gives the reply's body, or null if it failed. */
  send: <T>(method: "POST" | "PATCH" | "DELETE", path: string, body?: unknown) => Promise<T | null>;
}

/** Requests that change something, and what went wrong with the last one. */
export function useAct(...changed: string[]): Act {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const send = async <T,>(method: string, path: string, body?: unknown): Promise<T | null> => {
    setBusy(true);
    setError(null);
    try {
      const init: RequestInit = { method };
      if (body !== undefined) {
        init.body = JSON.stringify(body);
        init.headers = { "Content-Type": "application/json" };
      }
      const reply = await call(path, init);
      for (const name of changed) void queries.invalidateQueries({ queryKey: [name] });
      return (reply.status === 204 ? {} : await reply.json()) as T;
    } catch (failure) {
      setError(failure as Error);
      return null;
    } finally {
      setBusy(false);
    }
  };
  return { busy, error, send };
}

export function Trouble({ act }: { act: Act }): ReactNode {
  return act.error && <Failure error={act.error} />;
}

/** A button that asks once more before something is gone for good. */
export function Sure({ title, question, does, disabled = false }: { title: string; question: string; does: () => void; disabled?: boolean }): ReactNode {
  const [asked, setAsked] = useState(false);
  useEffect(() => {
    if (!asked) return;
    const timer = setTimeout(() => setAsked(false), 8000);
    return () => clearTimeout(timer);
  }, [asked]);
  if (!asked)
    return (
      <button type="button" className="small" disabled={disabled} onClick={() => setAsked(true)}>
        {title}
      </button>
    );
  return (
    <span className="row" role="group" aria-label={question}>
      <span className="bad">{question}</span>
      <button
        type="button"
        className="small danger"
        autoFocus
        onClick={() => {
          setAsked(false);
          does();
        }}
      >
        {title}
      </button>
      <button type="button" className="small" onClick={() => setAsked(false)}>
        Keep
      </button>
    </span>
  );
}

/** What the server shows once: it stays until the reader says that it is kept. */
export function Secret({ of, secret, done, children }: { of: string; secret: string; done: () => void; children?: ReactNode }): ReactNode {
  return (
    <div className="verdict verified" role="status">
      <strong>{of}: copy it now, it is shown this once.</strong>
      <Code text={secret} name={of} />
      {children}
      <button type="button" onClick={done}>
        I have kept it
      </button>
    </div>
  );
}

/** What may be seen only with a scope that this key lacks. */
export function Lacking({ scope, what }: { scope: string; what: string }): ReactNode {
  return (
    <p className="empty">
      {what} are for keys with the scope <code>{scope}</code>, which the one in this browser lacks.
    </p>
  );
}

export const HOUR = 3600;
export const DAY = 86_400;

/** A choice of spans of time; the value is in seconds, empty for "never". */
export function Span({ label, value, change, spans }: { label: string; value: string; change: (value: string) => void; spans: readonly (readonly [string, number | null])[] }): ReactNode {
  return (
    <label>
      {label}
      <select value={value} onChange={(event) => change(event.target.value)}>
        {spans.map(([words, seconds]) => (
          <option key={words} value={seconds ?? ""}>
            {words}
          </option>
        ))}
      </select>
    </label>
  );
}
