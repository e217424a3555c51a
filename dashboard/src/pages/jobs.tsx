import { useEffect, useState, type FormEvent, type ReactNode } from "react";
import { Link, useLocation, useSearchParams } from "wouter";
import type { Job } from "../api/client";
import { feed, isFinal } from "../api/feed";
import { ITS_OWN, useEngines, useJobs, type JobQuery } from "../api/hooks";
import { percent, plural } from "../lib/format";
import { cancel, remove } from "../lib/submit";
import { Failure, JobLink, Loading, State, Time, usePageTitle } from "../parts/basic";
import { Outcome } from "./home";

const STATES = ["queued", "running", "succeeded", "failed", "cancelled", "expired"] as const;
const SIZES = [25, 50, 100, 250];
const MOMENTS: Record<string, [string, number]> = {
  hour: ["last hour", 3_600_000],
  day: ["last day", 86_400_000],
  week: ["last week", 604_800_000],
  month: ["last 30 days", 2_592_000_000],
};

/** All filters and the page are in the address: it can be sent, kept and gone back to. */
export default function JobsPage(): ReactNode {
  usePageTitle("Jobs");
  const [search, setSearch] = useSearchParams();
  const [, navigate] = useLocation();
  const engines = useEngines();
  const [chosen, setChosen] = useState<readonly string[]>([]);
  const token = search.get("page_token") ?? "";
  const query = toQuery(search);
  const jobs = useJobs(query);
  const fresh = useFresh(token === "", query.without_kind ?? [], () => void jobs.refetch());
  const change = (values: Record<string, string | string[]>): void => {
    setSearch((before) => {
      const after = new URLSearchParams(before);
      for (const [name, value] of Object.entries({ page_token: "", ...values })) {
        after.delete(name);
        for (const item of [value].flat()) if (item) after.append(name, item);
      }
      return after;
    });
    setChosen([]);
  };
  const states = search.getAll("state");
  const filtered = [...search.keys()].some((name) => name !== "page_token" && name !== "page_size");
  const toggle = (id: string): void =>
    setChosen((before) => (before.includes(id) ? before.filter((known) => known !== id) : [...before, id]));
  return (
    <>
      <h1>Jobs</h1>
      <div className="filters" role="search">
        <div className="row" role="group" aria-label="States">
          {STATES.map((state) => (
            <button
              key={state}
              type="button"
              className="chip"
              aria-pressed={states.includes(state)}
              onClick={() => change({ state: states.includes(state) ? states.filter((known) => known !== state) : [...states, state] })}
            >
              {state}
            </button>
          ))}
        </div>
        <div className="row">
          <Text
            name="Search"
            label="search"
            value={search.get("search") ?? search.get("name") ?? ""}
            apply={(text) => (/^job_[0-9a-hjkmnp-tv-z]{26}$/.test(text) ? navigate(`/jobs/${text}`) : change({ search: text, name: "" }))}
            hint="how its name begins, or an id"
          />
          <Text
            name="Label"
            label="label"
            value={search.getAll("label").join(" ")}
            apply={(text) => change({ label: text.split(/\s+/) })}
            hint="key:value"
          />
          <label>
            Engine
            <select value={search.get("engine") ?? ""} onChange={(event) => change({ engine: event.target.value })}>
              <option value="">any</option>
              {[...new Set(["auto", "race", ...(engines.data ?? []).map((engine) => engine.id)])].map((id) => (
                <option key={id}>{id}</option>
              ))}
            </select>
          </label>
          <label>
            Kind
            <select value={search.get("kind") ?? ""} onChange={(event) => change({ kind: event.target.value })}>
              <option value="">any</option>
              {[...new Set(["program", ...(engines.data ?? []).map((engine) => engine.family)])].map((kind) => (
                <option key={kind}>{kind}</option>
              ))}
            </select>
          </label>
          <label>
            Created
            <select value={search.get("since") ?? ""} onChange={(event) => change({ since: event.target.value })}>
              <option value="">any time</option>
              {Object.entries(MOMENTS).map(([key, [title]]) => (
                <option key={key} value={key}>
                  {title}
                </option>
              ))}
            </select>
          </label>
          <label className="check" title="Suggestions of studies and refinements of schedules">
            <input type="checkbox" checked={search.has("all")} onChange={(event) => change({ all: event.target.checked ? "1" : "" })} /> what Kantor asks of itself
          </label>
          {filtered && (
            <Link href="/jobs" className="button small">
              Clear filters
            </Link>
          )}
        </div>
      </div>
      <div className="row between">
        <span className="row">
          <button
            type="button"
            disabled={chosen.length < 2 || chosen.length > 4}
            onClick={() => navigate(`/compare?${chosen.map((id) => `job=${id}`).join("&")}`)}
            title="Choose two to four jobs"
          >
            Compare {chosen.length > 0 && `(${chosen.length})`}
          </button>
          <Many jobs={(jobs.data?.jobs ?? []).filter((job) => chosen.includes(job.id))} done={() => { setChosen([]); void jobs.refetch(); }} />
          {fresh.count > 0 && (
            <button type="button" className="primary small" onClick={fresh.show}>
              {fresh.count} new
            </button>
          )}
        </span>
        <Link href="/submit" className="button primary">
          Submit
        </Link>
      </div>
      {jobs.error && <Failure error={jobs.error} retry={() => void jobs.refetch()} />}
      {jobs.isPending && <Loading lines={10} />}
      {jobs.data && jobs.data.jobs.length === 0 && (
        <p className="empty">
          No job fits. {filtered ? <Link href="/jobs">Clear the filters</Link> : <Link href="/submit">Submit the first one</Link>}
        </p>
      )}
      {jobs.data && jobs.data.jobs.length > 0 && (
        <div className="scroll" aria-busy={jobs.isPlaceholderData} tabIndex={0} role="region" aria-label="Jobs">
          <table className="jobs">
            <thead>
              <tr>
                <th scope="col">
                  <span className="hidden">Choose</span>
                </th>
                <th scope="col">Job</th>
                <th scope="col">State</th>
                <th scope="col">Answer</th>
                <th scope="col">Engine</th>
                <th scope="col">Labels</th>
                <th scope="col">Created</th>
              </tr>
            </thead>
            <tbody>
              {jobs.data.jobs.map((job) => (
                <tr key={job.id}>
                  <td>
                    <input
                      type="checkbox"
                      aria-label={`Choose ${job.name || job.id}`}
                      checked={chosen.includes(job.id)}
                      onChange={() => toggle(job.id)}
                    />
                  </td>
                  <td>
                    <JobLink job={job} />
                    {job.name && <small className="quiet"> …{job.id.slice(-6)}</small>}
                    {job.kind !== "program" && <small className="quiet"> {job.kind}</small>}
                    {job.task === "inspect" && <small className="quiet"> inspection</small>}
                  </td>
                  <td>
                    <State job={job} />
                  </td>
                  <td>
                    {job.state === "running" ? (
                      <span className="quiet">gap {percent(job.progress?.gap)}</span>
                    ) : job.state === "failed" ? (
                      <span className="one-line bad" title={job.error?.detail ?? ""}>
                        {job.error?.detail ?? job.error?.title}
                      </span>
                    ) : job.summary ? (
                      <Outcome job={job} />
                    ) : null}
                  </td>
                  <td>{job.summary?.engine || job.engine}</td>
                  <td>
                    {Object.entries(job.labels ?? {}).map(([key, value]) => (
                      <button key={key} type="button" className="chip" onClick={() => change({ label: `${key}:${value}` })}>
                        {key}:{value}
                      </button>
                    ))}
                  </td>
                  <td>
                    <Time at={job.created_at} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      <nav className="row between" aria-label="Pages of the list">
        <label>
          Rows{" "}
          <select value={String(query.page_size)} onChange={(event) => change({ page_size: event.target.value })}>
            {SIZES.map((size) => (
              <option key={size}>{size}</option>
            ))}
          </select>
        </label>
        <span className="row">
          <button type="button" disabled={!token} onClick={() => change({})}>
            Newest
          </button>
          <button type="button" disabled={!token} onClick={() => history.back()}>
            Back
          </button>
          <button type="button" disabled={!jobs.data?.next_page_token} onClick={() => change({ page_token: jobs.data?.next_page_token ?? "" })}>
            Older
          </button>
        </span>
      </nav>
    </>
  );
}

function toQuery(search: URLSearchParams): JobQuery {
  const since = MOMENTS[search.get("since") ?? ""];
  const label = search.getAll("label").filter(Boolean);
  const state = search.getAll("state").filter((name): name is (typeof STATES)[number] => (STATES as readonly string[]).includes(name));
  return {
    ...(state.length ? { state } : {}),
    ...Object.fromEntries(["name", "engine", "kind", "page_token"].flatMap((name) => (search.get(name) ? [[name, search.get(name)]] : []))),
    ...(search.get("search") ? { name_begins: search.get("search") ?? "" } : {}),
    ...(search.get("kind") || search.has("all") ? {} : { without_kind: ITS_OWN }),
    ...(label.length ? { label } : {}),
    // Whole minutes, so that the list is the same one from second to second.
    ...(since ? { created_after: new Date(Math.floor((Date.now() - since[1]) / 60_000) * 60_000).toISOString() } : {}),
    page_size: SIZES.includes(Number(search.get("page_size"))) ? Number(search.get("page_size")) : 50,
  };
}

/** What can be done to several jobs at once. */
function Many({ jobs, done }: { jobs: readonly Job[]; done: () => void }): ReactNode {
  const [sure, setSure] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const open = jobs.filter((job) => !isFinal(job));
  const over = jobs.filter(isFinal);
  const act = (which: readonly Job[], what: (id: string) => Promise<unknown>) => (): void => {
    setError(null);
    setSure(false);
    Promise.all(which.map((job) => what(job.id)))
      .then(done)
      .catch((failure: unknown) => setError(failure as Error));
  };
  useEffect(() => setSure(false), [jobs.length]);
  return (
    <>
      {open.length > 0 && (
        <button type="button" className="danger" onClick={act(open, cancel)}>
          Cancel {plural(open.length, "job")}
        </button>
      )}
      {over.length > 0 &&
        (sure ? (
          <button type="button" className="danger" onClick={act(over, remove)}>
            Delete {plural(over.length, "job")} for good
          </button>
        ) : (
          <button type="button" onClick={() => setSure(true)}>
            Delete…
          </button>
        ))}
      {error && <Failure error={error} />}
    </>
  );
}

/** New jobs are counted, not pushed in: rows do not move under the pointer. */
function useFresh(newest: boolean, without: readonly string[], reload: () => void): { count: number; show: () => void } {
  const [seen, setSeen] = useState<ReadonlySet<string>>(new Set());
  const [began, setBegan] = useState(() => Date.now());
  useEffect(
    () =>
      feed.onJob((job) => {
        if (newest && !without.includes(job.kind) && Date.parse(job.created_at) > began) setSeen((before) => (before.has(job.id) ? before : new Set(before).add(job.id)));
      }),
    [newest, began, without.length],
  );
  const show = (): void => {
    setSeen(new Set());
    setBegan(Date.now());
    reload();
  };
  return { count: newest ? seen.size : 0, show };
}

function Text({
  name,
  label,
  value,
  apply,
  hint,
}: {
  name: string;
  label: string;
  value: string;
  apply: (value: string) => void;
  hint: string;
}): ReactNode {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  const send = (event: FormEvent): void => {
    event.preventDefault();
    apply(text.trim());
  };
  return (
    <form onSubmit={send}>
      <label>
        {name}
        <input
          type="search"
          name={label}
          value={text}
          placeholder={hint}
          onChange={(event) => setText(event.target.value)}
          onBlur={() => text.trim() !== value && apply(text.trim())}
        />
      </label>
    </form>
  );
}
