import type { ReactNode } from "react";
import type { Job, ProgramAnswer } from "../../api/client";
import { useProblem } from "../../api/hooks";
import { number, plural } from "../../lib/format";
import { statement } from "../../lib/model-file";
import { Failure, Loading } from "../../parts/basic";
import { FileText, useModel } from "./model";

/** Why a model cannot be met: the rows and bounds that contradict each other, and the cheapest way out. */
export function ConflictTab({ job, answer }: { job: Job; answer: ProgramAnswer }): ReactNode {
  const problem = useProblem(job.id);
  const model = useModel(job, problem.data?.problem);
  if (problem.error) return <Failure error={problem.error} />;
  if (!problem.data || model.isPending) return <Loading />;
  const iis = answer.iis;
  const shape = model.data?.algebra;
  const row = (index: number, name: string): string => name || shape?.constraint(index) || `c${index}`;
  const column = (index: number, name: string): string => name || shape?.variable(index) || `x${index}`;
  const text = model.data?.file?.text ?? null;
  return (
    <>
      {iis && (
        <section>
          <p>
            <strong>
              These {plural(iis.rows.length, "constraint side")} and {plural(iis.bounds.length, "bound")} cannot hold together.
            </strong>{" "}
            {iis.irreducible
              ? "Leaving out any one of them makes the rest feasible: change at least one."
              : "There may be a smaller such set: the search ended early."}
          </p>
          <div className="scroll" tabIndex={0} role="region" aria-label="Members">
          <table>
            <thead>
              <tr>
                <th scope="col">What</th>
                <th scope="col">Name</th>
                <th scope="col">Side</th>
                <th scope="col">In the model</th>
              </tr>
            </thead>
            <tbody>
              {iis.rows.map((member) => (
                <tr key={`r${member.index}${member.side}`}>
                  <td>constraint</td>
                  <th scope="row">{row(member.index, member.name ?? "")}</th>
                  <td>{member.side}</td>
                  <td>
                    <code>{shape?.row(member.index) ?? (text && statement(text, member.name ?? "")) ?? "see the file below"}</code>
                  </td>
                </tr>
              ))}
              {iis.bounds.map((member) => (
                <tr key={`b${member.index}${member.side}`}>
                  <td>bound</td>
                  <th scope="row">{column(member.index, member.name ?? "")}</th>
                  <td>{member.side}</td>
                  <td>
                    <code>{shape?.bounds(member.index) ?? "see the file below"}</code>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
          </div>
          {(iis.integrality ?? []).length > 0 && (
            <p>And that these are integer: {(iis.integrality ?? []).map((j) => column(j, "")).join(", ")}.</p>
          )}
        </section>
      )}
      {answer.relaxation && (
        <section>
          <h2>The cheapest way out</h2>
          <p>Moving these sides by {number(answer.relaxation.violation)} in all makes the model feasible:</p>
          <ul>
            {Object.entries(answer.relaxation.rows).map(([index, move]) => (
              <li key={`r${index}`}>
                constraint <b>{row(Number(index), answer.constraint_names?.[Number(index)] ?? "")}</b> by {number(move)}
              </li>
            ))}
            {Object.entries(answer.relaxation.bounds).map(([index, move]) => (
              <li key={`b${index}`}>
                bound of <b>{column(Number(index), answer.variable_names?.[Number(index)] ?? "")}</b> by {number(move)}
              </li>
            ))}
          </ul>
        </section>
      )}
      {text !== null && <FileText text={text} names={conflictNames(answer)} />}
    </>
  );
}

export function conflictNames(answer: ProgramAnswer | undefined): ReadonlySet<string> {
  const iis = answer?.iis;
  return new Set([...(iis?.rows ?? []), ...(iis?.bounds ?? [])].map((member) => member.name ?? "").filter(Boolean));
}
