import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link, useSearchParams } from "wouter";
import { call } from "../../api/client";
import { number } from "../../lib/format";
import type { Schedule } from "../../lib/schedule";
import { Failure, Loading, Time, usePageTitle } from "../../parts/basic";

interface Page {
  schedules: Schedule[];
  next_page_token?: string;
}

export default function SchedulesPage(): ReactNode {
  usePageTitle("Schedules");
  const [search, setSearch] = useSearchParams();
  const token = search.get("page_token") ?? "";
  const found = useQuery({
    queryKey: ["schedules", token],
    refetchInterval: 5000,
    queryFn: async ({ signal }) => (await (await call(`/v1/schedules?page_token=${encodeURIComponent(token)}`, { signal })).json()) as Page,
  });
  return (
    <>
      <h1>Schedules</h1>
      {found.error && <Failure error={found.error} retry={() => void found.refetch()} />}
      {found.isPending && <Loading lines={6} />}
      {found.data?.schedules.length === 0 && (
        <p className="empty">No schedule yet. A schedule gives a knob of a training, such as its learning rate, a value at every step.</p>
      )}
      {found.data && found.data.schedules.length > 0 && (
        <div className="scroll" tabIndex={0} role="region" aria-label="Schedules">
          <table>
            <thead>
              <tr>
                <th scope="col">Schedule</th>
                <th scope="col">State</th>
                <th scope="col">Of</th>
                <th scope="col">Policy</th>
                <th scope="col" className="number">
                  Steps
                </th>
                <th scope="col" className="number">
                  Version
                </th>
                <th scope="col" className="number">
                  Runs
                </th>
                <th scope="col">Changed</th>
              </tr>
            </thead>
            <tbody>
              {found.data.schedules.map((schedule) => (
                <tr key={schedule.id}>
                  <th scope="row">
                    <Link href={`/schedules/${schedule.id}`}>{schedule.name}</Link>
                  </th>
                  <td>{schedule.state}</td>
                  <td>{schedule.kind}</td>
                  <td>{schedule.policy}</td>
                  <td className="number">{number(schedule.horizon)}</td>
                  <td className="number">
                    {schedule.current} of {schedule.versions}
                  </td>
                  <td className="number">{schedule.runs}</td>
                  <td>
                    <Time at={schedule.updated_at} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {found.data?.next_page_token && (
        <button type="button" onClick={() => setSearch({ page_token: found.data.next_page_token ?? "" })}>
          Older
        </button>
      )}
    </>
  );
}
