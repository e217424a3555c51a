/** Numbers, times and sizes as people read them. */

export type Extended = number | "Infinity" | "-Infinity" | "NaN";

/** A number of the contract, whose infinities are strings. */
export function num(value: unknown): number {
  if (typeof value === "number") return value;
  if (value === "Infinity") return Infinity;
  if (value === "-Infinity") return -Infinity;
  return NaN;
}

export function number(value: unknown, digits = 10): string {
  const x = num(value);
  if (Number.isNaN(x)) return value === "NaN" ? "NaN" : "–";
  if (!Number.isFinite(x)) return x > 0 ? "∞" : "−∞";
  if (Number.isInteger(x) && Math.abs(x) < 1e15) return group(x);
  const size = Math.abs(x);
  if (size >= 1e-4 && size < 1e12) return group(Number(x.toPrecision(digits)));
  const text = x.toExponential(Math.min(digits - 1, 6)).replace(/\.?0*e\+?/, "e");
  return text.replaceAll("-", "−");
}

export function short(value: unknown): string {
  return number(value, 6);
}

function group(x: number): string {
  const [whole = "", rest] = String(Math.abs(x)).split(".");
  const spaced = whole.length > 4 ? whole.replace(/\B(?=(\d{3})+$)/g, "\u202f") : whole;
  return (x < 0 ? "−" : "") + spaced + (rest === undefined ? "" : `.${rest}`);
}

export function percent(value: unknown): string {
  const x = num(value);
  if (Number.isNaN(x)) return "–";
  if (!Number.isFinite(x)) return "∞";
  const p = 100 * x;
  if (p === 0) return "0 %";
  return p < 0.001 ? `${number(p, 2)} %` : `${Number(p.toPrecision(3))} %`;
}

export function seconds(value: unknown): string {
  const x = num(value);
  if (!Number.isFinite(x)) return "–";
  if (x < 1) return `${Math.round(x * 1000)} ms`;
  if (x < 60) return `${Number(x.toFixed(x < 10 ? 2 : 1))} s`;
  const whole = Math.round(x);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  if (whole < 86_400) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86_400)} d ${Math.floor((whole % 86_400) / 3600)} h`;
}

export function bytes(value: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let k = 0;
  while (value >= 1000 && k < units.length - 1) {
    value /= 1000;
    k += 1;
  }
  return `${Number(value.toPrecision(3))} ${units[k]}`;
}

/** "12 s ago", "in 3 h". */
export function relative(time: string | number | Date, now = Date.now()): string {
  const distance = (new Date(time).getTime() - now) / 1000;
  const size = Math.abs(distance);
  if (size < 2) return "now";
  const steps: [number, number, string][] = [
    [60, 1, "s"],
    [3600, 60, "min"],
    [86_400, 3600, "h"],
    [Infinity, 86_400, "d"],
  ];
  for (const [limit, unit, name] of steps) {
    if (size < limit) {
      const text = `${Math.floor(size / unit)} ${name}`;
      return distance < 0 ? `${text} ago` : `in ${text}`;
    }
  }
  return "";
}

export function absolute(time: string | number | Date): string {
  return new Date(time).toLocaleString(undefined, {
    year: "numeric",
    month: "short",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    timeZoneName: "short",
  });
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${number(count)} ${count === 1 ? one : many}`;
}

/** The end of an id, by which people tell jobs apart: its beginning is the time. */
export function shortId(id: string): string {
  return `…${id.slice(-6)}`;
}

/** "row_lower" and "primal-feasibility" as words. */
export function words(name: string): string {
  const text = name.replace(/[_-]+/g, " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}
