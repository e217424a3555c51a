import { useQuery } from "@tanstack/react-query";
import { useState, type FormEvent, type ReactNode } from "react";
import { api, data, type Schemas } from "../../api/client";
import { Failure, Loading, Time, useNow } from "../../parts/basic";
import { DAY, HOUR, Secret, Span, Sure, Trouble, useAct, type Key } from "./common";
import { useMembers } from "./members";

type NewKey = Schemas["NewKey"];

const SCOPES = [
  ["read", "see jobs and artifacts"],
  ["write", "submit, cancel, delete"],
  ["admin", "manage keys and webhooks"],
  ["owner", "manage projects and members"],
] as const;
const EXPIRY = [
  ["never", null],
  ["in a day", DAY],
  ["in 30 days", 30 * DAY],
  ["in 90 days", 90 * DAY],
  ["in a year", 365 * DAY],
] as const;
const OVERLAP = [
  ["ends at once", 0],
  ["works an hour longer", HOUR],
  ["works a day longer", DAY],
  ["works a week longer", 7 * DAY],
] as const;

export function KeysTab({ owner }: { owner: boolean }): ReactNode {
  const [made, setMade] = useState<NewKey | null>(null);
  const keys = useQuery({
    queryKey: ["keys"],
    refetchInterval: 30_000,
    queryFn: async ({ signal }) => (await data(api.GET("/v1/keys", { signal }))).keys,
  });
  const members = useMembers(owner);
  const names = new Map((members.data ?? []).map((member) => [member.id, member.email]));
  return (
    <>
      {made && (
        <Secret of={`The key “${made.name}”`} secret={made.secret} done={() => setMade(null)}>
          <p>
            In a shell: <code>export KANTOR_API_KEY=…</code>. In Python: <code>kantor.Client(url, api_key)</code>.
          </p>
        </Secret>
      )}
      <Make owner={owner} members={[...names]} made={setMade} />
      {keys.error && <Failure error={keys.error} retry={() => void keys.refetch()} />}
      {keys.isPending && <Loading />}
      {keys.data && (
        <div className="scroll" tabIndex={0} role="region" aria-label="API keys">
          <table>
            <thead>
              <tr>
                <th scope="col">Key</th>
                <th scope="col">State</th>
                <th scope="col">Change</th>
                <th scope="col">May</th>
                <th scope="col">Last used</th>
                <th scope="col">Made</th>
              </tr>
            </thead>
            <tbody>
              {keys.data.map((key) => (
                <Row key={key.id} of={key} member={key.member ? (names.get(key.member) ?? key.member) : ""} made={setMade} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}

function Make({ owner, members, made }: { owner: boolean; members: readonly [string, string][]; made: (key: NewKey) => void }): ReactNode {
  const act = useAct("keys");
  const [name, setName] = useState("");
  const [scopes, setScopes] = useState<string[]>(["read", "write"]);
  const [expires, setExpires] = useState("");
  const [member, setMember] = useState("");
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    const body = { name, scopes, ...(expires ? { expires_in: Number(expires) } : {}), ...(member ? { member } : {}) };
    const key = await act.send<NewKey>("POST", "/v1/keys", body);
    if (key) {
      setName("");
      made(key);
    }
  };
  return (
    <details>
      <summary>New key</summary>
      <form className="options" onSubmit={(event) => void submit(event)}>
        <div className="row">
          <label>
            Name
            <input value={name} required maxLength={255} placeholder="nightly planner" onChange={(event) => setName(event.target.value)} />
          </label>
          <Span label="Expires" value={expires} change={setExpires} spans={EXPIRY} />
          {members.length > 0 && (
            <label>
              Whose
              <select value={member} onChange={(event) => setMember(event.target.value)}>
                <option value="">a machine's</option>
                {members.map(([id, email]) => (
                  <option key={id} value={id}>
                    {email}
                  </option>
                ))}
              </select>
            </label>
          )}
        </div>
        <div className="row" role="group" aria-label="It may">
          {SCOPES.filter(([scope]) => owner || scope !== "owner").map(([scope, words]) => (
            <label key={scope} className="check">
              <input
                type="checkbox"
                checked={scopes.includes(scope)}
                onChange={(event) => setScopes((before) => (event.target.checked ? [...before, scope] : before.filter((other) => other !== scope)))}
              />{" "}
              {scope} <span className="quiet">({words})</span>
            </label>
          ))}
        </div>
        <p>
          <button type="submit" className="primary" disabled={act.busy || scopes.length === 0}>
            Make the key
          </button>
        </p>
        <Trouble act={act} />
      </form>
    </details>
  );
}

function Row({ of: key, member, made }: { of: Key; member: string; made: (key: NewKey) => void }): ReactNode {
  const act = useAct("keys");
  const now = useNow();
  const [rotating, setRotating] = useState(false);
  const [overlap, setOverlap] = useState(String(DAY));
  const expired = key.expires_at != null && Date.parse(key.expires_at) <= now;
  const over = key.revoked_at != null || expired;
  const rotate = async (): Promise<void> => {
    const newer = await act.send<NewKey>("POST", `/v1/keys/${key.id}/rotate`, { overlap: Number(overlap) });
    if (newer) {
      setRotating(false);
      made(newer);
    }
  };
  return (
    <tr className={over ? "quiet" : ""}>
      <th scope="row">
        {key.name} <code className="quiet">…{key.last4}</code>
        {member && (
          <>
            <br />
            <small className="quiet">{member}</small>
          </>
        )}
      </th>
      <td>
        {key.revoked_at ? (
          <>
            revoked <Time at={key.revoked_at} />
          </>
        ) : expired ? (
          <>
            expired <Time at={key.expires_at} />
          </>
        ) : key.expires_at ? (
          <>
            {key.replaced_by ? "replaced, ends" : "ends"} <Time at={key.expires_at} />
          </>
        ) : (
          "works until revoked"
        )}
      </td>
      <td>
        {!over && (
          <span className="row">
            {rotating ? (
              <>
                <Span label="The old one" value={overlap} change={setOverlap} spans={OVERLAP} />
                <button type="button" className="small primary" disabled={act.busy} onClick={() => void rotate()}>
                  Rotate
                </button>
                <button type="button" className="small" onClick={() => setRotating(false)}>
                  Keep
                </button>
              </>
            ) : (
              <>
                {!key.replaced_by && (
                  <button type="button" className="small" onClick={() => setRotating(true)}>
                    Rotate
                  </button>
                )}
                <Sure title="Revoke" question={`End ${key.name} for good?`} does={() => void act.send("DELETE", `/v1/keys/${key.id}`)} disabled={act.busy} />
              </>
            )}
          </span>
        )}
        <Trouble act={act} />
      </td>
      <td>{key.scopes.join(", ")}</td>
      <td>{key.last_used_at ? <Time at={key.last_used_at} /> : "never"}</td>
      <td>
        <Time at={key.created_at} />
      </td>
    </tr>
  );
}
