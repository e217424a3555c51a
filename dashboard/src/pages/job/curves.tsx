import { useMemo, useState, type ReactNode } from "react";
import { useSearchParams } from "wouter";
import { THINNED, type History } from "../../api/hooks";
import { number, percent, plural, words } from "../../lib/format";
import { metricNames, points, type Point } from "../../lib/series";
import { Failure, Loading } from "../../parts/basic";
import { Chart, type Curve } from "../../parts/chart";

/** Shown at once unless others were chosen; the first words matter most. */
const TELLING = ["residual", "stationarity", "violation", "lower", "penalty", "restart", "node", "marginal", "hypervolume"];
const AT_ONCE = 3;

export function telling(names: readonly string[]): string[] {
  const rank = (name: string): number => {
    const found = TELLING.findIndex((word) => name.includes(word));
    return found < 0 ? TELLING.length : found;
  };
  const picked = [...names].sort((a, b) => rank(a) - rank(b)).filter((name) => rank(name) < TELLING.length).slice(0, AT_ONCE);
  return picked.length > 0 ? picked : names.slice(0, 1);
}

/** Whether values are all positive and so far apart that only a logarithm shows them. */
export function wide(values: readonly number[]): boolean {
  const finite = values.filter(Number.isFinite);
  if (finite.length < 2 || finite.some((value) => value < 0)) return false;
  const positive = finite.filter((value) => value > 0);
  if (positive.length < 0.8 * finite.length) return false;
  return positive.reduce((a, b) => Math.max(a, b), 0) > 1000 * positive.reduce((a, b) => Math.min(a, b), Infinity);
}

/** Incumbent and bound, gap, and what the engine counts, over one time. */
export function Curves({ history, live }: { history: History; live: boolean }): ReactNode {
  const [logTime, setLogTime] = useState(false);
  const [logGap, setLogGap] = useState(true);
  const [focus, setFocus] = useState(true);
  const [search, setSearch] = useSearchParams();
  const found = useMemo(() => points(history.events), [history.events]);
  const times = useMemo(() => found.map((point) => point.t), [found]);
  const names = useMemo(() => metricNames(found), [found]);
  const bounds = useMemo<Curve[]>(() => {
    const curves: Curve[] = [{ name: "incumbent", values: found.map((point) => point.objective), colour: 1 }];
    if (found.some((point) => Number.isFinite(point.bound)))
      curves.push({ name: "bound", values: found.map((point) => point.bound), colour: 2, dashed: true });
    return curves;
  }, [found]);
  const solving = found.some((point) => Number.isFinite(point.objective));
  const gap = useMemo<Curve[]>(() => [{ name: "gap", values: found.map((point) => point.gap), colour: 3 }], [found]);
  const range = useMemo(() => (focus ? late(found) : null), [found, focus]);
  const asked = search.getAll("metric");
  const picked = useMemo(() => (asked.length > 0 ? names.filter((name) => asked.includes(name)) : telling(names)), [names, asked.join("|")]);
  const toggle = (name: string): void =>
    setSearch(
      (before) => {
        const after = new URLSearchParams(before);
        after.delete("metric");
        const next = picked.includes(name) ? picked.filter((one) => one !== name) : [...picked, name];
        for (const one of next.length > 0 ? next : ["none"]) after.append("metric", one);
        return after;
      },
      { replace: true },
    );
  const chosen = useMemo(
    () =>
      picked.map((name, k): Curve => ({ name: words(name), values: found.map((point) => point.metrics[name] ?? NaN), colour: ((k + 3) % 7) + 1 })),
    [picked, found],
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
  // one point is a figure, which the head of the page has, and no curve
  const spread = found.filter((point) => Number.isFinite(point.gap)).length > 1;
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
      {solving && <Chart title={bounds.length > 1 ? "Incumbent and bound" : "Objective"} times={times} curves={bounds} logX={logTime} sync="job" steps range={range} />}
      {spread && (
        <Chart title="Gap" times={times} curves={gap} logX={logTime} logY={logGap && positive} sync="job" steps height={150} format={percent} />
      )}
      {names.length > 0 && (
        <>
          <div className="row" role="group" aria-label="The engine's own metrics">
            {names.map((name) => (
              <button key={name} type="button" className="chip" aria-pressed={picked.includes(name)} onClick={() => toggle(name)}>
                {words(name)} <b>{number(found.findLast((point) => name in point.metrics)?.metrics[name], 5)}</b>
              </button>
            ))}
          </div>
          {chosen.map((curve, k) => (
            <Chart key={picked[k]} title={curve.name} times={times} curves={[curve]} logX={logTime} logY={wide(curve.values)} sync="job" height={150} />
          ))}
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
