import { useId, useState, type ReactNode } from "react";
import type { Engine } from "../../api/client";
import { change as changed, choices, current, read, type Choice } from "../../lib/options";
import { words } from "../../lib/format";
import { limits } from "../engines";

const FIRST = ["time_limit", "relative_gap", "threads", "method", "log", "seed"];

/** A form made of what the engine says of its options: types, limits, defaults, words. */
export function OptionsForm({
  engines,
  family,
  engine,
  options,
  change,
}: {
  engines: readonly Engine[];
  family: string;
  engine: string;
  options: Readonly<Record<string, unknown>>;
  change: (options: Record<string, unknown>) => void;
}): ReactNode {
  const [search, setSearch] = useState("");
  const all = choices(engines, family, engine);
  const wanted = search.trim().toLowerCase();
  const fits = (choice: Choice): boolean => `${choice.spec.name} ${choice.spec.description}`.toLowerCase().includes(wanted);
  const first = all.filter((choice) => FIRST.includes(choice.spec.name) && !choice.own);
  const shared = all.filter((choice) => !choice.own && !first.includes(choice));
  const own = all.filter((choice) => choice.own);
  const fields = (group: readonly Choice[]): ReactNode => (
    <div className="fields">
      {group.map((choice) => (
        <Field key={`${engine}/${choice.spec.name}`} choice={choice} options={options} change={change} />
      ))}
    </div>
  );
  return (
    <fieldset className="options">
      <legend>Options</legend>
      <label>
        <span className="hidden">Search the options</span>
        <input type="search" placeholder={`Search ${all.length} options`} value={search} onChange={(event) => setSearch(event.target.value)} />
      </label>
      {wanted ? (
        fields(all.filter(fits))
      ) : (
        <>
          {fields(first)}
          {shared.length > 0 && (
            <details>
              <summary>More ({shared.length})</summary>
              {fields(shared)}
            </details>
          )}
          {own.length > 0 && (
            <details>
              <summary>
                Only {engine} has these ({own.length})
              </summary>
              {fields(own)}
            </details>
          )}
        </>
      )}
    </fieldset>
  );
}

function Field({
  choice,
  options,
  change,
}: {
  choice: Choice;
  options: Readonly<Record<string, unknown>>;
  change: (options: Record<string, unknown>) => void;
}): ReactNode {
  const { spec } = choice;
  const stored = current(options, choice);
  const [text, setText] = useState(stored);
  const { fault } = read(spec, text);
  const set = (after: string): void => {
    setText(after);
    const { value, fault: wrong } = read(spec, after);
    if (wrong === undefined) change(changed(options, choice, value));
  };
  const usual = spec.default == null || spec.default === "" ? "default" : `default: ${String(spec.default)}`;
  const id = useId();
  return (
    <div className="field" title={`${spec.description} (${limits(spec)})`}>
      <label htmlFor={id}>
        <span>
          {words(spec.name)} {spec.unit && <small className="quiet">{spec.unit}</small>}
        </span>
      </label>
      {spec.type === "boolean" || (spec.choices ?? []).length > 0 ? (
        <select id={id} aria-describedby={`${id}-help`} value={text} onChange={(event) => set(event.target.value)}>
          <option value="">{usual}</option>
          {(spec.type === "boolean" ? ["true", "false"] : (spec.choices ?? [])).map((option) => (
            <option key={option} value={option}>
              {spec.type === "boolean" ? { true: "yes", false: "no" }[option] : option}
            </option>
          ))}
        </select>
      ) : (
        <input
          id={id}
          aria-describedby={`${id}-help`}
          value={text}
          inputMode={spec.type === "string" ? "text" : "decimal"}
          placeholder={usual}
          aria-invalid={fault !== undefined}
          onChange={(event) => set(event.target.value)}
        />
      )}
      <small id={`${id}-help`} className={fault ? "bad" : "quiet"}>
        {fault ?? spec.description}
      </small>
    </div>
  );
}
