import { useQuery } from "@tanstack/react-query";
import { useMemo, useState, type ReactNode } from "react";
import { call } from "../../api/client";
import { queries } from "../../api/hooks";
import { number, words } from "../../lib/format";
import { together, type Run, type Schedule, type Version } from "../../lib/schedule";
import { Copy, Failure, Figure, Loading, Time, usePageTitle } from "../../parts/basic";
import { Chart, type Curve } from "../../parts/chart";
import { Observed } from "./observed";

const DRAWN = 7;

export default function SchedulePage({ id }: { id: string }): ReactNode {
  const get = async (path: string, signal: AbortSignal): Promise<unknown> => (await call(`/v1/schedules/${id}${path}`, { signal })).json();
  const schedule = useQuery({ queryKey: ["schedule", id], refetchInterval: 3000, queryFn: ({ signal }) => get("", signal) as Promise<Schedule> });
  const stamp = schedule.data?.versions ?? 0;
  const versions = useQuery({
    queryKey: ["versions", id, stamp],
    enabled: stamp > 0,
    queryFn: async ({ signal }) => ((await get("/versions", signal)) as { versions: Version[] }).versions,
  });
  const runs = useQuery({
    queryKey: ["runs", id],
    refetchInterval: 5000,
    queryFn: async ({ signal }) => ((await get("/runs", signal)) as { runs: Run[] }).runs,
  });
  usePageTitle(schedule.data?.name ?? id);
  const failed = schedule.error ?? versions.error ?? runs.error;
  if (failed) return <Failure error={failed} retry={() => void schedule.refetch()} />;
  // all at once: what comes later would push down what is read already
  if (!schedule.data || (stamp > 0 && versions.isPending) || runs.isPending) return <Loading lines={8} />;
  return (
    <>
      <Head schedule={schedule.data} />
      {versions.data && <Curves schedule={schedule.data} versions={versions.data} />}
      {schedule.data.runs > 0 && <Observed id={id} />}
      <h2>
        Runs <span className="count">{schedule.data.runs}</span>
      </h2>
      <Runs runs={runs.data ?? []} />
    </>
  );
}

function useAct(id: string): { act: (path: string, body?: Record<string, unknown>) => void; error: Error | null; busy: boolean } {
  const [error, setError] = useState<Error | null>(null);
  const [busy, setBusy] = useState(false);
  const act = (path: string, body: Record<string, unknown> = {}): void => {
    setBusy(true);
    setError(null);
    call(`/v1/schedules/${id}/${path}`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) })
      .catch((failure: unknown) => setError(failure as Error))
      .finally(() => {
        setBusy(false);
        void queries.invalidateQueries({ queryKey: ["schedule", id] });
      });
  };
  return { act, error, busy };
}

function Head({ schedule }: { schedule: Schedule }): ReactNode {
  const { act, error, busy } = useAct(schedule.id);
  return (
    <header className="job-head">
      <div className="row between">
        <h1>
          {schedule.name} <span className={`badge study-${schedule.state}`}>{schedule.state}</span>
        </h1>
        <div className="row">
          {schedule.policy === "refined" && (
            <button type="button" disabled={busy || schedule.runs === 0} title="A better curve from the gradient norms of finished runs" onClick={() => act("refine")}>
              {busy ? "Refining…" : "Refine"}
            </button>
          )}
          <button type="button" disabled={busy} onClick={() => act(schedule.state === "active" ? "archive" : "resume")}>
            {schedule.state === "active" ? "Archive" : "Take out of the archive"}
          </button>
        </div>
      </div>
      {error && <Failure error={error} />}
      <p className="quiet">
        <code>{schedule.id}</code> <Copy text={schedule.id} label="Copy id" />
      </p>
      <dl className="figures">
        <Figure name="Of">{schedule.kind}</Figure>
        <Figure name="Policy">{schedule.policy}</Figure>
        <Figure name="Steps">{number(schedule.horizon)}</Figure>
        <Figure name="Version for new runs">
          {schedule.current} <small>of {schedule.versions}</small>
        </Figure>
        <Figure name="Changed">
          <Time at={schedule.updated_at} />
        </Figure>
      </dl>
    </header>
  );
}

/** The newest versions over each other; any of them can be given to new runs. */
function Curves({ schedule, versions }: { schedule: Schedule; versions: readonly Version[] }): ReactNode {
  const { act, error, busy } = useAct(schedule.id);
  const [hidden, setHidden] = useState<readonly number[]>([]);
  const shown = useMemo(() => versions.slice(-DRAWN).filter((version) => !hidden.includes(version.version)), [versions, hidden]);
  const [steps, curves] = useMemo(() => {
    const { steps: times, values } = together(shown.map((version) => version.curve));
    return [
      times,
      shown.map((version, k): Curve => ({ name: `version ${version.version}`, values: values[k] ?? [], colour: (version.version - 1) % 7 + 1, dashed: version.version !== schedule.current })),
    ] as const;
  }, [shown, schedule.current]);
  return (
    <section>
      <Chart title={`${words(schedule.kind)} by step; solid: what new runs get`} times={steps} curves={curves} xLabel="step" height={260} />
      {error && <Failure error={error} />}
      <div className="scroll" tabIndex={0} role="region" aria-label="Versions">
        <table>
          <thead>
            <tr>
              <th scope="col">Version</th>
              <th scope="col">Made</th>
              <th scope="col">How</th>
              <th scope="col">Drawn</th>
              <th scope="col">New runs</th>
            </tr>
          </thead>
          <tbody>
            {versions
              .slice()
              .reverse()
              .map((version) => (
                <tr key={version.version}>
                  <th scope="row">{version.version}</th>
                  <td>
                    <Time at={version.created_at} />
                  </td>
                  <td>
                    {Object.entries(version.provenance)
                      .filter(([name, value]) => name !== "job" && (typeof value !== "object" || value === null))
                      .map(([name, value]) => `${words(name)} ${typeof value === "number" ? number(value, 5) : String(value)}`)
                      .join(" · ")}
                  </td>
                  <td>
                    <input
                      type="checkbox"
                      aria-label={`Draw version ${version.version}`}
                      checked={shown.includes(version)}
                      onChange={() => setHidden((before) => (before.includes(version.version) ? before.filter((known) => known !== version.version) : [...before, version.version]))}
                    />
                  </td>
                  <td>
                    {version.version === schedule.current ? (
                      "get this one"
                    ) : (
                      <button type="button" className="small" disabled={busy} onClick={() => act("promote", { version: version.version })}>
                        Give them this one
                      </button>
                    )}
                  </td>
                </tr>
              ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Runs({ runs }: { runs: readonly Run[] }): ReactNode {
  if (runs.length === 0) return <p className="empty">No training follows this schedule yet.</p>;
  const say = (values: Record<string, unknown> | null | undefined): string =>
    Object.entries(values ?? {})
      .map(([name, value]) => `${name} ${typeof value === "number" ? number(value, 6) : String(value)}`)
      .join(" · ");
  return (
    <div className="scroll" tabIndex={0} role="region" aria-label="Runs">
      <table>
        <thead>
          <tr>
            <th scope="col">No.</th>
            <th scope="col">State</th>
            <th scope="col">Version</th>
            <th scope="col">Advice</th>
            <th scope="col">End</th>
            <th scope="col">Begun</th>
          </tr>
        </thead>
        <tbody>
          {runs.map((run) => (
            <tr key={run.number}>
              <th scope="row">{run.number}</th>
              <td>{run.state}</td>
              <td>{run.version}</td>
              <td>{say(run.advice)}</td>
              <td>{say(run.final)}</td>
              <td>
                <Time at={run.created_at} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
