import { useState, type FormEvent, type ReactNode } from "react";
import { ApiError, call } from "../api/client";
import { signIn } from "../api/session";
import { Failure, usePageTitle } from "../parts/basic";

export function SignIn(): ReactNode {
  const [key, setKey] = useState("");
  const [keep, setKeep] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const [busy, setBusy] = useState(false);
  usePageTitle("Sign in");
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      const secret = key.trim();
      if (!/^[\x21-\x7e]+$/.test(secret)) throw new ApiError("unauthenticated", 401, "An API key is kt_ and 43 letters and digits.");
      await call("/v1/status", { headers: { Authorization: `Bearer ${secret}` } });
      signIn(secret, keep);
    } catch (failure) {
      setError(failure as Error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <main className="sign-in">
      <form onSubmit={(event) => void submit(event)}>
        <h1>
          <img src="/favicon.svg" alt="" width="32" height="32" /> Kantor
        </h1>
        <p>Optimization as a service: see every solve happen.</p>
        <label>
          API key
          <input
            type="password"
            autoComplete="current-password"
            spellCheck={false}
            placeholder="kt_…"
            value={key}
            required
            autoFocus
            onChange={(event) => setKey(event.target.value)}
          />
        </label>
        <label className="check">
          <input type="checkbox" checked={keep} onChange={(event) => setKeep(event.target.checked)} /> Stay signed in on this
          device
        </label>
        <button type="submit" className="primary" disabled={busy}>
          {busy ? "Signing in…" : "Sign in"}
        </button>
        {error && <Failure error={error} />}
        <p className="quiet">
          <code>kantor up</code> prints a link that signs in. On a server, an administrator makes keys with{" "}
          <code>kantor keys create NAME</code>. The key stays in this browser.
        </p>
      </form>
    </main>
  );
}
