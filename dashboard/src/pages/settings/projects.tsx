import { useQuery } from "@tanstack/react-query";
import { useState, type FormEvent, type ReactNode } from "react";
import { api, data, type Schemas } from "../../api/client";
import { Copy, Failure, Loading, Time } from "../../parts/basic";
import { Secret, Sure, Trouble, useAct } from "./common";

type Project = Schemas["Project"];
type NewKey = Schemas["NewKey"];

export function ProjectsTab(): ReactNode {
  const act = useAct("projects");
  const [name, setName] = useState("");
  const [made, setMade] = useState<NewKey | null>(null);
  const projects = useQuery({
    queryKey: ["projects"],
    queryFn: async ({ signal }) => (await data(api.GET("/v1/projects", { signal }))).projects,
  });
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    if (await act.send("POST", "/v1/projects", { name })) setName("");
  };
  return (
    <>
      {made && <Secret of={`The key “${made.name}”`} secret={made.secret} done={() => setMade(null)} />}
      <form className="row" onSubmit={(event) => void submit(event)}>
        <label>
          New project
          <input value={name} required maxLength={255} placeholder="routing" onChange={(event) => setName(event.target.value)} />
        </label>
        <button type="submit" className="primary" disabled={act.busy}>
          Make it
        </button>
      </form>
      <Trouble act={act} />
      {projects.error && <Failure error={projects.error} retry={() => void projects.refetch()} />}
      {projects.isPending && <Loading />}
      {projects.data && (
        <div className="scroll" tabIndex={0} role="region" aria-label="Projects">
          <table>
            <thead>
              <tr>
                <th scope="col">Project</th>
                <th scope="col">Id</th>
                <th scope="col">Made</th>
                <th scope="col">State</th>
                <th scope="col">Change</th>
              </tr>
            </thead>
            <tbody>
              {projects.data.map((project) => (
                <Row key={project.id} project={project} made={setMade} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      <p className="quiet">To look into another project, sign in with a key of it.</p>
    </>
  );
}

function Row({ project, made }: { project: Project; made: (key: NewKey) => void }): ReactNode {
  const act = useAct("projects");
  const makeKey = async (): Promise<void> => {
    const body = { name: `administrator of ${project.name}`.slice(0, 255), scopes: ["read", "write", "admin"], project: project.id };
    const key = await act.send<NewKey>("POST", "/v1/keys", body);
    if (key) made(key);
  };
  return (
    <tr className={project.archived_at ? "quiet" : ""}>
      <th scope="row">{project.name}</th>
      <td>
        <code>…{project.id.slice(-6)}</code> <Copy text={project.id} label="Copy id" />
      </td>
      <td>
        <Time at={project.created_at} />
      </td>
      <td>{project.archived_at ? "archived" : "active"}</td>
      <td>
        {!project.archived_at && (
          <span className="row">
            <button type="button" className="small" disabled={act.busy} onClick={() => void makeKey()}>
              Make a key
            </button>
            <Sure
              title="Archive"
              question={`Close ${project.name}? Its keys open nothing any more.`}
              does={() => void act.send("DELETE", `/v1/projects/${project.id}`)}
              disabled={act.busy}
            />
          </span>
        )}
        <Trouble act={act} />
      </td>
    </tr>
  );
}
