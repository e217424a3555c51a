import { useMemo, useState, type ReactNode } from "react";
import { THINNED, type History } from "../../api/hooks";
import { number, percent, plural, words } from "../../lib/format";
import { metricNames, points, type Point } from "../../lib/series";
import { Failure, Loading } from "../../parts/basic";
import { Chart, type Curve } from "../../parts/chart";

const MORE = 4;

/** Incumbent and bound, gap, and what the engine counts, over one time. */
export function Curves({ history, live }: { history: History; live: boolean }): ReactNode {
  const [logTime, setLogTime] = useState(false);
  const [logGap, setLogGap] = useState(true);
  const [focus, setFocus] = useState(true);
  const [picked, setPicked] = useState<string | null>(null);
  const found = useMemo(() => points(history.events), [history.events]);
  const times = useMemo(() => found.map((point) => point.t), [found]);
  const names = useMemo(() => metricNames(found), [found]);
  const bounds = useMemo<Curve[]>(() => {
    const curves: Curve[] = [{ name: "incumbent", values: found.map((point) => point.objective), colour: 1 }];
    if (found.some((point) => Number.isFinite(point.bound)))
      curves.push({ name: "bound", values: found.map((point) => point.bound), colour: 2, dashed: true });
    return curves;
  }, [found]);
  const gap = useMemo<Curve[]>(() => [{ name: "gap", values: found.map((point) => point.gap), colour: 3 }], [found]);
  const range = useMemo(() => (focus ? late(found) : null), [found, focus]);
  const metric = picked ?? names[0] ?? null;
  const chosen = useMemo<Curve[]>(
    () => (metric === null ? [] : [{ name: words(metric), values: found.map((point) => point.metrics[metric] ?? NaN), colour: 4 }]),
    [found, metric],
  );
  if (history.error) return <Failure error={history.error} />;
  if (history.loading && found.length === 0) return <Loading lines={8} />;
  if (found.length === 0)
    return (
      <p className="empty tall">
        {live ? "Curves appear as soon as the engine tells of its progress." : "The engine was done before there was progress to tell of."}
      </p>
    );
  const races = new Set(found.map((point) => point.engine).filter(Boolean));
  const spread = found.some((point) => Number.isFinite(point.gap));
  const positive = found.some((point) => point.gap > 0 && Number.isFinite(point.gap));
  return (
    <>
      <div className="row between">
        <div className="row">
          <label className="check">
            <input type="checkbox" checked={logTime} onChange={(event) => setLogTime(event.target.checked)} /> logarithmic time
          </label>
          <label className="check">
            <input type="checkbox" checked={logGap} onChange={(event) => setLogGap(event.target.checked)} /> logarithmic gap
          </label>
          <label className="check" title="Scale the first chart to what came after the first 5 % of the time">
            <input type="checkbox" checked={focus} onChange={(event) => setFocus(event.target.checked)} /> leave out the beginning
          </label>
        </div>
        <span className="quiet">
          {plural(found.length, "point")}
          {!history.whole && (
            <>
              , thinned to about {THINNED}{" "}
              <button type="button" className="small" onClick={history.loadAll}>
                Load all
              </button>
            </>
          )}
          {races.size > 1 && <> · engines {[...races].join(", ")}</>}
        </span>
      </div>
      <Chart title="Incumbent and bound" times={times} curves={bounds} logX={logTime} sync="job" steps range={range} />
      {spread && (
        <Chart title="Gap" times={times} curves={gap} logX={logTime} logY={logGap && positive} sync="job" steps height={150} format={percent} />
      )}
      {names.length > 0 && (
        <>
          <div className="row" role="group" aria-label="The engine's own metrics">
            {names.map((name, k) => (
              <button
                key={name}
                type="button"
                className={k < MORE * 2 ? "chip" : "chip wide"}
                aria-pressed={name === metric}
                onClick={() => setPicked(name)}
              >
                {words(name)} <b>{number(found.at(-1)?.metrics[name], 5)}</b>
              </button>
            ))}
          </div>
          <Chart title={words(metric ?? "")} times={times} curves={chosen} logX={logTime} sync="job" height={150} />
        </>
      )}
    </>
  );
}

/** What incumbent and bound span once the first 5 % of the time are over: first incumbents are often far off. */
export function late(found: readonly Point[]): [number, number] | null {
  const begin = 0.05 * (found.at(-1)?.t ?? 0);
  const values = found
    .filter((point) => point.t >= begin)
    .flatMap((point) => [point.objective, point.bound])
    .filter(Number.isFinite);
  if (values.length === 0) return null;
  return [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
}
