import { useMemo, type ReactNode } from "react";
import { number } from "../../lib/format";
import type { Plan, Points } from "../../lib/transport";

const SHOWN = 256;

/** Colours of a picture and what each becomes: the mean of where its mass goes (barycentric projection). */
export function ColourMap({ plan, x, y }: { plan: Plan; x: Points; y: Points }): ReactNode {
  const rows = useMemo(() => {
    const mass = new Float64Array(plan.n);
    const sums = new Float64Array(3 * plan.n);
    plan.each((i, j, value) => {
      mass[i] = (mass[i] ?? 0) + value;
      for (let c = 0; c < 3; c += 1) sums[3 * i + c] = (sums[3 * i + c] ?? 0) + value * y.at(j, c);
    });
    return Array.from(mass, (weight, i) => ({ weight, from: css([0, 1, 2].map((c) => x.at(i, c))), to: css([0, 1, 2].map((c) => (sums[3 * i + c] ?? 0) / (weight || 1))) }))
      .sort((a, b) => b.weight - a.weight)
      .slice(0, SHOWN);
  }, [plan, x, y]);
  return (
    <figure className="chart">
      <figcaption>Colours, and what they become</figcaption>
      <svg className="colours" viewBox="0 0 100 30" preserveAspectRatio="none" role="img" aria-label={`${rows.length} colours above, what each becomes below; as wide as their share`}>
        {rows.reduce<{ at: number; parts: ReactNode[] }>(
          ({ at, parts }, row, k) => {
            const width = 100 * row.weight;
            parts.push(
              <g key={k}>
                <title>{`${row.from} → ${row.to}, ${number(100 * row.weight, 3)} %`}</title>
                <rect x={at} width={width + 0.05} y="0" height="14" fill={row.from} />
                <rect x={at} width={width + 0.05} y="16" height="14" fill={row.to} />
              </g>,
            );
            return { at: at + width, parts };
          },
          { at: 0, parts: [] },
        ).parts}
      </svg>
    </figure>
  );
}

function css(colour: readonly number[]): string {
  return `#${colour.map((value) => Math.round(255 * Math.min(1, Math.max(0, value))).toString(16).padStart(2, "0")).join("")}`;
}
