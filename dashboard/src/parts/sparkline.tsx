import type { ReactNode } from "react";

/** A small curve without axes; its newest value stands beside it in words. */
export function Sparkline({
  values,
  label,
  width = 120,
  height = 28,
  logarithmic = false,
}: {
  values: readonly number[];
  label: string;
  width?: number;
  height?: number;
  logarithmic?: boolean;
}): ReactNode {
  const scaled = values.map((value) => (logarithmic ? Math.log10(Math.max(value, 1e-10)) : value)).filter(Number.isFinite);
  const least = Math.min(...scaled);
  const most = Math.max(...scaled);
  const path = scaled
    .map((value, k) => {
      const x = scaled.length > 1 ? 2 + (k * (width - 4)) / (scaled.length - 1) : width / 2;
      const y = most > least ? 2 + ((most - value) * (height - 4)) / (most - least) : height / 2;
      return `${k ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`;
    })
    .join("");
  return (
    <svg className="sparkline" width={width} height={height} viewBox={`0 0 ${width} ${height}`} role="img" aria-label={label}>
      {scaled.length > 1 && <path d={path} />}
    </svg>
  );
}
