import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link, useSearchParams } from "wouter";
import { api, data } from "../../api/client";
import { Failure, Loading, Time, usePageTitle } from "../../parts/basic";

const STATES = ["active", "paused", "archived"] as const;

export default function StudiesPage(): ReactNode {
  usePageTitle("Studies");
  const [search, setSearch] = useSearchParams();
  const state = STATES.find((name) => name === search.get("state"));
  const page_token = search.get("page_token") ?? "";
  const query = { ...(state ? { state } : {}), ...(page_token ? { page_token } : {}) };
  const studies = useQuery({
    queryKey: ["studies", query],
    refetchInterval: 5000,
    queryFn: ({ signal }) => data(api.GET("/v1/studies", { params: { query }, signal })),
  });
  return (
    <>
      <h1>Studies</h1>
      <div className="row" role="group" aria-label="States">
        {STATES.map((name) => (
          <button key={name} type="button" className="chip" aria-pressed={state === name} onClick={() => setSearch(state === name ? {} : { state: name })}>
            {name}
          </button>
        ))}
      </div>
      {studies.error && <Failure error={studies.error} retry={() => void studies.refetch()} />}
      {studies.isPending && <Loading lines={6} />}
      {studies.data?.studies.length === 0 && (
        <p className="empty">
          No study{state ? ` is ${state}` : " yet"}. A study finds the best of what only can be tried: <code>client.studies.create(…)</code> in Python, or{" "}
          <Link href="/submit">an example</Link>.
        </p>
      )}
      {studies.data && studies.data.studies.length > 0 && (
        <div className="scroll" tabIndex={0} role="region" aria-label="Studies">
          <table>
            <thead>
              <tr>
                <th scope="col">Study</th>
                <th scope="col">State</th>
                <th scope="col">Objectives</th>
                <th scope="col" className="number">
                  Completed
                </th>
                <th scope="col" className="number">
                  Running
                </th>
                <th scope="col" className="number">
                  Failed
                </th>
                <th scope="col">Engine</th>
                <th scope="col">Changed</th>
              </tr>
            </thead>
            <tbody>
              {studies.data.studies.map((study) => (
                <tr key={study.id}>
                  <th scope="row">
                    <Link href={`/studies/${study.id}`}>{study.name}</Link>
                  </th>
                  <td>{study.state}</td>
                  <td>{Object.entries(study.objectives).map(([name, goal]) => `${goal} ${name}`).join(", ") || "by preference"}</td>
                  <td className="number">
                    {study.trials?.completed ?? 0}
                    {study.budget != null && ` of ${study.budget}`}
                  </td>
                  <td className="number">{study.trials?.running ?? 0}</td>
                  <td className="number">{study.trials?.failed ?? 0}</td>
                  <td>{study.engine}</td>
                  <td>
                    <Time at={study.updated_at} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {studies.data?.next_page_token && (
        <button type="button" onClick={() => setSearch({ ...(state ? { state } : {}), page_token: studies.data.next_page_token ?? "" })}>
          Older
        </button>
      )}
    </>
  );
}
