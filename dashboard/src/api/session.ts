/** The API key of this browser: for the tab only, or kept until signing out. */
const NAME = "kantor.key";

function read(storage: () => Storage): string | null {
  try {
    return storage().getItem(NAME);
  } catch {
    return null;
  }
}

let key: string | null = null;
const listeners = new Set<() => void>();

export function currentKey(): string | null {
  return key;
}

export function isKept(): boolean {
  return read(() => localStorage) !== null;
}

export function onSession(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function signIn(secret: string, keep: boolean): void {
  key = secret;
  try {
    (keep ? localStorage : sessionStorage).setItem(NAME, secret);
    (keep ? sessionStorage : localStorage).removeItem(NAME);
  } catch {
    // without storage it lasts until the page is closed
  }
  for (const listener of listeners) listener();
}

export function signOut(): void {
  key = null;
  try {
    sessionStorage.removeItem(NAME);
    localStorage.removeItem(NAME);
  } catch {
    // nothing was stored
  }
  for (const listener of listeners) listener();
}

/** Takes a key out of the address (#key=kt_...), where no server and no log sees it; else the stored one. */
export function restore(): void {
  const given = /^#key=(kt_[A-Za-z0-9]+)$/.exec(location.hash);
  if (given?.[1]) {
    history.replaceState(null, "", location.pathname + location.search);
    signIn(given[1], false);
    return;
  }
  key = read(() => sessionStorage) ?? read(() => localStorage);
}
