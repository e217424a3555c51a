import type { ReactNode } from "react";
import type { JobEvent } from "../../api/client";
import type { History } from "../../api/hooks";
import { absolute, number, words } from "../../lib/format";
import { Loading } from "../../parts/basic";

const SHOWN = 500;

/** What happened, newest first: the table behind everything else. */
export function Timeline({ history }: { history: History }): ReactNode {
  if (history.loading && history.events.length === 0) return <Loading lines={8} />;
  const shown = history.events.slice(-SHOWN).reverse();
  return (
    <>
      {history.events.length > SHOWN && <p className="quiet">The newest {SHOWN} of {number(history.events.length)} loaded events.</p>}
      <div className="scroll" tabIndex={0} role="region" aria-label="Events">
        <table>
          <thead>
            <tr>
              <th scope="col">No.</th>
              <th scope="col">At</th>
              <th scope="col">Event</th>
              <th scope="col">What it says</th>
            </tr>
          </thead>
          <tbody>
            {shown.map((event) => (
              <tr key={event.seq}>
                <td>{event.seq}</td>
                <td>{absolute(event.at)}</td>
                <td>
                  {event.type}
                  {event.attempt > 1 && <small className="quiet"> attempt {event.attempt}</small>}
                </td>
                <td className="one-line">{say(event)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

function say(event: JobEvent): string {
  return Object.entries(event.data ?? {})
    .filter(([, value]) => value !== null && typeof value !== "object")
    .map(([name, value]) => (name === "text" ? String(value).trim() : `${words(name)} ${typeof value === "number" ? number(value, 6) : String(value)}`))
    .join(" · ");
}
