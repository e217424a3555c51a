import type { ReactNode } from "react";
import type { Inspection } from "../../api/client";
import { number, words } from "../../lib/format";

/** What is in a problem: warnings first, then size, structure, numerics. */
export function InspectionView({ inspection }: { inspection: Inspection }): ReactNode {
  const warnings = inspection.warnings ?? [];
  return (
    <div className="inspection">
      <p>
        <strong>{inspection.summary}</strong>
      </p>
      {warnings.length > 0 && (
        <ul className="warning">
          {warnings.map((warning, k) => (
            <li key={k}>{warning}</li>
          ))}
        </ul>
      )}
      <div className="details">
        {Object.entries(inspection.details)
          .filter(([, value]) => !isNothing(value))
          .map(([name, value]) => (
            <Detail key={name} name={name} value={value} />
          ))}
      </div>
    </div>
  );
}

/** Zeros and empty lists are left out: what is there is what matters. */
export function isNothing(value: unknown): boolean {
  if (value === null || value === undefined || value === 0 || value === "") return true;
  return typeof value === "object" && Object.values(value).every(isNothing);
}

function Detail({ name, value }: { name: string; value: unknown }): ReactNode {
  if (Array.isArray(value) && value.every(isRecord)) return <Records name={name} rows={value} />;
  return (
    <div className="detail">
      <h4>{words(name)}</h4>
      {!isRecord(value) ? (
        <p>{plain(value)}</p>
      ) : (
        <table>
          <tbody>
            {Object.entries(value)
              .filter(([, inner]) => !isNothing(inner))
              .slice(0, 40)
              .map(([key, inner]) => (
                <tr key={key}>
                  <th scope="row">{words(key)}</th>
                  <td>{plain(inner)}</td>
                </tr>
              ))}
          </tbody>
        </table>
      )}
    </div>
  );
}

function Records({ name, rows }: { name: string; rows: readonly Record<string, unknown>[] }): ReactNode {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  return (
    <div className="detail wide-detail">
      <h4>{words(name)}</h4>
      <table>
        <thead>
          <tr>
            {columns.map((column) => (
              <th scope="col" key={column}>
                {words(column)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, 40).map((row, k) => (
            <tr key={k}>
              {columns.map((column) => (
                <td key={column}>{plain(row[column])}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function plain(value: unknown): string {
  if (typeof value === "number") return number(value, 6);
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (Array.isArray(value))
    return value.length === 2 && value.every((item) => typeof item === "number")
      ? `${number(value[0], 6)} to ${number(value[1], 6)}`
      : value.map(plain).join(", ");
  if (isRecord(value))
    return Object.entries(value)
      .filter(([key, inner]) => inner !== null && key !== "histogram")
      .map(([key, inner]) => `${words(key).toLowerCase()} ${plain(inner)}`)
      .join(" · ");
  return value == null ? "–" : String(value);
}
