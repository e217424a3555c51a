import { useQuery } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { useSearchParams } from "wouter";
import { api, data } from "../../api/client";
import { number, plural, short, words } from "../../lib/format";
import { numbersOf } from "../../lib/study";
import type { Study, Trial } from "../../lib/study";
import { Failure, Loading, Time } from "../../parts/basic";
import { Chart } from "../../parts/chart";

const STATES = ["waiting", "running", "completed", "stopped", "failed", "infeasible"] as const;
const PAGE = 100;

/** The trial whose details are shown is in the address; its tab is "trials". */
export function useOpenTrial(): (trial: number) => void {
  const [, setSearch] = useSearchParams();
  return (trial) => setSearch({ tab: "trials", trial: String(trial) });
}

export function Trials({ study, trials }: { study: Study; trials: readonly Trial[] }): ReactNode {
  const [search, setSearch] = useSearchParams();
  const states = search.getAll("state");
  const shown = (states.length ? trials.filter((trial) => states.includes(trial.state)) : trials).slice().reverse();
  const toggle = (state: string): void =>
    setSearch((before) => {
      const after = new URLSearchParams(before);
      after.delete("state");
      for (const known of states.includes(state) ? states.filter((one) => one !== state) : [...states, state]) after.append("state", known);
      return after;
    });
  return (
    <>
      <div className="row" role="group" aria-label="States">
        {STATES.map((state) => (
          <button key={state} type="button" className="chip" aria-pressed={states.includes(state)} onClick={() => toggle(state)}>
            {state}
          </button>
        ))}
        <span className="quiet">{plural(shown.length, "trial")}</span>
      </div>
      <TrialTable study={study} trials={shown} />
    </>
  );
}

/** Parameters and values; a click shows what happened to a trial. */
export function TrialTable({ study, trials }: { study: Study; trials: readonly Trial[] }): ReactNode {
  const [search, setSearch] = useSearchParams();
  const open = search.get("trial") ? Number(search.get("trial")) : null;
  const setOpen = (trial: number | null): void =>
    setSearch((before) => {
      const after = new URLSearchParams(before);
      after.delete("trial");
      if (trial !== null) after.set("trial", String(trial));
      return after;
    }, { replace: true });
  const [page, setPage] = useState<number | null>(null);
  const names = Object.keys(study.space);
  const metrics = [...Object.keys(study.objectives), ...Object.keys(study.constraints ?? {})];
  const last = Math.max(0, Math.ceil(trials.length / PAGE) - 1);
  const place = trials.findIndex((trial) => trial.number === open);
  const at = Math.min(page ?? Math.floor(Math.max(0, place) / PAGE), last);
  const chosen = trials.find((trial) => trial.number === open);
  if (trials.length === 0) return <p className="empty">No trial fits.</p>;
  return (
    <>
      <div className="scroll" tabIndex={0} role="region" aria-label="Trials">
        <table className="numbers">
          <thead>
            <tr>
              <th scope="col">No.</th>
              <th scope="col">State</th>
              {metrics.map((metric) => (
                <th scope="col" key={metric} className="number">
                  {metric}
                </th>
              ))}
              {names.map((name) => (
                <th scope="col" key={name} className="number">
                  {name}
                </th>
              ))}
              <th scope="col">From</th>
              <th scope="col">Finished</th>
            </tr>
          </thead>
          <tbody>
            {trials.slice(at * PAGE, (at + 1) * PAGE).map((trial) => (
              <tr key={trial.number} className={trial.number === open ? "marked" : ""}>
                <th scope="row">
                  <button type="button" className="small" aria-expanded={trial.number === open} onClick={() => setOpen(trial.number === open ? null : trial.number)}>
                    {trial.number}
                  </button>
                </th>
                <td>
                  {trial.state}
                  {trial.feasible === false && <span className="bad"> violates a constraint</span>}
                </td>
                {metrics.map((metric) => (
                  <td key={metric} className="number">
                    {short(trial.values?.[metric])}
                  </td>
                ))}
                {names.map((name) => (
                  <td key={name} className="number">
                    {parameter(trial.params[name])}
                  </td>
                ))}
                <td title={trial.why}>{trial.origin === "engine" ? trial.engine : trial.origin}</td>
                <td>
                  <Time at={trial.finished_at} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {last > 0 && (
        <div className="row">
          <button type="button" disabled={at === 0} onClick={() => setPage(at - 1)}>
            Back
          </button>
          page {at + 1} of {last + 1}
          <button type="button" disabled={at === last} onClick={() => setPage(at + 1)}>
            Next
          </button>
        </div>
      )}
      {chosen && <Detail study={study} trial={chosen} />}
    </>
  );
}

export function parameter(found: unknown): string {
  return typeof found === "number" ? number(found, 6) : found === undefined ? "–" : String(found);
}

function Detail({ study, trial }: { study: Study; trial: Trial }): ReactNode {
  const history = useQuery({
    queryKey: ["trial-history", study.id, trial.number, study.watermark, trial.state],
    queryFn: ({ signal }) =>
      data(api.GET("/v1/studies/{study_id}/trials/{number}/history", { params: { path: { study_id: study.id, number: trial.number } }, signal })),
  });
  const reports = history.data?.reports ?? [];
  const metrics = [...new Set(reports.flatMap((report) => Object.keys(report.values)))];
  return (
    <section className="card" aria-label={`Trial ${trial.number}`}>
      <h3>Trial {trial.number}</h3>
      {trial.why && <p>{trial.why}</p>}
      {trial.reason && <p className="bad">{trial.reason}</p>}
      {history.error && <Failure error={history.error} />}
      {history.isPending && <Loading />}
      {reports.length > 0 && (
        <Chart
          title="Intermediate values"
          times={reports.map((report) => report.step)}
          xLabel="step"
          height={160}
          curves={metrics.map((metric, k) => ({ name: metric, values: numbersOf(reports, metric), colour: (k % 7) + 1 }))}
        />
      )}
      <table>
        <tbody>
          {(history.data?.changes ?? []).map((change, k) => (
            <tr key={k}>
              <th scope="row">{words(change.type)}</th>
              <td>
                {Object.entries(change.values ?? {})
                  .map(([name, found]) => `${name} ${short(found)}`)
                  .join(", ")}{" "}
                {change.reason}
              </td>
              <td>{change.by}</td>
              <td>
                <Time at={change.at} both />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
