import { useQueries } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { api, data } from "../../api/client";
import { overlay } from "../../lib/series";
import { numbersOf } from "../../lib/study";
import { Loading } from "../../parts/basic";
import { Chart } from "../../parts/chart";
import { Choice, type Properties } from "./common";

const MOST = [7, 20, 50] as const;

/** What trials told on their way, the newest over each other: which of them looked good early. */
export function Intermediate({ study, trials }: Properties): ReactNode {
  const [most, setMost] = useState<number>(MOST[0]);
  const [picked, setPicked] = useState("");
  const begun = trials.filter((trial) => trial.started_at).slice(-most);
  const histories = useQueries({
    queries: begun.map((trial) => ({
      queryKey: ["reports", study.id, trial.number, trial.finished_at ? "" : study.watermark],
      staleTime: trial.finished_at ? Infinity : 2000,
      queryFn: ({ signal }: { signal: AbortSignal }) =>
        data(api.GET("/v1/studies/{study_id}/trials/{number}/history", { params: { path: { study_id: study.id, number: trial.number } }, signal })),
    })),
  });
  if (histories.some((one) => one.isPending)) return <Loading lines={8} />;
  const runs = begun.map((trial, k) => ({ trial, reports: histories[k]?.data?.reports ?? [] })).filter((run) => run.reports.length > 0);
  const metrics = [...new Set(runs.flatMap((run) => run.reports.flatMap((report) => Object.keys(report.values))))];
  const metric = metrics.includes(picked) ? picked : (metrics[0] ?? "");
  if (runs.length === 0)
    return (
      <p className="empty tall">
        None of the newest {begun.length} trials told of intermediate values: <code>trial.report(step, values)</code> does.
      </p>
    );
  const [steps, ...values] = overlay(runs.map((run) => ({ t: run.reports.map((report) => report.step), y: numbersOf(run.reports, metric) })));
  return (
    <>
      <div className="row">
        <Choice label="Metric" options={metrics} chosen={metric} choose={setPicked} />
        <label>
          Newest trials
          <select value={most} onChange={(event) => setMost(Number(event.target.value))}>
            {MOST.map((count) => (
              <option key={count}>{count}</option>
            ))}
          </select>
        </label>
      </div>
      <Chart
        title={`${metric} on its way`}
        times={steps}
        xLabel="step"
        height={340}
        curves={runs.map((run, k) => ({
          name: `trial ${run.trial.number}${run.trial.state === "completed" ? "" : ` (${run.trial.state})`}`,
          values: (values[k] ?? []).map((one) => one ?? NaN),
          colour: (k % 7) + 1,
          dashed: run.trial.state !== "completed",
        }))}
      />
    </>
  );
}
