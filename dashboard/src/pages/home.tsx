import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useRef, useState, type ReactNode } from "react";
import { Link } from "wouter";
import { api, call, data, type Job, type Schemas } from "../api/client";
import { feed, isFinal } from "../api/feed";
import { ITS_OWN, useActive, useJobs, useQueues, useWorkers } from "../api/hooks";
import { num, percent, plural, relative, seconds, short } from "../lib/format";
import { points } from "../lib/series";
import { Failure, Figure, JobLink, Loading, State, Time, useNow, usePageTitle } from "../parts/basic";
import { Activity } from "../parts/activity";
import { Sparkline } from "../parts/sparkline";
import { Start } from "./start";

const SHOWN = 12;

export function Home(): ReactNode {
  usePageTitle("");
  const active = useActive();
  const recent = useJobs({ page_size: 250, without_kind: ITS_OWN });
  const failed = useJobs({ state: ["failed"], page_size: 5 });
  const studies = useQuery({ queryKey: ["studies", "home"], queryFn: ({ signal }) => data(api.GET("/v1/studies", { params: { query: { page_size: 5, state: "active" } }, signal })), refetchInterval: 10_000 });
  useReloadOnFinish([recent.refetch, failed.refetch]);
  const running = [...active.values()].filter((job) => job.state === "running" && !ITS_OWN.includes(job.kind));
  const queued = [...active.values()].filter((job) => job.state === "queued");
  if (recent.error) return <Failure error={recent.error} retry={() => void recent.refetch()} />;
  if (recent.isPending || studies.isPending) return <Loading lines={12} />;
  if (recent.data?.jobs.length === 0 && active.size === 0 && !studies.data?.studies.length) return <Start />;
  return (
    <>
      <h1 className="hidden">Home</h1>
      <Overview recent={recent.data?.jobs ?? []} />
      <Activity jobs={recent.data?.jobs ?? []} />
      <section aria-labelledby="running">
        <h2 id="running">
          Runs now <span className="count">{running.length}</span>
        </h2>
        {running.length === 0 ? (
          <p className="empty">
            Nothing runs. <Link href="/submit">Submit a problem</Link> and watch it here.
          </p>
        ) : (
          <div className="cards">
            {running.slice(0, SHOWN).map((job) => (
              <Running key={job.id} job={job} />
            ))}
          </div>
        )}
        {running.length > SHOWN && <Link href="/jobs?state=running">All {running.length} that run</Link>}
        {queued.length > 0 && (
          <p>
            <Link href="/jobs?state=queued">{plural(queued.length, "job waits", "jobs wait")}</Link>; next:{" "}
            <JobLink job={next(queued)} />
          </p>
        )}
      </section>
      <div className="columns">
        <Failed page={failed.data} />
        <Finished jobs={recent.data?.jobs} />
      </div>
      {studies.data && studies.data.studies.length > 0 && <Studies studies={studies.data.studies} />}
    </>
  );
}

function next(queued: readonly Job[]): Job {
  return queued.reduce((a, b) => (b.priority > a.priority || (b.priority === a.priority && b.id < a.id) ? b : a));
}

/** Lists are read again when a job ends, at most every two seconds. */
function useReloadOnFinish(reloads: readonly (() => unknown)[]): void {
  const latest = useRef(reloads);
  latest.current = reloads;
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const leave = feed.onJob((job) => {
      if (isFinal(job)) timer ??= setTimeout(() => {
        timer = undefined;
        for (const reload of latest.current) void reload();
      }, 1000);
    });
    return () => {
      clearTimeout(timer);
      leave();
    };
  }, []);
}

function Overview({ recent }: { recent: readonly Job[] }): ReactNode {
  const workers = useWorkers();
  const queues = useQueues();
  const now = useNow();
  const pools = useMemo(() => [...new Set([...queues.map((q) => q.pool), ...(workers.data ?? []).flatMap((w) => w.pools)])].sort(), [queues, workers.data]);
  const slots = (workers.data ?? []).reduce((sum, worker) => sum + worker.concurrency, 0);
  const busy = (workers.data ?? []).reduce((sum, worker) => sum + worker.running, 0);
  const finished = recent.filter((job) => job.finished_at && now - Date.parse(job.finished_at) < 3_600_000);
  const minute = finished.filter((job) => now - Date.parse(job.finished_at ?? "") < 60_000).length;
  const waits = Math.max(0, ...queues.map((queue) => queue.oldest_queued_seconds ?? 0));
  return (
    <dl className="figures">
      <Figure name="Workers" help="Live workers; jobs they run of those they could">
        {workers.data ? (
          workers.data.length ? (
            <Link href="/engines">
              {workers.data.length} <small>· {busy} of {slots} busy</small>
            </Link>
          ) : (
            <strong className="bad">none: jobs wait</strong>
          )
        ) : (
          "…"
        )}
      </Figure>
      {(pools.length ? pools : ["cpu"]).map((pool) => {
        const queue = queues.find((candidate) => candidate.pool === pool);
        return (
          <Figure key={pool} name={`Queue ${pool}`} help="Your project's jobs that wait and run">
            <Link href="/jobs?state=queued">
              {queue?.queued ?? 0} <small>wait · {queue?.running ?? 0} run</small>
            </Link>
          </Figure>
        );
      })}
      <Figure name="Longest wait">{waits ? seconds(waits) : "–"}</Figure>
      <Figure name="Throughput" help="Finished jobs among the newest 250">
        {minute} <small>in the last minute · {finished.length >= 250 ? "250+" : finished.length} in the hour</small>
      </Figure>
    </dl>
  );
}

function Running({ job }: { job: Job }): ReactNode {
  const gapless = Number.isNaN(num((job.progress as Record<string, unknown> | null)?.gap));
  const line = useLine(job, gapless ? "objective" : "gap");
  const now = useNow();
  const progress = (job.progress ?? {}) as Record<string, unknown>;
  const elapsed = job.started_at ? (now - Date.parse(job.started_at)) / 1000 : NaN;
  return (
    <article className="card">
      <header>
        <JobLink job={job} /> <State job={job} />
      </header>
      <div className="row between">
        <span className="large" title={gapless ? "objective so far" : "relative gap between incumbent and bound"}>
          {gapless ? Number.isNaN(num(progress.objective)) ? <small>no progress told yet</small> : short(progress.objective) : percent(progress.gap)}
        </span>
        <Sparkline values={line} logarithmic={!gapless} label={gapless ? `Objective, now ${short(progress.objective)}` : `Gap, now ${percent(progress.gap)}`} />
      </div>
      <p className="quiet">
        {gapless ? `${job.kind}${progress.phase ? `, ${String(progress.phase)}` : ""}` : `incumbent ${short(progress.objective)} · bound ${short(progress.bound)}`}
        <br />
        {String(progress.engine ?? job.engine)} · {seconds(Math.max(0, elapsed))}
      </p>
    </article>
  );
}

/** A metric's history: what was before this page, then what the stream brings. */
function useLine(job: Job, metric: "gap" | "objective"): number[] {
  const [before, setBefore] = useState<number[]>([]);
  const live = useRef<{ metric: string; values: number[] }>({ metric, values: [] });
  const newest = num((job.progress as Record<string, unknown> | null)?.[metric]);
  useEffect(() => {
    const controller = new AbortController();
    call(`/v1/jobs/${job.id}/events?max=60`, { signal: controller.signal })
      .then((reply) => reply.json() as Promise<Schemas["EventPage"]>)
      .then((page) => setBefore(points(page.events).map((point) => point[metric]).filter((value) => !Number.isNaN(value))))
      .catch(() => undefined);
    return () => controller.abort();
  }, [job.id, metric]);
  if (live.current.metric !== metric) live.current = { metric, values: [] };
  if (!Number.isNaN(newest) && live.current.values.at(-1) !== newest) live.current.values = [...live.current.values.slice(-140), newest];
  return [...before, ...live.current.values];
}

function Failed({ page }: { page: Schemas["JobPage"] | undefined }): ReactNode {
  return (
    <section aria-labelledby="failed">
      <h2 id="failed">Failed, and why</h2>
      {page === undefined ? (
        <Loading />
      ) : page.jobs.length === 0 ? (
        <p className="empty">Nothing has failed.</p>
      ) : (
        <ul className="list">
          {page.jobs.map((job) => (
            <li key={job.id}>
              <span className="row between">
                <JobLink job={job} /> <Time at={job.finished_at} />
              </span>
              <span className="one-line" title={job.error?.detail ?? ""}>
                {job.error?.detail || job.error?.title || "no reason was given"}
              </span>
            </li>
          ))}
        </ul>
      )}
      {page?.next_page_token && <Link href="/jobs?state=failed">All that failed</Link>}
    </section>
  );
}

function Finished({ jobs }: { jobs: readonly Job[] | undefined }): ReactNode {
  const finished = (jobs ?? []).filter((job) => isFinal(job) && job.state !== "failed").slice(0, 10);
  return (
    <section aria-labelledby="finished">
      <h2 id="finished">Finished lately</h2>
      {jobs === undefined ? (
        <Loading />
      ) : finished.length === 0 ? (
        <p className="empty">Nothing yet.</p>
      ) : (
        <ul className="list">
          {finished.map((job) => (
            <li key={job.id}>
              <span className="row between">
                <span>
                  <JobLink job={job} /> <Outcome job={job} />
                </span>
                <Time at={job.finished_at} />
              </span>
            </li>
          ))}
        </ul>
      )}
      <Link href="/jobs">All jobs</Link>
    </section>
  );
}

/** Studies under way, by what they have found so far. */
function Studies({ studies }: { studies: readonly Schemas["Study"][] }): ReactNode {
  return (
    <section aria-labelledby="studies">
      <h2 id="studies">Studies under way</h2>
      <div className="cards">
        {studies.map((study) => (
          <article key={study.id} className="card">
            <header>
              <Link href={`/studies/${study.id}`}>{study.name}</Link> <Time at={study.updated_at} />
            </header>
            <p>
              <b>{study.trials?.completed ?? 0}</b> {study.budget != null && `of ${study.budget} `}trials
              {(study.trials?.running ?? 0) > 0 && <> · {study.trials?.running} run</>}
              {(study.trials?.failed ?? 0) > 0 && <span className="bad"> · {study.trials?.failed} failed</span>}
            </p>
            {study.budget != null && <meter className="whole" min={0} max={study.budget} value={study.trials?.completed ?? 0} aria-label="completed trials of the budget" />}
            <p className="quiet">
              {Object.entries(study.objectives)
                .map(([name, goal]) => `${goal} ${name}`)
                .join(", ") || "by preference"}
            </p>
          </article>
        ))}
      </div>
      <p>
        <Link href="/studies">All studies</Link>
      </p>
    </section>
  );
}

export function Outcome({ job }: { job: Job }): ReactNode {
  const summary = job.summary;
  if (!summary) return <State job={job} />;
  const trust = summary.proved ? "proved" : summary.verified ? "verified" : "";
  return (
    <span className="outcome">
      {summary.status}
      {summary.objective != null && <b> {short(summary.objective)}</b>}
      {trust && (
        <span className={`trust ${trust}`} title={trust === "proved" ? "Kantor checked every claim itself" : "Kantor checked the point itself"}>
          {" "}
          ✓ {trust}
        </span>
      )}
      {job.started_at && job.finished_at && (
        <span className="quiet" title={`finished ${relative(job.finished_at)}`}>
          {" "}
          {seconds(summary.seconds ?? (Date.parse(job.finished_at) - Date.parse(job.started_at)) / 1000)}
        </span>
      )}
    </span>
  );
}
