import type { ReactNode } from "react";
import type { Certificate, ProgramAnswer } from "../../api/client";
import { number, seconds, words } from "../../lib/format";

const SIGNS: Record<string, [string, string]> = {
  passed: ["✓", "Kantor checked it"],
  failed: ["✕", "the check failed"],
  trusted: ["○", "rests on the engine's word"],
  skipped: ["–", "nothing to check"],
};

/** Each check in plain words, with what was measured and what was allowed. */
export function CertificateTab({ answer }: { answer: Pick<ProgramAnswer, "certificate" | "status" | "engine"> }): ReactNode {
  const certificate = answer.certificate;
  if (!certificate) return <p className="empty">This answer has no certificate.</p>;
  const checks = certificate.checks ?? [];
  return (
    <>
      <p className={`verdict ${level(certificate)}`}>
        <strong>{verdict(certificate)}</strong> {explain(certificate, answer.engine ?? "")}
      </p>
      <div className="scroll" tabIndex={0} role="region" aria-label="Checks">
        <table className="checks">
          <thead>
            <tr>
              <th scope="col">Check</th>
              <th scope="col">Outcome</th>
              <th scope="col">In words</th>
              <th scope="col">Measured</th>
              <th scope="col">Allowed</th>
              <th scope="col">Arithmetic</th>
            </tr>
          </thead>
          <tbody>
            {checks.map((check, k) => {
              const [sign, meaning] = SIGNS[check.outcome] ?? ["?", ""];
              return (
                <tr key={k} className={`check-${check.outcome}`}>
                  <th scope="row">{words(check.name)}</th>
                  <td title={meaning} className="nowrap">
                    <span aria-hidden="true">{sign}</span> {check.outcome}
                  </td>
                  <td>{check.text}</td>
                  <td className="number">{check.value == null ? "–" : number(check.value, 4)}</td>
                  <td className="number">{check.tolerance == null ? "–" : `≤ ${number(check.tolerance, 4)}`}</td>
                  <td>{check.arithmetic}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
      <p className="quiet">
        Checked on the problem as it was sent, with code that no engine shares, in {seconds(certificate.seconds)}.
      </p>
    </>
  );
}

export function level(certificate: Certificate): "proved" | "verified" | "bad" | "trusted" {
  if ((certificate.checks ?? []).some((check) => check.outcome === "failed")) return "bad";
  return certificate.proved ? "proved" : certificate.verified ? "verified" : "trusted";
}

export function verdict(certificate: Certificate): string {
  return {
    bad: "A check failed.",
    proved: "Proved.",
    verified: "Verified.",
    trusted: "Not checked.",
  }[level(certificate)];
}

function explain(certificate: Certificate, engine: string): string {
  const rests = (certificate.rests_on_engine ?? []).map((name) => words(name).toLowerCase()).join(", ");
  switch (level(certificate)) {
    case "bad":
      return "Do not rely on this answer as it is: see below which claim does not hold and by how much.";
    case "proved":
      return "Every claim of this answer was checked by Kantor itself; nothing rests on the engine's word.";
    case "verified":
      return `What could be checked holds. On the word of ${engine || "the engine"} rests: ${rests || "nothing"}.`;
    default:
      return "There was nothing that Kantor could check itself.";
  }
}
