import { type ReactNode } from "react";
import { Link } from "wouter";
import type { Job } from "../api/client";
import { isFinal } from "../api/feed";
import { absolute, plural, seconds } from "../lib/format";

const MOST = 80;
const WIDTH = 800;
const HEIGHT = 64;
/** Of the shortest bar, so that one of a millisecond can be seen and hit. */
const LEAST = 5;

/** The newest finished jobs, oldest first: as high as the logarithm of their time, coloured by how they ended. */
export function Activity({ jobs }: { jobs: readonly Job[] }): ReactNode {
  const shown = jobs.filter((job) => isFinal(job) && job.started_at && job.finished_at).slice(0, MOST).reverse();
  if (shown.length < 3) return null;
  const took = shown.map((job) => Math.max(1e-3, (Date.parse(job.finished_at ?? "") - Date.parse(job.started_at ?? "")) / 1000));
  const most = took.reduce((a, b) => Math.max(a, b), 1e-2);
  const step = WIDTH / MOST;
  const bad = shown.filter((job) => job.state === "failed" || job.state === "expired").length;
  return (
    <figure className="chart">
      <figcaption>
        The last {plural(shown.length, "job")}, by time{bad > 0 && <span className="bad">{bad} did not end well</span>}
      </figcaption>
      <svg className="activity" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none">
        {shown.map((job, k) => {
          const height = LEAST + (HEIGHT - LEAST) * (Math.log(1e3 * (took[k] ?? 1e-3)) / Math.log(1e3 * most));
          return (
            <Link key={job.id} href={`/jobs/${job.id}`} tabIndex={-1} aria-label={`${job.name || job.id}: ${job.state}`}>
              <rect className={job.state} x={WIDTH - (shown.length - k) * step + 1} y={HEIGHT - height} width={step - 2} height={height}>
                <title>{`${job.name || job.id}: ${job.state} after ${seconds(took[k])}, ${absolute(job.finished_at ?? "")}`}</title>
              </rect>
            </Link>
          );
        })}
      </svg>
    </figure>
  );
}
