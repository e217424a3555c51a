/** Entries of named arrays by their place: "lam[2]", "W[0, 1]", and "x" for a single number. */
import { num } from "./format";

export function flatten(values: Readonly<Record<string, unknown>>): Map<string, number> {
  const found = new Map<string, number>();
  const take = (name: string, value: unknown, place: readonly number[]): void => {
    if (Array.isArray(value)) value.forEach((inner, k) => take(name, inner, [...place, k]));
    else found.set(place.length ? `${name}[${place.join(", ")}]` : name, num(value));
  };
  for (const [name, value] of Object.entries(values)) take(name, value, []);
  return found;
}
