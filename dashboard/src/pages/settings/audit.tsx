import { useQuery } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { api, data } from "../../api/client";
import { Failure, Loading, Time } from "../../parts/basic";

export function AuditTab({ owner }: { owner: boolean }): ReactNode {
  const [everywhere, setEverywhere] = useState(false);
  const [token, setToken] = useState("");
  const log = useQuery({
    queryKey: ["audit", everywhere, token],
    queryFn: ({ signal }) =>
      data(api.GET("/v1/audit", { params: { query: { organisation: everywhere, page_size: 100, page_token: token } }, signal })),
  });
  return (
    <>
      <div className="row">
        {owner && (
          <label className="check">
            <input
              type="checkbox"
              checked={everywhere}
              onChange={(event) => {
                setEverywhere(event.target.checked);
                setToken("");
              }}
            />{" "}
            all projects of the organisation
          </label>
        )}
        {token && (
          <button type="button" className="small" onClick={() => setToken("")}>
            Newest
          </button>
        )}
      </div>
      {log.error && <Failure error={log.error} retry={() => void log.refetch()} />}
      {log.isPending && <Loading />}
      {log.data?.entries.length === 0 && <p className="empty">Nobody has changed anything yet.</p>}
      {log.data && log.data.entries.length > 0 && (
        <div className="scroll" tabIndex={0} role="region" aria-label="Audit log">
          <table>
            <thead>
              <tr>
                <th scope="col">When</th>
                <th scope="col">Action</th>
                <th scope="col">On</th>
                <th scope="col">By key</th>
                <th scope="col">Request</th>
              </tr>
            </thead>
            <tbody>
              {log.data.entries.map((entry) => (
                <tr key={entry.id}>
                  <td className="nowrap">
                    <Time at={entry.at} />
                  </td>
                  <td>{entry.action}</td>
                  <td>
                    <code>{entry.target}</code>
                  </td>
                  <td>
                    <code>{entry.key ?? "–"}</code>
                  </td>
                  <td>
                    <code>{entry.request_id}</code>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {log.data?.next_page_token && (
        <button type="button" onClick={() => setToken(log.data.next_page_token ?? "")}>
          Older
        </button>
      )}
    </>
  );
}
