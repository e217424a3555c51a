import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link } from "wouter";
import { api, data, type Schemas } from "../../api/client";
import { Failure, Loading, Time } from "../../parts/basic";
import { Trouble, useAct } from "./common";

type Delivery = Schemas["Delivery"];

export function Deliveries({ hook }: { hook: string }): ReactNode {
  const act = useAct("deliveries");
  const found = useQuery({
    queryKey: ["deliveries", hook],
    refetchInterval: 3000,
    queryFn: async ({ signal }) =>
      (await data(api.GET("/v1/webhooks/{webhook_id}/deliveries", { params: { path: { webhook_id: hook } }, signal }))).deliveries,
  });
  if (found.error) return <Failure error={found.error} retry={() => void found.refetch()} />;
  if (!found.data) return <Loading />;
  if (found.data.length === 0) return <p className="empty">Nothing was sent in the last 30 days.</p>;
  return (
    <>
      <Trouble act={act} />
      <div className="scroll" tabIndex={0} role="region" aria-label="Deliveries">
        <table>
          <thead>
            <tr>
              <th scope="col">Event</th>
              <th scope="col">Made</th>
              <th scope="col">State</th>
              <th scope="col" className="number">
                Attempts
              </th>
              <th scope="col">Last reply</th>
              <th scope="col">Again</th>
            </tr>
          </thead>
          <tbody>
            {found.data.map((delivery) => (
              <tr key={delivery.id}>
                <th scope="row">
                  {delivery.job_id ? <Link href={`/jobs/${delivery.job_id}`}>{delivery.type}</Link> : delivery.type}
                </th>
                <td>
                  <Time at={delivery.created_at} />
                </td>
                <td>
                  <State of={delivery} />
                </td>
                <td className="number">{delivery.attempts}</td>
                <td>
                  <span className="one-line">{[delivery.last_status ?? "", delivery.last_error].filter(Boolean).join(" ") || "–"}</span>
                </td>
                <td>
                  <button type="button" className="small" disabled={act.busy} onClick={() => void act.send("POST", `/v1/webhooks/${hook}/deliveries/${delivery.id}/replay`)}>
                    Replay
                  </button>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

function State({ of: delivery }: { of: Delivery }): ReactNode {
  if (delivery.delivered_at)
    return (
      <>
        ✓ delivered <Time at={delivery.delivered_at} />
      </>
    );
  if (delivery.next_at)
    return (
      <>
        ◷ {delivery.attempts ? "tried again" : "due"} <Time at={delivery.next_at} />
      </>
    );
  return <span className="bad">✕ given up</span>;
}
