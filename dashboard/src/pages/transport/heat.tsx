import { useEffect, useMemo, useRef, useState, type MouseEvent, type ReactNode } from "react";
import { number, plural } from "../../lib/format";
import { heat, viridis, type Plan } from "../../lib/transport";

/** The plan as a picture; under the pointer, the exact value of an entry. */
export function HeatMap({ plan, logarithmic }: { plan: Plan; logarithmic: boolean }): ReactNode {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [at, setAt] = useState<[number, number] | null>(null);
  const map = useMemo(() => heat(plan), [plan]);
  useEffect(() => {
    const element = canvas.current;
    const pen = element?.getContext("2d");
    if (!element || !pen) return;
    element.width = map.columns;
    element.height = map.rows;
    const pixels = new ImageData(map.columns, map.rows);
    const floor = Math.log(1e-6);
    map.sums.forEach((value, k) => {
      const share = value / (map.largest || 1);
      pixels.data.set([...viridis(logarithmic ? 1 - Math.max(floor, Math.log(share || 1e-300)) / floor : share), 255], 4 * k);
    });
    pen.putImageData(pixels, 0, 0);
  }, [map, logarithmic]);
  const point = (event: MouseEvent<HTMLCanvasElement>): void => {
    const box = event.currentTarget.getBoundingClientRect();
    const i = Math.floor(((event.clientY - box.top) / box.height) * map.rows) * map.block[0];
    const j = Math.floor(((event.clientX - box.left) / box.width) * map.columns) * map.block[1];
    setAt([Math.min(plan.n - 1, Math.max(0, i)), Math.min(plan.m - 1, Math.max(0, j))]);
  };
  const whole = map.block[0] === 1 && map.block[1] === 1;
  return (
    <figure className="chart">
      <figcaption>
        Plan: {number(plan.n)} rows of x, {number(plan.m)} columns of y
        {!whole && <span className="quiet">one pixel is the sum of {plural(map.block[0] * map.block[1], "entry", "entries")}</span>}
      </figcaption>
      <canvas
        ref={canvas}
        className="heat"
        role="img"
        aria-label={`Heat map of the plan; its largest pixel is ${number(map.largest, 4)}`}
        onMouseMove={point}
        onMouseLeave={() => setAt(null)}
      />
      <div className="row">
        <p className="readout" aria-live="polite">
          {at ? (
            <>
              P[{at[0]}, {at[1]}] = <b>{number(plan.at(...at), 12)}</b>
              {!whole && (
                <span className="quiet">
                  {" "}
                  · pixel {number(map.sums[Math.floor(at[0] / map.block[0]) * map.columns + Math.floor(at[1] / map.block[1])], 6)}
                </span>
              )}
            </>
          ) : (
            <span className="quiet">Point at the picture to read an entry, or give its place:</span>
          )}
        </p>
        {(["row", "column"] as const).map((name, k) => (
          <label key={name}>
            {name}
            <input
              type="number"
              min={0}
              max={(k === 0 ? plan.n : plan.m) - 1}
              value={at?.[k] ?? ""}
              onChange={(event) => {
                const value = Math.min((k === 0 ? plan.n : plan.m) - 1, Math.max(0, Math.floor(Number(event.target.value))));
                setAt(k === 0 ? [value, at?.[1] ?? 0] : [at?.[0] ?? 0, value]);
              }}
            />
          </label>
        ))}
      </div>
    </figure>
  );
}
