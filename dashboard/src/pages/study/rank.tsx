import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { call } from "../../api/client";
import { queries } from "../../api/hooks";
import { number, percent } from "../../lib/format";
import { ranked } from "../../lib/study";
import type { Study, Trial } from "../../lib/study";
import { Failure, Time } from "../../parts/basic";
import { post } from "./ask";
import { ENOUGH, useAnalysis, type Properties, type Utility } from "./common";
import { parameter } from "./trials";

interface Comparison {
  number: number;
  best: number[];
  others: number[];
  at: string;
  retracted: number | null;
}

/** Studies by preference: candidates side by side, clicked from the best on; what is left unclicked is worse. */
export function Rank({ study, trials }: Properties): ReactNode {
  const [shown, setShown] = useState<readonly Trial[]>([]);
  const [order, setOrder] = useState<readonly number[]>([]);
  const [count, setCount] = useState(2);
  const [champion, setChampion] = useState(true);
  const [error, setError] = useState<Error | null>(null);
  const [busy, setBusy] = useState(false);
  const [said, setSaid] = useState("");
  const told = useComparisons(study);
  const compared = new Set((told.data ?? []).filter((one) => one.retracted === null).flatMap((one) => [...one.best, ...one.others]));
  const standing = useAnalysis(study, "utilities", compared.size >= ENOUGH && !told.stale).data?.utilities ?? [];
  const act = async (what: () => Promise<void>): Promise<void> => {
    setBusy(true);
    setError(null);
    try {
      await what();
    } catch (failure) {
      setError(failure as Error);
    } finally {
      setBusy(false);
      void queries.invalidateQueries({ queryKey: ["study", study.id] });
      void queries.invalidateQueries({ queryKey: ["comparisons", study.id] });
    }
  };
  const ask = (): Promise<void> =>
    act(async () => {
      const best = trials.find((trial) => champion && trial.number === standing[0]?.trial);
      const reply = await post<{ trials: Trial[]; reason?: string }>(`/v1/studies/${study.id}/ask`, {
        count: Math.max(1, count - (best ? 1 : 0)),
        client_id: "dashboard",
        wait: 10,
        lease_seconds: 86_400,
      });
      const fresh = reply.trials.filter((trial) => trial.number !== best?.number);
      setShown(best ? [best, ...fresh] : fresh);
      setOrder([]);
      setSaid(fresh.length ? "" : (reply.reason ?? "There are no more points to compare."));
    });
  const tell = (): Promise<void> =>
    act(async () => {
      const { best, others } = ranked(order, shown.map((trial) => trial.number));
      await post(`/v1/studies/${study.id}/comparisons`, { best, others, key: `dashboard ${best.join(">")} ${others.join(",")} ${Date.now()}` });
      setShown([]);
      setSaid("Told. The next candidates know it.");
    });
  const toggle = (trial: number): void => setOrder((before) => (before.includes(trial) ? before.slice(0, before.indexOf(trial)) : [...before, trial]));
  return (
    <>
      {shown.length === 0 ? (
        <p className="row">
          <label>
            Candidates at once
            <select value={count} onChange={(event) => setCount(Number(event.target.value))}>
              {[2, 3, 4, 6].map((k) => (
                <option key={k}>{k}</option>
              ))}
            </select>
          </label>
          {standing.length > 0 && (
            <label className="check">
              <input type="checkbox" checked={champion} onChange={(event) => setChampion(event.target.checked)} /> the best so far among them
            </label>
          )}
          <button type="button" className="primary" disabled={busy || study.state !== "active"} onClick={() => void ask()}>
            {busy ? "Choosing candidates…" : "Show me candidates"}
          </button>
          <span role="status">{study.state === "active" ? said : `The study is ${study.state}: resume it first.`}</span>
        </p>
      ) : (
        <section aria-label="Candidates">
          <p>Click them from the best on. Whatever you leave out counts as worse than all that you clicked.</p>
          <div className="cards">
            {shown.map((trial) => (
              <Candidate key={trial.number} trial={trial} place={order.indexOf(trial.number)} choose={() => toggle(trial.number)} />
            ))}
          </div>
          <p className="row">
            <button type="button" className="primary" disabled={busy || order.length === 0} onClick={() => void tell()}>
              Tell this order
            </button>
            <button type="button" disabled={busy || order.length === 0} onClick={() => setOrder([])}>
              Begin anew
            </button>
            <button type="button" disabled={busy} onClick={() => setShown([])}>
              Later
            </button>
          </p>
        </section>
      )}
      {error && <Failure error={error} />}
      <Standing utilities={standing} trials={trials} />
      <Told comparisons={told.data ?? []} retract={(one) => void act(async () => void (await call(`/v1/studies/${study.id}/comparisons/${one}`, { method: "DELETE" })))} />
    </>
  );
}

/** `stale` while the study knows more than these. */
function useComparisons(study: Study): { data: Comparison[] | undefined; stale: boolean } {
  const { data, isPlaceholderData } = useQuery({
    queryKey: ["comparisons", study.id, study.watermark],
    placeholderData: keepPreviousData,
    queryFn: async ({ signal }) => {
      const found: Comparison[] = [];
      let after: number | null = 0;
      while (after !== null) {
        const page = (await (await call(`/v1/studies/${study.id}/comparisons?after=${after}&limit=1000`, { signal })).json()) as { comparisons: Comparison[]; next_after: number | null };
        found.push(...page.comparisons);
        after = page.next_after;
      }
      return found;
    },
  });
  return { data, stale: isPlaceholderData };
}

function Candidate({ trial, place, choose }: { trial: Trial; place: number; choose: () => void }): ReactNode {
  return (
    <button type="button" className="card candidate" aria-pressed={place >= 0} onClick={choose}>
      <span className="row between">
        <b>Trial {trial.number}</b>
        <span className="place">
          {place >= 0 && (
            <>
              <span className="hidden">place</span> {place + 1}
            </>
          )}
        </span>
      </span>
      <span className="pairs">
        {Object.entries(trial.params).map(([name, found]) => (
          <span key={name} className="row between">
            <span className="quiet">{name}</span> <b>{parameter(found)}</b>
          </span>
        ))}
      </span>
    </button>
  );
}

/** The trials as the model of the comparisons sees them. */
function Standing({ utilities, trials }: { utilities: readonly Utility[]; trials: readonly Trial[] }): ReactNode {
  if (utilities.length === 0) return <p className="quiet">How they stand is told from {ENOUGH} compared trials on.</p>;
  const [low, high] = utilities.reduce(([a, b], one) => [Math.min(a, one.mean - 2 * one.std), Math.max(b, one.mean + 2 * one.std)], [Infinity, -Infinity]);
  const at = (value: number): string => `${(100 * (value - low)) / (high - low || 1)}%`;
  const params = (one: number): string =>
    Object.entries(trials.find((trial) => trial.number === one)?.params ?? {})
      .map(([name, found]) => `${name} ${parameter(found)}`)
      .join(" · ");
  return (
    <section>
      <h2>How they stand</h2>
      <div className="scroll" tabIndex={0} role="region" aria-label="Utilities">
        <table>
          <thead>
            <tr>
              <th scope="col">Trial</th>
              <th scope="col" className="wide">
                Utility, ± 2 standard deviations
              </th>
              <th scope="col" className="number">
                Mean
              </th>
              <th scope="col" className="number">
                Is the best
              </th>
              <th scope="col">Point</th>
            </tr>
          </thead>
          <tbody>
            {utilities.slice(0, 50).map((one) => (
              <tr key={one.trial}>
                <th scope="row">{one.trial}</th>
                <td className="wide">
                  <svg className="whisker" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
                    <rect x={at(one.mean - 2 * one.std)} width={`${(400 * one.std) / (high - low || 1)}%`} y="4" height="2" />
                    <rect x={at(one.mean)} width="1.2" y="0" height="10" />
                  </svg>
                </td>
                <td className="number">
                  {number(one.mean, 3)} <small className="quiet">± {number(one.std, 2)}</small>
                </td>
                <td className="number">{percent(one.best)}</td>
                <td>{params(one.trial)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Told({ comparisons, retract }: { comparisons: readonly Comparison[]; retract: (number: number) => void }): ReactNode {
  if (comparisons.length === 0) return <p className="empty">Nothing was compared yet.</p>;
  return (
    <section>
      <h2>
        What was said <span className="count">{comparisons.length}</span>
      </h2>
      <ul className="list">
        {comparisons
          .slice(-30)
          .reverse()
          .map((one) => (
            <li key={one.number} className="row between">
              <span className={one.retracted ? "quiet struck" : ""}>
                {one.best.join(" ≻ ")}
                {one.others.length > 0 && ` ≻ ${one.others.join(", ")}`}
              </span>
              <span className="row">
                <Time at={one.at} />
                {one.retracted ? (
                  <span className="quiet">taken back</span>
                ) : (
                  <button type="button" className="small" onClick={() => retract(one.number)} aria-label={`Take back ${one.best.join(", ")}`}>
                    Take back
                  </button>
                )}
              </span>
            </li>
          ))}
      </ul>
    </section>
  );
}
