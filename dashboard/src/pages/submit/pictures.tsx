import { useEffect, useState, type ReactNode } from "react";
import { PICTURE, pixelsOf, problem, type Pixels, type Sort } from "../../lib/pictures";
import type { Request } from "../../lib/snippets";
import { Failure } from "../../parts/basic";

const SIZES = [16, 32, 48, 64, 96];
const COUNTS = [32, 64, 128, 256];

/** Two pictures become a transport problem: light moves to light, or colours to colours. */
export function Pictures({ files, take }: { files: readonly File[]; take: (request: Request) => void }): ReactNode {
  const [chosen, setChosen] = useState<(File | null)[]>([null, null]);
  const [shown, setShown] = useState<(Pixels | null)[]>([null, null]);
  const [sort, setSort] = useState<Sort>("light");
  const [size, setSize] = useState(32);
  const [count, setCount] = useState(64);
  const [error, setError] = useState<Error | null>(null);
  useEffect(() => {
    if (files.length > 0) setChosen((before) => (files.length > 1 ? [files[0] ?? null, files[1] ?? null] : before[0] ? [before[0], files[0] ?? null] : [files[0] ?? null, null]));
  }, [files]);
  useEffect(() => {
    let here = true;
    Promise.all(chosen.map((file) => (file ? pixelsOf(file, sort === "colours" ? 128 : size) : null)))
      .then((found) => here && (setShown(found), setError(null)))
      .catch((failure: unknown) => here && setError(failure as Error));
    return () => {
      here = false;
    };
  }, [chosen, size, sort]);
  const send = (): void => {
    const [first, second] = shown;
    if (!first || !second) return;
    try {
      take({
        problem: problem(first, second, sort, count),
        name: chosen.map((file) => file?.name.replace(PICTURE, "")).join(" to "),
        ...(sort === "colours" ? { labels: { picture: "colours" } } : {}),
      });
    } catch (failure) {
      setError(failure as Error);
    }
  };
  return (
    <div className="drop">
      <p>
        <strong>Two pictures</strong>: what is the cheapest way to turn one into the other?
      </p>
      <div className="row">
        {[0, 1].map((k) => (
          <label key={k}>
            {k === 0 ? "From" : "To"}
            <input
              type="file"
              accept="image/*"
              onChange={(event) => {
                const file = event.target.files?.[0] ?? null;
                setChosen((before) => before.map((known, at) => (at === k ? file : known)));
              }}
            />
            <Preview pixels={shown[k] ?? null} />
          </label>
        ))}
      </div>
      <div className="row">
        <label>
          What moves
          <select value={sort} onChange={(event) => setSort(event.target.value as Sort)}>
            <option value="light">light: bright pixels</option>
            <option value="dark">ink: dark pixels</option>
            <option value="colours">colours: the palette</option>
          </select>
        </label>
        <label>
          {sort === "colours" ? "Colours of each" : "Pixels across"}
          <select value={sort === "colours" ? count : size} onChange={(event) => (sort === "colours" ? setCount : setSize)(Number(event.target.value))}>
            {(sort === "colours" ? COUNTS : SIZES).map((one) => (
              <option key={one}>{one}</option>
            ))}
          </select>
        </label>
        <button type="button" className="primary" disabled={!shown[0] || !shown[1]} onClick={send}>
          Look at it
        </button>
      </div>
      {error && <Failure error={error} />}
    </div>
  );
}

function Preview({ pixels }: { pixels: Pixels | null }): ReactNode {
  return (
    <canvas
      className="preview"
      role="img"
      aria-label={pixels ? `${pixels.width} by ${pixels.height} pixels` : "no picture yet"}
      width={pixels?.width ?? 1}
      height={pixels?.height ?? 1}
      ref={(element) => {
        if (element && pixels) element.getContext("2d")?.putImageData(new ImageData(new Uint8ClampedArray(pixels.data), pixels.width, pixels.height), 0, 0);
      }}
    />
  );
}
