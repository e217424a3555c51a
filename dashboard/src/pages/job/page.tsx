import { lazy, Suspense, useState, type ReactNode } from "react";
import { Link, useLocation, useSearchParams } from "wouter";
import type { Job } from "../../api/client";
import { isFinal } from "../../api/feed";
import { useAnswer, useHistory, useJob } from "../../api/hooks";
import { percent, seconds, short } from "../../lib/format";
import { cancel, remove } from "../../lib/submit";
import { Copy, Failure, Figure, Loading, State, Tabs, Time, useNow, usePageTitle, type Tab } from "../../parts/basic";
import { AnswerTab } from "./answer";
import { AnyAnswer } from "./any-answer";
import { CertificateTab } from "./certificate";
import { ConflictTab } from "./conflict";
import { Curves } from "./curves";
import { InspectionView } from "./inspection";
import { LogTab } from "./log";
import { ModelTab } from "./model";
import { Timeline } from "./timeline";

const TransportTab = lazy(() => import("../transport/tab"));
const OptimaTab = lazy(() => import("./optima"));
const FrontTab = lazy(() => import("./front"));

export default function JobPage({ id }: { id: string }): ReactNode {
  const job = useJob(id);
  usePageTitle(job.data?.name || id);
  if (job.error) return <Failure error={job.error} retry={() => void job.refetch()} />;
  if (!job.data) return <Loading lines={8} />;
  return <Page job={job.data} />;
}

function Page({ job }: { job: Job }): ReactNode {
  const history = useHistory(job.id);
  const answer = useAnswer(job);
  const [search, setSearch] = useSearchParams();
  const final = isFinal(job);
  const document = answer.data;
  const tabs: Tab[] = [
    {
      id: "curves",
      title: final ? "Curves" : "Live",
      content: () => <Curves history={history} live={!final} />,
    },
  ];
  if (document) {
    const record = document as unknown as Record<string, unknown>;
    if (job.kind === "program") tabs.push({ id: "answer", title: "Answer", content: () => <AnswerTab job={job} answer={document} /> });
    else tabs.push({ id: "answer", title: "Answer", content: () => <AnyAnswer job={job} answer={record} /> });
    const later = (id: string, title: string, content: ReactNode): void => void tabs.push({ id, title, content: () => <Suspense fallback={<Loading lines={8} />}>{content}</Suspense> });
    // by what is in the answer: kinds that come later have these, too
    if (job.kind === "transport" && record.plan) later("plan", "Plan", <TransportTab job={job} answer={record} />);
    if (Array.isArray(record.optima) && record.optima.length > 0) later("optima", `Optima ${record.optima.length}`, <OptimaTab optima={record.optima} />);
    if (Array.isArray(record.objectives) && record.objectives.length > 1 && record.values) later("front", "Front", <FrontTab job={job} answer={record} />);
    if (document.certificate)
      tabs.push({ id: "certificate", title: "Certificate", content: () => <CertificateTab answer={document} /> });
    if (document.iis || document.relaxation)
      tabs.push({ id: "conflict", title: "Contradiction", content: () => <ConflictTab job={job} answer={document} /> });
  }
  if (job.inspection) {
    const inspection = job.inspection;
    tabs.push({ id: "inspection", title: "Inspection", content: () => <InspectionView inspection={inspection} /> });
  }
  tabs.push(
    { id: "log", title: "Log", content: () => <LogTab job={job} events={history.events} /> },
    { id: "model", title: "Problem", content: () => <ModelTab job={job} answer={document} /> },
    { id: "events", title: "Events", content: () => <Timeline history={history} /> },
  );
  const preferred = !final || !document ? "curves" : (["plan", "front"].find((id) => tabs.some((tab) => tab.id === id)) ?? "answer");
  const chosen = search.get("tab") ?? preferred;
  return (
    <>
      <Head job={job} />
      {job.error && <Failure error={job.error} />}
      {answer.error && <Failure error={answer.error} retry={() => void answer.refetch()} />}
      <Tabs
        label="Of this job"
        tabs={tabs}
        chosen={chosen}
        choose={(tab) =>
          setSearch(
            (before) => {
              const after = new URLSearchParams(before);
              after.set("tab", tab);
              return after;
            },
            { replace: true },
          )
        }
      />
    </>
  );
}

function Head({ job }: { job: Job }): ReactNode {
  const [, navigate] = useLocation();
  const [error, setError] = useState<Error | null>(null);
  const [sure, setSure] = useState(false);
  const act = (what: () => Promise<unknown>) => (): void => {
    setError(null);
    what().catch((failure: unknown) => setError(failure as Error));
  };
  const final = isFinal(job);
  return (
    <header className="job-head">
      <div className="row between">
        <h1>
          {job.name || <span className="quiet">unnamed job</span>} <State job={job} />
        </h1>
        <div className="row">
          {!final && (
            <button type="button" onClick={act(() => cancel(job.id))} disabled={job.cancel_requested_at != null} className="danger">
              {job.cancel_requested_at ? "Stopping…" : "Cancel"}
            </button>
          )}
          <Link href={`/submit?from=${job.id}`} className="button">
            Run again with changes
          </Link>
          <Link href={`/compare?job=${job.id}`} className="button">
            Compare
          </Link>
          {final &&
            (sure ? (
              <>
                <button type="button" className="danger" onClick={act(() => remove(job.id).then(() => navigate("/jobs")))}>
                  Delete for good
                </button>
                <button type="button" onClick={() => setSure(false)}>
                  Keep
                </button>
              </>
            ) : (
              <button type="button" onClick={() => setSure(true)}>
                Delete
              </button>
            ))}
        </div>
      </div>
      {error && <Failure error={error} />}
      <p className="quiet">
        <code>{job.id}</code> <Copy text={job.id} label="Copy id" />{" "}
        {Object.entries(job.labels ?? {}).map(([key, value]) => (
          <Link key={key} href={`/jobs?label=${encodeURIComponent(`${key}:${value}`)}`} className="chip">
            {key}:{value}
          </Link>
        ))}
      </p>
      <Figures job={job} />
    </header>
  );
}

function Figures({ job }: { job: Job }): ReactNode {
  const now = useNow();
  const live = (job.progress ?? {}) as Record<string, unknown>;
  const summary = job.summary;
  const objective = summary ? summary.objective : live.objective;
  const bound = summary ? summary.bound : live.bound;
  const gap = summary ? summary.gap : live.gap;
  const end = job.finished_at ? Date.parse(job.finished_at) : now;
  const runtime = job.started_at ? (end - Date.parse(job.started_at)) / 1000 : NaN;
  const waited = ((job.started_at ? Date.parse(job.started_at) : end) - Date.parse(job.created_at)) / 1000;
  return (
    <dl className="figures">
      {summary && (
        <Figure name="Status">
          {summary.status}
          {summary.proved ? (
            <small className="trust proved"> ✓ proved</small>
          ) : summary.verified ? (
            <small className="trust verified"> ✓ verified</small>
          ) : null}
        </Figure>
      )}
      <Figure name={summary ? "Objective" : "Incumbent"}>{short(objective)}</Figure>
      <Figure name="Bound">{short(bound)}</Figure>
      <Figure name="Gap" help="|incumbent − bound| / max(1, |incumbent|)">
        {percent(gap)}
      </Figure>
      <Figure name="Engine">{summary?.engine || String(live.engine ?? "") || job.engine}</Figure>
      <Figure name={job.state === "queued" ? "Waits" : "Time"} help={`waited ${seconds(Math.max(0, waited))} before`}>
        {seconds(Math.max(0, job.state === "queued" ? waited : runtime))}
      </Figure>
      <Figure name="Created">
        <Time at={job.created_at} />
      </Figure>
      {(job.attempt ?? 0) > 1 && (
        <Figure name="Attempt" help="It was begun anew, because a worker was lost or drained">
          {job.attempt}
        </Figure>
      )}
    </dl>
  );
}
