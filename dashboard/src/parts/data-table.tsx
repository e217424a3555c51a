import { useDeferredValue, useMemo, useState, type ReactNode } from "react";
import { useSearchParams } from "wouter";
import { arrow, save } from "../lib/download";
import { number, plural } from "../lib/format";
import { cell, csv, json, select, type Table } from "../lib/table";
import { Failure } from "./basic";

const PAGE = 100;

/** A searchable, sortable, paged table; what is chosen is in the address under a prefix. */
export function DataTable({ table, title, several = `${title}s`, prefix, file }: { table: Table; title: string; several?: string; prefix: string; file: string }): ReactNode {
  const [search, setSearch] = useSearchParams();
  const [error, setError] = useState<Error | null>(null);
  const read = (name: string): string => search.get(`${prefix}${name}`) ?? "";
  const set = (values: Record<string, string>): void =>
    setSearch(
      (before) => {
        const after = new URLSearchParams(before);
        for (const [name, value] of Object.entries(values)) {
          if (value) after.set(`${prefix}${name}`, value);
          else after.delete(`${prefix}${name}`);
        }
        return after;
      },
      { replace: true },
    );
  const text = read("search");
  const sort = read("sort");
  const descending = read("order") === "down";
  const nonzero = read("nonzero") ? (table.fields[0]?.key ?? "") : "";
  const later = useDeferredValue(text);
  const rows = useMemo(
    () => select(table, { search: later, sort, descending, nonzero }),
    [table, later, sort, descending, nonzero],
  );
  const last = Math.max(0, Math.ceil(rows.length / PAGE) - 1);
  const page = Math.min(last, Math.max(0, Number(read("page")) || 0));
  const shown = Array.from(rows.subarray(page * PAGE, (page + 1) * PAGE));
  const order = (key: string): void =>
    set(sort !== key ? { sort: key, order: "", page: "" } : descending ? { sort: "", order: "", page: "" } : { order: "down", page: "" });
  const download = (kind: "csv" | "json" | "arrow"): void => {
    setError(null);
    if (kind === "csv") save([...csv(table, rows, title)], `${file}.csv`, "text/csv");
    else if (kind === "json") save([...json(table, rows, title)], `${file}.json`, "application/json");
    else
      arrow(table, rows, title)
        .then((bytes) => save([bytes as Uint8Array<ArrayBuffer>], `${file}.arrow`, "application/vnd.apache.arrow.file"))
        .catch((failure: unknown) => setError(failure as Error));
  };
  const heading = (key: string, name: string, help?: string): ReactNode => (
    <th scope="col" key={key} title={help} aria-sort={sort === key ? (descending ? "descending" : "ascending") : "none"} className={key === "name" ? "" : "number"}>
      <button type="button" className="plain" onClick={() => order(key)}>
        {name} <span aria-hidden="true">{sort === key ? (descending ? "↓" : "↑") : ""}</span>
      </button>
    </th>
  );
  return (
    <>
      <div className="row between">
        <span className="row">
          <label>
            <span className="hidden">Search {several}</span>
            <input
              type="search"
              placeholder={`Search ${several} by name`}
              value={text}
              onChange={(event) => set({ search: event.target.value, page: "" })}
            />
          </label>
          <label className="check">
            <input type="checkbox" checked={nonzero !== ""} onChange={(event) => set({ nonzero: event.target.checked ? "1" : "", page: "" })} />{" "}
            not zero
          </label>
        </span>
        <span className="row">
          <span className="quiet">{plural(rows.length, title, several)}</span>
          {(["csv", "json", "arrow"] as const).map((kind) => (
            <button key={kind} type="button" className="small" onClick={() => download(kind)} aria-label={`Download ${several} as ${kind}`}>
              {{ csv: "CSV", json: "JSON", arrow: "Arrow" }[kind]}
            </button>
          ))}
        </span>
      </div>
      {error && <Failure error={error} />}
      <div className="scroll" tabIndex={0} role="region" aria-label={`Table of ${several}`}>
        <table className="numbers">
          <thead>
            <tr>
              <th scope="col">No.</th>
              {heading("name", title)}
              {table.fields.map((field) => heading(field.key, field.title, field.help))}
            </tr>
          </thead>
          <tbody>
            {shown.map((k) => (
              <tr key={k}>
                <td className="quiet">{k}</td>
                <th scope="row">{table.names.at(k)}</th>
                {table.fields.map((field) => {
                  const value = cell(field, k);
                  return (
                    <td key={field.key} className={value === 0 ? "number quiet" : "number"}>
                      {typeof value === "number" ? number(value, 10) : value}
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {rows.length === 0 && <p className="empty">No {title} fits.</p>}
      {last > 0 && (
        <nav className="row" aria-label={`Pages of ${several}`}>
          <button type="button" disabled={page === 0} onClick={() => set({ page: "" })}>
            First
          </button>
          <button type="button" disabled={page === 0} onClick={() => set({ page: String(page - 1) })}>
            Back
          </button>
          <span>
            page {number(page + 1)} of {number(last + 1)}
          </span>
          <button type="button" disabled={page === last} onClick={() => set({ page: String(page + 1) })}>
            Next
          </button>
          <button type="button" disabled={page === last} onClick={() => set({ page: String(last) })}>
            Last
          </button>
        </nav>
      )}
    </>
  );
}
