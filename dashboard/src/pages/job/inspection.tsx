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
          .filter(([, value]) => value !== null && !isEmpty(value))
          .map(([name, value]) => (
            <Detail key={name} name={name} value={value} />
          ))}
      </div>
    </div>
  );
}

function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

function Detail({ name, value }: { name: string; value: unknown }): ReactNode {
  if (typeof value !== "object" || value === null)
    return (
      <div className="detail">
        <h4>{words(name)}</h4>
        <p>{plain(value)}</p>
      </div>
    );
  const entries = Object.entries(value).filter(([, inner]) => inner !== null && !isEmpty(inner));
  return (
    <div className="detail">
      <h4>{words(name)}</h4>
      <table>
        <tbody>
          {entries.slice(0, 40).map(([key, inner]) => (
            <tr key={key}>
              <th scope="row">{Array.isArray(value) ? "" : words(key)}</th>
              <td>{plain(inner)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function plain(value: unknown): string {
  if (typeof value === "number") return number(value, 6);
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (Array.isArray(value)) return value.map(plain).join(", ");
  if (typeof value === "object" && value !== null)
    return Object.entries(value)
      .filter(([, inner]) => inner !== null)
      .map(([key, inner]) => `${words(key).toLowerCase()} ${plain(inner)}`)
      .join(" · ");
  return value == null ? "–" : String(value);
}
