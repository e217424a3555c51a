import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { api, data } from "../../api/client";
import { bytes, number, percent, seconds } from "../../lib/format";
import { Failure, Loading } from "../../parts/basic";

export function UsageTab(): ReactNode {
  const usage = useQuery({
    queryKey: ["usage"],
    refetchInterval: 5000,
    queryFn: ({ signal }) => data(api.GET("/v1/usage", { signal })),
  });
  if (usage.error) return <Failure error={usage.error} retry={() => void usage.refetch()} />;
  if (!usage.data) return <Loading />;
  const found = usage.data;
  const rows: [string, number | null, number | null | undefined, (value: number) => string][] = [
    ["Running jobs", found.running, found.max_running, number],
    ["Queued jobs", found.queued, found.max_queued, number],
    [`Solving since ${found.month}`, found.solver_seconds, found.max_solver_seconds, seconds],
    ["Artifacts", found.bytes, found.max_bytes, bytes],
    ["Requests in a minute", null, found.max_requests, number],
  ];
  return (
    <>
      <div className="scroll" tabIndex={0} role="region" aria-label="Usage">
        <table>
          <thead>
            <tr>
              <th scope="col">What</th>
              <th scope="col" className="number">
                Used
              </th>
              <th scope="col" className="number">
                Quota
              </th>
              <th scope="col">Share</th>
            </tr>
          </thead>
          <tbody>
            {rows.map(([what, used, most, show]) => (
              <tr key={what}>
                <th scope="row">{what}</th>
                <td className="number">{used === null ? "" : show(used)}</td>
                <td className="number">{most == null ? "none" : show(most)}</td>
                <td>
                  {used !== null && most != null && most > 0 && (
                    <span className="row">
                      <meter min={0} max={most} high={0.9 * most} value={used} aria-label={`share of ${what.toLowerCase()}`} /> {percent(used / most)}
                    </span>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p className="quiet">
        Over a quota, requests get status 429 with <code>Retry-After</code>. The operator sets quotas: <code>kantor tenants quota prj_… --max-running 20</code>
      </p>
    </>
  );
}
