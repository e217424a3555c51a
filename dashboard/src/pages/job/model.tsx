import { useQuery, type UseQueryResult } from "@tanstack/react-query";
import { useMemo, useState, type ReactNode } from "react";
import type { Job, ProgramAnswer } from "../../api/client";
import { useProblem } from "../../api/hooks";
import { save } from "../../lib/download";
import { number, words } from "../../lib/format";
import { algebra, linesWith, type Model } from "../../lib/model";
import { fileText, type Text } from "../../lib/model-file";
import { fromMps } from "../../lib/mps";
import { Failure, Loading } from "../../parts/basic";
import { conflictNames } from "./conflict";

const PAGE = 100;

/** The problem and options as they were sent; rows that contradict each other are marked. */
export function ModelTab({ job, answer }: { job: Job; answer: ProgramAnswer | undefined }): ReactNode {
  const problem = useProblem(job.id);
  const model = useModel(job, problem.data?.problem);
  const [file, setFile] = useState(false);
  if (problem.error) return <Failure error={problem.error} retry={() => void problem.refetch()} />;
  if (!problem.data) return <Loading lines={8} />;
  const options = Object.entries(problem.data.options).filter(([, value]) => value !== null);
  const text = model.data?.file?.text ?? null;
  const document = problem.data;
  return (
    <>
      <div className="row between">
        <p>
          {options.length === 0 ? (
            "All options at their defaults."
          ) : (
            <>
              Options:{" "}
              {options.map(([name, value]) => (
                <span key={name} className="chip">
                  {name} = {typeof value === "object" ? JSON.stringify(value) : String(value)}
                </span>
              ))}
            </>
          )}
        </p>
        <button type="button" className="small" onClick={() => save([JSON.stringify(document, null, 1)], `${job.id}.json`, "application/json")}>
          Download (JSON)
        </button>
      </div>
      {model.error && <Failure error={model.error} />}
      {model.isPending ? (
        <Loading lines={8} />
      ) : (
        <>
          {model.data?.algebra && text && (
            <p className="row">
              {[false, true].map((kind) => (
                <button key={String(kind)} type="button" className="chip" aria-pressed={file === kind} onClick={() => setFile(kind)}>
                  {kind ? "the file" : "as algebra"}
                </button>
              ))}
            </p>
          )}
          {model.data?.algebra && !(file && text) && <Rows model={model.data.algebra} answer={answer} />}
          {text && (file || !model.data?.algebra) && <FileText text={text} names={conflictNames(answer)} />}
          {model.data?.file?.why && <p className="warning">{model.data.file.why}</p>}
          {!model.data?.algebra && !text && <Raw value={document.problem} />}
        </>
      )}
    </>
  );
}

/** The problem's rows, from its numbers or its file, and the file's text. */
export function useModel(job: Job, problem: Record<string, unknown> | undefined): UseQueryResult<{ algebra: Model | null; file: Text | null }, Error> {
  return useQuery({
    queryKey: ["model", job.id],
    enabled: problem !== undefined,
    staleTime: Infinity,
    gcTime: 60_000,
    queryFn: async () => {
      const file = await fileText(problem ?? {});
      const numbers = file?.text ? fromMps(file.text) : (problem ?? {});
      return { file, algebra: numbers && job.kind === "program" ? await algebra(numbers) : null };
    },
  });
}

export function FileText({ text, names }: { text: string; names: ReadonlySet<string> }): ReactNode {
  const [all, setAll] = useState(false);
  const lines = useMemo(() => text.split("\n"), [text]);
  const marked = useMemo(() => linesWith(text, names), [text, names]);
  const shown = all ? lines : lines.slice(0, 2000);
  return (
    <>
      <pre className="model" tabIndex={0} role="region" aria-label="Model file">
        {shown.map((line, k) =>
          marked.has(k) ? (
            <mark key={k}>
              {line}
              {"\n"}
            </mark>
          ) : (
            `${line}\n`
          ),
        )}
      </pre>
      {shown.length < lines.length && (
        <button type="button" onClick={() => setAll(true)}>
          Show all {number(lines.length)} lines
        </button>
      )}
    </>
  );
}

function Rows({ model, answer }: { model: Model; answer: ProgramAnswer | undefined }): ReactNode {
  const [search, setSearch] = useState("");
  const [page, setPage] = useState(0);
  const marked = useMemo(() => new Set((answer?.iis?.rows ?? []).map((member) => member.index)), [answer]);
  const found = useMemo(() => {
    const wanted = search.trim().toLowerCase();
    const rows: number[] = [];
    for (let i = 0; i < model.rows; i += 1) if (!wanted || model.constraint(i).toLowerCase().includes(wanted)) rows.push(i);
    return rows.sort((a, b) => Number(marked.has(b)) - Number(marked.has(a)) || a - b);
  }, [model, search, marked]);
  return (
    <>
      <pre className="model" tabIndex={0} role="region" aria-label="Objective">
        {model.objective}
      </pre>
      <div className="row between">
        <input type="search" aria-label="Search constraints" placeholder="Search constraints" value={search} onChange={(event) => { setSearch(event.target.value); setPage(0); }} />
        <span className="quiet">
          {number(model.columns)} variables · {number(found.length)} constraints
        </span>
      </div>
      <div className="scroll" tabIndex={0} role="region" aria-label="Constraints">
        <table>
          <tbody>
            {found.slice(page * PAGE, (page + 1) * PAGE).map((i) => (
              <tr key={i} className={marked.has(i) ? "marked" : ""}>
                <th scope="row">{model.constraint(i)}</th>
                <td>
                  <code>{model.row(i)}</code>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {found.length > PAGE && (
        <div className="row">
          <button type="button" disabled={page === 0} onClick={() => setPage(page - 1)}>
            Back
          </button>
          <button type="button" disabled={(page + 1) * PAGE >= found.length} onClick={() => setPage(page + 1)}>
            Next
          </button>
        </div>
      )}
    </>
  );
}

/** Problems of other kinds, and files that are not text: as JSON, long values cut. */
function Raw({ value }: { value: Record<string, unknown> }): ReactNode {
  const text = JSON.stringify(
    value,
    (_, inner: unknown) => {
      if (typeof inner === "string" && inner.length > 300) return `${inner.slice(0, 300)}… (${words("letters")}: ${inner.length})`;
      if (Array.isArray(inner) && inner.length > 60) return [...inner.slice(0, 60), `… ${inner.length - 60} more`];
      return inner;
    },
    1,
  );
  return (
    <pre className="model" tabIndex={0} role="region" aria-label="Problem">
      {text}
    </pre>
  );
}
