/** Options of an engine, from its own announcement. */
import type { Engine, OptionSpec } from "../api/client";

export interface Choice {
  spec: OptionSpec;
  /** Only this engine has it: it is sent in `engine_options`. */
  own: boolean;
}

/** "auto" and "race" have what the family shares; defaults then differ by engine and are not shown. */
export function choices(engines: readonly Engine[], family: string, engine: string): Choice[] {
  const found = engines.find((candidate) => candidate.family === family && candidate.id === engine);
  if (found)
    return [
      ...(found.shared_options ?? []).map((spec) => ({ spec, own: false })),
      ...(found.options ?? []).map((spec) => ({ spec, own: true })),
    ];
  const shared = new Map<string, OptionSpec>();
  for (const candidate of engines.filter((one) => one.family === family))
    for (const spec of candidate.shared_options ?? []) {
      const known = shared.get(spec.name);
      if (!known) shared.set(spec.name, spec);
      else if (known.default !== spec.default) shared.set(spec.name, { ...known, default: null });
    }
  return [...shared.values()].map((spec) => ({ spec, own: false }));
}

export type Value = string | number | boolean;

/** What a field holds, as the contract wants it; a text if it does not fit, with why. */
export function read(spec: OptionSpec, text: string): { value?: Value; fault?: string } {
  if (text === "") return {};
  if (spec.type === "boolean") return { value: text === "true" };
  if (spec.type === "string") return { value: text };
  const value = Number(text);
  if (text.trim() === "" || Number.isNaN(value)) return { fault: "a number is needed" };
  if (spec.type === "integer" && !Number.isInteger(value)) return { fault: "a whole number is needed" };
  if (spec.minimum != null && value < spec.minimum) return { fault: `at least ${spec.minimum}` };
  if (spec.maximum != null && value > spec.maximum) return { fault: `at most ${spec.maximum}` };
  return { value };
}

/** The request's options with one changed; taken out when empty. */
export function change(options: Readonly<Record<string, unknown>>, choice: Choice, value: Value | undefined): Record<string, unknown> {
  const after: Record<string, unknown> = { ...options };
  const inner: Record<string, unknown> = { ...((options.engine_options as Record<string, unknown> | undefined) ?? {}) };
  const place = choice.own ? inner : after;
  if (value === undefined) delete place[choice.spec.name];
  else place[choice.spec.name] = value;
  if (Object.keys(inner).length) after.engine_options = inner;
  else delete after.engine_options;
  return after;
}

export function current(options: Readonly<Record<string, unknown>>, choice: Choice): string {
  const inner = (options.engine_options as Record<string, unknown> | undefined) ?? {};
  const value = (choice.own ? inner : options)[choice.spec.name];
  return value == null || typeof value === "object" ? "" : String(value);
}
