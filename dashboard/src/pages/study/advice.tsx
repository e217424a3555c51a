import { useState, type ReactNode } from "react";
import { number, percent, short } from "../../lib/format";
import { counts } from "../../lib/study";
import { Failure, Loading } from "../../parts/basic";
import { Chart } from "../../parts/chart";
import { Choice, ENOUGH, useAnalysis, type Properties } from "./common";

/** Whether more trials are worth while, in a sentence; asked for, because a worker has to fit the model. */
export function Advice({ study, trials }: Properties): ReactNode {
  const [asked, setAsked] = useState(false);
  const found = useAnalysis(study, "stopping", asked);
  const stopping = found.data?.stopping;
  if (trials.filter(counts).length < ENOUGH) return null;
  if (!asked)
    return (
      <button type="button" onClick={() => setAsked(true)}>
        Are more trials worth while?
      </button>
    );
  if (found.error) return <Failure error={found.error} retry={() => void found.refetch()} />;
  if (!found.data) return <p className="quiet">A worker asks the model…</p>;
  if (!stopping) return <p>{found.data.message || "There are not enough results to tell."}</p>;
  return (
    <p className={`verdict ${stopping.stop ? "verified" : ""}`}>
      <strong>{stopping.stop ? "Hardly." : "Yes."}</strong> {stopping.text}{" "}
      <span className="quiet">
        Expected gain of the next trial {short(stopping.expected_gain)}; with {percent(stopping.confidence)} confidence the best is within {short(stopping.regret_bound)} of the best
        possible; values spread by {short(stopping.spread)}.
      </span>
    </p>
  );
}

/** How much the front dominates, trial by trial. */
export function Hypervolume({ study, trials }: Properties): ReactNode {
  const found = useAnalysis(study, "progress", trials.filter(counts).length >= ENOUGH);
  const progress = found.data?.progress;
  if (!progress || progress.trials.length < 2) return null;
  return (
    <>
      <Chart title="Hypervolume of the front" times={progress.trials} xLabel="trial" steps height={180} curves={[{ name: "hypervolume", values: progress.hypervolume, colour: 3 }]} />
      {progress.reference && <p className="quiet">Measured from {progress.reference.map((one) => number(one, 5)).join(", ")}.</p>}
    </>
  );
}

/** Every trial predicted from all the others: whether the model's error bars can be believed. */
export function CalibrationTab({ study, trials }: Properties): ReactNode {
  const metrics = Object.keys(study.objectives);
  const [metric, setMetric] = useState(metrics[0] ?? "");
  const enough = trials.filter(counts).length >= ENOUGH;
  const found = useAnalysis(study, "calibration", enough);
  if (!enough) return <p className="empty tall">There are too few trials to leave one out and predict it.</p>;
  if (found.error) return <Failure error={found.error} retry={() => void found.refetch()} />;
  if (!found.data) return <Loading lines={8} />;
  const one = found.data.calibration?.[metric];
  if (!one) return <p className="empty tall">{found.data.message || "There is nothing to compare yet."}</p>;
  const order = one.observed.map((_, k) => k).sort((a, b) => (one.observed[a] ?? 0) - (one.observed[b] ?? 0));
  const sorted = (values: readonly number[]): number[] => order.map((k) => values[k] ?? NaN);
  const shifted = (side: number): number[] => order.map((k) => (one.mean[k] ?? NaN) + side * 2 * (one.std[k] ?? NaN));
  return (
    <>
      <Choice label="Objective" options={metrics} chosen={metric} choose={setMetric} />
      <Chart
        title="Trials from the lowest value to the highest: observed, and predicted from all others"
        times={order.map((_, k) => k + 1)}
        xLabel="rank"
        height={260}
        curves={[
          { name: "observed", values: sorted(one.observed), colour: 1 },
          { name: "predicted", values: sorted(one.mean), colour: 2 },
          { name: "− 2 deviations", values: shifted(-1), colour: 5, dashed: true },
          { name: "+ 2 deviations", values: shifted(1), colour: 5, dashed: true },
        ]}
      />
      <table className="numbers">
        <thead>
          <tr>
            <th scope="col">The model said</th>
            <th scope="col" className="number">
              it came so in
            </th>
          </tr>
        </thead>
        <tbody>
          {Object.entries(one.coverage).map(([level, share]) => (
            <tr key={level}>
              <th scope="row">“inside this interval with {percent(Number(level))}”</th>
              <td className="number">{percent(share)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p className="quiet">
        Explained variance {number(one.r2, 3)}; rank correlation {number(one.rank_correlation, 3)}. Equal percentages mean that the model knows what it does not know.
      </p>
    </>
  );
}
