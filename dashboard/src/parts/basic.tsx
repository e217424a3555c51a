import { useEffect, useId, useRef, useState, useSyncExternalStore, type ReactNode } from "react";
import { Link } from "wouter";
import { ApiError, type Job } from "../api/client";
import { absolute, relative } from "../lib/format";

const ICONS: Record<string, string> = {
  queued: "◷",
  running: "▶",
  succeeded: "✓",
  failed: "✕",
  cancelled: "⊘",
  expired: "⌛",
};

/** State by colour, sign and word: none of them is needed to read it. */
export function State({ job }: { job: Pick<Job, "state" | "cancel_requested_at"> }): ReactNode {
  const stopping = job.state === "running" && job.cancel_requested_at;
  return (
    <span className={`badge state-${job.state}`}>
      <span aria-hidden="true">{ICONS[job.state]}</span> {stopping ? "stopping" : job.state}
    </span>
  );
}

let now = Date.now();
const clock = new Set<() => void>();
setInterval(() => {
  now = Date.now();
  for (const listener of clock) listener();
}, 1000);

export function useNow(): number {
  return useSyncExternalStore(
    (listener) => {
      clock.add(listener);
      return () => clock.delete(listener);
    },
    () => now,
  );
}

/** Relative, with the absolute time on hover and for copying. */
export function Time({ at, both = false }: { at: string | null | undefined; both?: boolean }): ReactNode {
  const present = useNow();
  if (!at) return <span className="quiet">–</span>;
  return (
    <time dateTime={at} title={absolute(at)} className="time">
      {relative(at, present)}
      {both && <span className="quiet"> · {absolute(at)}</span>}
    </time>
  );
}

const ADVICE: Record<string, string> = {
  offline: "Is Kantor running? Start it with `kantor up`; this page tries again by itself.",
  unauthenticated: "Sign in with a valid key; `kantor keys create NAME` makes one.",
  forbidden: "This key may not do that; use a key with the scope named above.",
  "not-found": "It may have been deleted when its retention ended, or belong to another project.",
  unavailable: "The database cannot be reached now; nothing is lost. Try again shortly.",
  "unknown-engine": "See Engines for what live workers offer.",
  "too-large": "Upload it in parts: `kantor artifacts upload FILE`, then refer to the artifact.",
};

/** What went wrong, where, and what to do. */
export function Failure({ error, retry }: { error: Error | Schema; retry?: () => void }): ReactNode {
  const code = error instanceof ApiError ? error.code : "code" in error ? String(error.code) : "";
  const text = error instanceof Error ? error.message : (error.detail ?? error.title);
  const errors = "errors" in error ? (error.errors ?? []) : [];
  const request = error instanceof ApiError ? error.requestId : "";
  const advice = ADVICE[code];
  return (
    <div className="failure" role="alert">
      <strong>{text || "Something went wrong."}</strong>
      {errors.length > 0 && (
        <ul>
          {errors.map((fault, k) => (
            <li key={k}>
              {fault.pointer && <code>{fault.pointer}</code>} {fault.detail}
              {fault.hint && <span className="hint"> → {fault.hint}</span>}
            </li>
          ))}
        </ul>
      )}
      {advice && <p>{advice}</p>}
      <p className="row">
        {retry && (
          <button type="button" onClick={retry}>
            Try again
          </button>
        )}
        {code && <span className="quiet">code: {code}</span>}
        {request && <span className="quiet">request {request}</span>}
      </p>
    </div>
  );
}

interface Schema {
  code?: string;
  title: string;
  detail?: string | null;
  errors?: readonly { pointer?: string; detail: string; hint?: string | null }[];
}

/** A grey stand-in of the size of what comes, so that nothing jumps. */
export function Loading({ lines = 3 }: { lines?: number }): ReactNode {
  return (
    <div className="loading" role="status" aria-label="Loading">
      {Array.from({ length: lines }, (_, k) => (
        <div key={k} className="bar" />
      ))}
    </div>
  );
}

export function Copy({ text, label = "Copy" }: { text: string; label?: string }): ReactNode {
  const [done, setDone] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setDone(false), 1500);
    return () => clearTimeout(timer);
  }, [done]);
  return (
    <button type="button" className="small" onClick={() => void copy(text).then(() => setDone(true))}>
      {done ? "Copied" : label}
    </button>
  );
}

async function copy(text: string): Promise<void> {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  // Without TLS, browsers have the old way only.
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

export function Code({ text, label, name = "code" }: { text: string; label?: string; name?: string }): ReactNode {
  return (
    <div className="code">
      <div className="code-head">
        <span>{label}</span>
        <Copy text={text} />
      </div>
      <pre tabIndex={0} role="region" aria-label={label ?? name}>
        {text}
      </pre>
    </div>
  );
}

export interface Tab {
  id: string;
  title: ReactNode;
  content: () => ReactNode;
}

/** Tabs after the ARIA pattern: arrows move, only the chosen panel is made. */
export function Tabs({
  tabs,
  chosen,
  choose,
  label,
}: {
  tabs: readonly Tab[];
  chosen: string;
  choose: (id: string) => void;
  label: string;
}): ReactNode {
  const base = useId();
  const list = useRef<HTMLDivElement>(null);
  const current = tabs.find((tab) => tab.id === chosen) ?? tabs[0];
  const move = (step: number): void => {
    const at = tabs.findIndex((tab) => tab.id === current?.id);
    const next = tabs[(at + step + tabs.length) % tabs.length];
    if (next) {
      choose(next.id);
      list.current?.querySelector<HTMLElement>(`[data-tab="${next.id}"]`)?.focus();
    }
  };
  return (
    <>
      <div className="tabs" role="tablist" aria-label={label} ref={list}>
        {tabs.map((tab) => (
          <button
            key={tab.id}
            type="button"
            role="tab"
            data-tab={tab.id}
            id={`${base}-${tab.id}`}
            aria-selected={tab.id === current?.id}
            aria-controls={`${base}-panel`}
            tabIndex={tab.id === current?.id ? 0 : -1}
            onClick={() => choose(tab.id)}
            onKeyDown={(event) => {
              if (event.key === "ArrowRight") move(1);
              if (event.key === "ArrowLeft") move(-1);
            }}
          >
            {tab.title}
          </button>
        ))}
      </div>
      <div role="tabpanel" id={`${base}-panel`} aria-labelledby={`${base}-${current?.id}`} className="panel">
        {current?.content()}
      </div>
    </>
  );
}

/** A number with what it is. */
export function Figure({ name, children, help }: { name: string; children: ReactNode; help?: string }): ReactNode {
  return (
    <div className="figure" title={help}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

export function JobLink({ job, children }: { job: Pick<Job, "id" | "name">; children?: ReactNode }): ReactNode {
  return (
    <Link href={`/jobs/${job.id}`} className="job-link">
      {children ?? (job.name || `…${job.id.slice(-6)}`)}
    </Link>
  );
}

export function usePageTitle(title: string): void {
  useEffect(() => {
    document.title = title ? `${title} · Kantor` : "Kantor";
  }, [title]);
}
