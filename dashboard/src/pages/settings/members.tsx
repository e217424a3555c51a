import { useQuery, type UseQueryResult } from "@tanstack/react-query";
import { useState, type FormEvent, type ReactNode } from "react";
import { api, data } from "../../api/client";
import { Failure, Loading, Time } from "../../parts/basic";
import { Sure, Trouble, useAct, type Member } from "./common";

const ROLES = [
  ["viewer", "sees jobs"],
  ["editor", "submits and cancels too"],
  ["admin", "manages keys and webhooks too"],
  ["owner", "manages projects and members too"],
] as const;

export function useMembers(enabled: boolean): UseQueryResult<Member[], Error> {
  return useQuery<Member[], Error>({
    queryKey: ["members"],
    enabled,
    queryFn: async ({ signal }) => (await data(api.GET("/v1/members", { signal }))).members as Member[],
  });
}

export function MembersTab(): ReactNode {
  const members = useMembers(true);
  return (
    <>
      <Add />
      {members.error && <Failure error={members.error} retry={() => void members.refetch()} />}
      {members.isPending && <Loading />}
      {members.data?.length === 0 && <p className="empty">No member yet: all keys are machines'.</p>}
      {members.data && members.data.length > 0 && (
        <div className="scroll" tabIndex={0} role="region" aria-label="Members">
          <table>
            <thead>
              <tr>
                <th scope="col">Member</th>
                <th scope="col">Role everywhere</th>
                <th scope="col">In single projects</th>
                <th scope="col">Since</th>
                <th scope="col">Change</th>
              </tr>
            </thead>
            <tbody>
              {members.data.map((member) => (
                <Row key={member.id} member={member} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}

function RoleChoice({ value, change, label, disabled = false }: { value: string; change: (role: string) => void; label: string; disabled?: boolean }): ReactNode {
  return (
    <select value={value} aria-label={label} disabled={disabled} onChange={(event) => change(event.target.value)}>
      <option value="none">none</option>
      {ROLES.map(([role, words]) => (
        <option key={role} value={role}>
          {role}: {words}
        </option>
      ))}
    </select>
  );
}

function Add(): ReactNode {
  const act = useAct("members");
  const [email, setEmail] = useState("");
  const [name, setName] = useState("");
  const [role, setRole] = useState("editor");
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    if (await act.send("POST", "/v1/members", { email: email.trim(), name, ...(role === "none" ? {} : { role }) })) {
      setEmail("");
      setName("");
    }
  };
  return (
    <details>
      <summary>New member</summary>
      <form className="options" onSubmit={(event) => void submit(event)}>
        <div className="row">
          <label>
            Email
            <input type="email" value={email} required onChange={(event) => setEmail(event.target.value)} />
          </label>
          <label>
            Name
            <input value={name} maxLength={255} onChange={(event) => setName(event.target.value)} />
          </label>
          <label>
            Role
            <RoleChoice label="Role" value={role} change={setRole} />
          </label>
        </div>
        <p>
          <button type="submit" className="primary" disabled={act.busy}>
            Add the member
          </button>{" "}
          <span className="quiet">Then make a key for them, under API keys.</span>
        </p>
        <Trouble act={act} />
      </form>
    </details>
  );
}

function Row({ member }: { member: Member }): ReactNode {
  const act = useAct("members", "keys");
  const path = `/v1/members/${member.id}`;
  return (
    <tr>
      <th scope="row">
        {member.email}
        {member.name && (
          <>
            <br />
            <small className="quiet">{member.name}</small>
          </>
        )}
      </th>
      <td>
        <RoleChoice label={`Role of ${member.email}`} value={member.role ?? "none"} change={(role) => void act.send("PATCH", path, { role })} disabled={act.busy} />
        <Trouble act={act} />
      </td>
      <td>
        {Object.entries(member.project_roles ?? {})
          .map(([project, role]) => `${role} of …${project.slice(-6)}`)
          .join(", ") || "–"}
      </td>
      <td>
        <Time at={member.created_at} />
      </td>
      <td>
        <Sure title="Remove" question={`Remove ${member.email} and their keys?`} does={() => void act.send("DELETE", path)} disabled={act.busy} />
      </td>
    </tr>
  );
}
