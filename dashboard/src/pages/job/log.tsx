import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useRef, useState, type ReactNode } from "react";
import { call, type Job, type JobEvent } from "../../api/client";
import { isFinal } from "../../api/feed";
import { save } from "../../lib/download";
import { Failure, Loading } from "../../parts/basic";

const SHOWN = 5000;

/** The engine's log, read again at most every second while lines come. */
export function LogTab({ job, events }: { job: Job; events: readonly JobEvent[] }): ReactNode {
  const [follow, setFollow] = useState(true);
  const [search, setSearch] = useState("");
  const box = useRef<HTMLPreElement>(null);
  const log = useQuery({
    queryKey: ["log", job.id],
    queryFn: async ({ signal }) => (await call(`/v1/jobs/${job.id}/log`, { signal })).text(),
  });
  const newest = useMemo(() => events.findLast((event) => event.type === "log" || event.type === "finished")?.seq ?? 0, [events]);
  const { refetch } = log;
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => {
    if (newest === 0) return;
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      void refetch();
    }, 1000);
  }, [newest, refetch]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const lines = useMemo(() => {
    const all = (log.data ?? "").split("\n");
    const wanted = search.trim().toLowerCase();
    return wanted ? all.filter((line) => line.toLowerCase().includes(wanted)) : all;
  }, [log.data, search]);
  useEffect(() => {
    if (follow && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [lines, follow]);
  if (log.error) return <Failure error={log.error} retry={() => void refetch()} />;
  if (log.data === undefined) return <Loading lines={10} />;
  if (log.data === "")
    return (
      <p className="empty tall">
        {isFinal(job) ? "No log was kept" : "No line yet"}: the option <code>log</code> decides whether the engine's log is kept.
      </p>
    );
  return (
    <>
      <div className="row between">
        <label>
          <span className="hidden">Search the log</span>
          <input type="search" placeholder="Search the log" value={search} onChange={(event) => setSearch(event.target.value)} />
        </label>
        <span className="row">
          <label className="check">
            <input type="checkbox" checked={follow} onChange={(event) => setFollow(event.target.checked)} /> follow
          </label>
          <button type="button" className="small" onClick={() => save([log.data], `${job.id}.log`, "text/plain")}>
            Download
          </button>
        </span>
      </div>
      {lines.length > SHOWN && <p className="quiet">The last {SHOWN} of {lines.length} lines; the download has all.</p>}
      <pre className="log" ref={box} tabIndex={0} role="region" aria-label="Log">
        {lines.slice(-SHOWN).join("\n")}
      </pre>
    </>
  );
}
