import { useMemo, type ReactNode } from "react";
import { useSearchParams } from "wouter";
import type { Engine, OptionSpec, Worker } from "../api/client";
import { useEngines, useWorkers } from "../api/hooks";
import { bytes, number, plural } from "../lib/format";
import { Failure, Loading, Time, usePageTitle } from "../parts/basic";

export default function EnginesPage(): ReactNode {
  usePageTitle("Engines and workers");
  const engines = useEngines();
  const workers = useWorkers();
  const [search, setSearch] = useSearchParams();
  const text = search.get("q") ?? "";
  const family = search.get("family") ?? "";
  const families = useMemo(() => [...new Set((engines.data ?? []).map((engine) => engine.family))].sort(), [engines.data]);
  const found = useMemo(() => (engines.data ?? []).filter((engine) => fits(engine, text) && (!family || engine.family === family)), [engines.data, text, family]);
  const change = (values: Record<string, string>): void =>
    setSearch(
      (before) => {
        const after = new URLSearchParams(before);
        for (const [name, value] of Object.entries(values)) {
          if (value) after.set(name, value);
          else after.delete(name);
        }
        return after;
      },
      { replace: true },
    );
  return (
    <>
      <h1>Engines and workers</h1>
      <section aria-labelledby="workers">
        <h2 id="workers">
          Workers <span className="count">{workers.data?.length ?? ""}</span>
        </h2>
        {workers.error && <Failure error={workers.error} retry={() => void workers.refetch()} />}
        {workers.isPending && <Loading />}
        {workers.data?.length === 0 && (
          <p className="warning">
            No worker is alive: jobs are kept, and wait. Start one: <code>celery -A workers.celery_app worker --pool threads</code>
          </p>
        )}
        {workers.data && workers.data.length > 0 && <Workers workers={workers.data} />}
      </section>
      <section aria-labelledby="engines">
        <h2 id="engines">
          Engines <span className="count">{engines.data?.length ?? ""}</span>
        </h2>
        <div className="row">
          <label>
            <span className="hidden">Search</span>
            <input type="search" value={text} placeholder="engine, feature, option" onChange={(event) => change({ q: event.target.value })} />
          </label>
          <span className="row" role="group" aria-label="Families">
            {families.map((name) => (
              <button key={name} type="button" className="chip" aria-pressed={family === name} onClick={() => change({ family: family === name ? "" : name })}>
                {name} {engines.data?.filter((engine) => engine.family === name).length}
              </button>
            ))}
          </span>
        </div>
        {engines.error && <Failure error={engines.error} retry={() => void engines.refetch()} />}
        {engines.isPending && <Loading lines={8} />}
        {engines.data?.length === 0 && <p className="empty">Engines are offered by workers, and none is alive.</p>}
        {engines.data && engines.data.length > 0 && found.length === 0 && <p className="empty">Nothing fits “{text}”.</p>}
        {families
          .filter((name) => found.some((engine) => engine.family === name))
          .map((name) => (
            <section key={name} aria-label={name}>
              <h3 className="family">{name}</h3>
              <div className="engines">
                {found
                  .filter((engine) => engine.family === name)
                  .map((engine) => (
                    <EngineCard key={engine.id} engine={engine} search={text} />
                  ))}
              </div>
            </section>
          ))}
      </section>
    </>
  );
}

function fits(engine: Engine, text: string): boolean {
  const words = [
    engine.id,
    engine.title,
    engine.family,
    engine.summary,
    ...engine.solves,
    ...(engine.capabilities ?? []),
    ...(engine.options ?? []).map((option) => option.name),
  ];
  return words.join(" ").toLowerCase().includes(text.trim().toLowerCase());
}

function Workers({ workers }: { workers: readonly Worker[] }): ReactNode {
  return (
    <div className="scroll" tabIndex={0} role="region" aria-label="Workers">
      <table>
        <thead>
          <tr>
            <th scope="col">Host</th>
            <th scope="col">Pools</th>
            <th scope="col">Busy</th>
            <th scope="col">Machine</th>
            <th scope="col">Engines</th>
            <th scope="col">Up since</th>
            <th scope="col">Heard of</th>
          </tr>
        </thead>
        <tbody>
          {workers.map((worker) => (
            <tr key={worker.id}>
              <td>
                {worker.host} <small className="quiet">process {worker.pid}</small>
              </td>
              <td>{worker.pools.join(", ")}</td>
              <td>
                <meter min={0} max={worker.concurrency} value={worker.running} aria-label="busy slots" /> {worker.running} of{" "}
                {worker.concurrency}
              </td>
              <td>{machine(worker.resources ?? {})}</td>
              <td title={worker.engines.join(", ")}>{worker.engines.length}</td>
              <td>
                <Time at={worker.started_at} />
              </td>
              <td>
                <Time at={worker.heartbeat_at} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function machine(resources: Record<string, unknown>): string {
  return Object.entries(resources)
    .map(([name, value]) => {
      if (name.endsWith("_mb") && typeof value === "number") return `${bytes(value * 1e6)} ${name.slice(0, -3).replaceAll("_", " ")}`;
      return name === "cores" ? plural(Number(value), "core") : `${name.replaceAll("_", " ")} ${String(value)}`;
    })
    .join(" · ");
}

function EngineCard({ engine, search }: { engine: Engine; search: string }): ReactNode {
  return (
    <article className="card engine" id={engine.id}>
      <header className="row between">
        <h3>
          {engine.title} <small className="quiet">{engine.version}</small>
        </h3>
        <code>{engine.id}</code>
      </header>
      <p>{engine.summary}</p>
      {engine.solves.length > 0 && (
        <p className="chips" role="group" aria-label="Solves">
          {engine.solves.map((feature) => (
            <span key={feature} className="chip">
              {feature}
            </span>
          ))}
        </p>
      )}
      {(engine.capabilities ?? []).length > 0 && <p className="quiet">Can also: {engine.capabilities?.join(", ")}</p>}
      <Options title="Its own options" options={engine.options ?? []} search={search} />
      <Options title="Options it shares with its family" options={engine.shared_options ?? []} search={search} />
      <p className="quiet">
        {plural(engine.workers ?? 0, "worker")} · pool {engine.pool}
        {engine.citation && (
          <>
            <br />
            <Citation text={engine.citation} />
          </>
        )}
      </p>
    </article>
  );
}

function Citation({ text }: { text: string }): ReactNode {
  return /^https:\/\/\S+$/.test(text) ? (
    <a href={text} target="_blank" rel="noreferrer">
      {text.replace("https://", "")}
    </a>
  ) : (
    text
  );
}

function Options({ title, options, search }: { title: string; options: readonly OptionSpec[]; search: string }): ReactNode {
  if (options.length === 0) return null;
  const hit = search.trim() !== "" && options.some((option) => option.name.includes(search.trim().toLowerCase()));
  return (
    <details open={hit}>
      <summary>
        {title} ({options.length})
      </summary>
      <table>
        <thead>
          <tr>
            <th scope="col">Option</th>
            <th scope="col">Default</th>
            <th scope="col">Meaning</th>
          </tr>
        </thead>
        <tbody>
          {options.map((option) => (
            <tr key={option.name}>
              <td>
                <code>{option.name}</code>
                <br />
                <small className="quiet">{limits(option)}</small>
              </td>
              <td>{option.default == null ? "–" : typeof option.default === "number" ? number(option.default) : String(option.default)}</td>
              <td>{option.description}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}

export function limits(option: OptionSpec): string {
  const parts: string[] = [option.choices?.length ? `one of ${option.choices.join(", ")}` : option.type];
  if (option.minimum != null && option.maximum != null) parts.push(`${number(option.minimum)} to ${number(option.maximum)}`);
  else if (option.minimum != null) parts.push(`at least ${number(option.minimum)}`);
  else if (option.maximum != null) parts.push(`at most ${number(option.maximum)}`);
  if (option.unit) parts.push(option.unit);
  return parts.join(", ");
}
