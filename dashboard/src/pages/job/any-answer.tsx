import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useSearchParams } from "wouter";
import type { Job } from "../../api/client";
import { save } from "../../lib/download";
import { number, words } from "../../lib/format";
import { shaped } from "../../lib/npz";
import type { Table } from "../../lib/table";
import { Failure, Loading, Tabs, type Tab } from "../../parts/basic";
import { DataTable } from "../../parts/data-table";

const APART = new Set(["certificate", "statistics", "kind", "message", "why", "arrays_artifact", "engine", "engine_version", "batch"]);

/** An answer of any family: its numbers, and its arrays as tables, those of one length together. */
export function AnyAnswer({ job, answer }: { job: Job; answer: Record<string, unknown> }): ReactNode {
  const [search, setSearch] = useSearchParams();
  const tables = useQuery({ queryKey: ["arrays", job.id], staleTime: Infinity, gcTime: 60_000, queryFn: () => arrays(answer) });
  const scalars = Object.entries(answer).filter(([name, value]) => !APART.has(name) && value !== null && value !== "" && typeof value !== "object");
  const statistics = Object.entries((answer.statistics ?? {}) as Record<string, unknown>);
  const tabs: Tab[] = (tables.data ?? []).map(([title, table]) => ({
    id: title,
    title,
    content: () => <DataTable table={table} title="entry" several="entries" prefix="a." file={`${job.id}-${title}`} />,
  }));
  return (
    <>
      <p>
        {String(answer.message ?? "")} <span className="quiet">{String(answer.why ?? "")}</span>{" "}
        <button type="button" className="small" onClick={() => save([JSON.stringify(answer, null, 1)], `${job.id}-answer.json`, "application/json")}>
          Whole answer (JSON)
        </button>
      </p>
      <div className="columns">
        {[scalars, statistics].map(
          (entries, k) =>
            entries.length > 0 && (
              <table key={k} className="numbers">
                <tbody>
                  {entries.map(([name, value]) => (
                    <tr key={name}>
                      <th scope="row">{words(name)}</th>
                      <td className="number">{typeof value === "object" ? JSON.stringify(value) : typeof value === "boolean" || Number.isNaN(Number(value)) ? String(value) : number(value)}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            ),
        )}
      </div>
      {tables.error && <Failure error={tables.error} />}
      {tables.isPending && <Loading />}
      {tabs.length > 0 && (
        <Tabs
          label="Arrays of the answer"
          tabs={tabs}
          chosen={search.get("part") ?? ""}
          choose={(part) =>
            setSearch((before) => {
              const after = new URLSearchParams(before);
              after.set("part", part);
              return after;
            }, { replace: true })
          }
        />
      )}
    </>
  );
}

/** Every array in the answer, by name; matrices row by row with their places as names. */
async function arrays(answer: Record<string, unknown>): Promise<[string, Table][]> {
  const found = new Map<string, { shape: number[]; fields: [string, Float64Array][] }>();
  const take = async (name: string, value: unknown): Promise<void> => {
    if (value === null || typeof value !== "object") return;
    const isArray = Array.isArray(value) ? value.every((item) => typeof item === "number" || isRow(item) || item === "NaN" || item === "Infinity" || item === "-Infinity") && value.length > 0 : "artifact" in value || "base64" in value;
    if (isArray) {
      const { data, shape } = (await shaped(value)) ?? { data: new Float64Array(), shape: [0] };
      const key = shape.join(" × ");
      const group = found.get(key) ?? { shape, fields: [] };
      group.fields.push([name, data]);
      found.set(key, group);
    } else if (!Array.isArray(value)) {
      for (const [inner, part] of Object.entries(value)) await take(name ? `${name} ${inner}` : inner, part);
    }
  };
  for (const [name, value] of Object.entries(answer)) if (!APART.has(name)) await take(name, value);
  return [...found].map(([key, { shape, fields }]) => [
    `${fields.map(([name]) => name).join(", ")} (${key})`,
    {
      names: { length: fields[0]?.[1].length ?? 0, at: (k) => place(k, shape) },
      fields: fields.map(([name, values]) => ({ key: name.replaceAll(" ", "_"), title: name, values })),
    },
  ]);
}

function isRow(item: unknown): boolean {
  return Array.isArray(item) && item.every((one) => typeof one === "number" || Array.isArray(one));
}

export function place(index: number, shape: readonly number[]): string {
  const parts: number[] = [];
  for (let d = shape.length - 1; d >= 0; d -= 1) {
    const size = shape[d] || 1;
    parts.unshift(index % size);
    index = Math.floor(index / size);
  }
  return `[${parts.join(", ")}]`;
}
