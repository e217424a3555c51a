import { Component, lazy, Suspense, useEffect, useRef, useState, useSyncExternalStore, type ReactNode } from "react";
import { Link, Route, Switch, useLocation } from "wouter";
import { feed } from "./api/feed";
import { queries, useFeedState, useStatus } from "./api/hooks";
import { currentKey, onSession, signOut } from "./api/session";
import { Home } from "./pages/home";
import { SignIn } from "./pages/sign-in";
import { Failure, Loading } from "./parts/basic";

const JobPage = lazy(() => import("./pages/job/page"));
const JobsPage = lazy(() => import("./pages/jobs"));
const SubmitPage = lazy(() => import("./pages/submit/page"));
const EnginesPage = lazy(() => import("./pages/engines"));
const StudiesPage = lazy(() => import("./pages/study/list"));
const StudyPage = lazy(() => import("./pages/study/page"));
const SchedulesPage = lazy(() => import("./pages/schedule/list"));
const SchedulePage = lazy(() => import("./pages/schedule/page"));
const SettingsPage = lazy(() => import("./pages/settings/page"));
const ComparePage = lazy(() => import("./pages/compare"));

const PLACES = [
  { path: "/", title: "Home", key: "h" },
  { path: "/jobs", title: "Jobs", key: "j" },
  { path: "/studies", title: "Studies", key: "t" },
  { path: "/schedules", title: "Schedules", key: "c" },
  { path: "/submit", title: "Submit", key: "s" },
  { path: "/engines", title: "Engines", key: "e" },
] as const;

export function App(): ReactNode {
  const key = useSyncExternalStore(onSession, currentKey);
  useEffect(() => {
    if (key === null) return;
    feed.start();
    return () => {
      feed.stop();
      queries.clear();
    };
  }, [key]);
  if (key === null) return <SignIn />;
  return <Frame />;
}

function Frame(): ReactNode {
  const [location] = useLocation();
  const main = useRef<HTMLElement>(null);
  useKeys();
  const first = useRef(true);
  useEffect(() => {
    if (first.current) first.current = false;
    else main.current?.focus();
  }, [location]);
  return (
    <>
      <a className="skip" href="#main">
        Skip to content
      </a>
      <header className="top">
        <Link href="/" className="brand" aria-label="Kantor, home">
          <img src="/favicon.svg" alt="" width="24" height="24" /> <span>Kantor</span>
        </Link>
        <nav aria-label="Pages">
          {PLACES.map((place) => (
            <Link
              key={place.path}
              href={place.path}
              aria-current={isAt(location, place.path) ? "page" : undefined}
              title={`g ${place.key}`}
            >
              {place.title}
            </Link>
          ))}
        </nav>
        <span className="grow" />
        <Connection />
        <Menu />
      </header>
      <main id="main" ref={main} tabIndex={-1}>
        <Guard key={location}>
          <Suspense fallback={<Loading lines={6} />}>
            <Switch>
              <Route path="/" component={Home} />
              <Route path="/jobs" component={JobsPage} />
              <Route path="/jobs/:id">{({ id }) => <JobPage key={id} id={id} />}</Route>
              <Route path="/studies" component={StudiesPage} />
              <Route path="/studies/:id">{({ id }) => <StudyPage key={id} id={id} />}</Route>
              <Route path="/schedules" component={SchedulesPage} />
              <Route path="/schedules/:id">{({ id }) => <SchedulePage key={id} id={id} />}</Route>
              <Route path="/submit" component={SubmitPage} />
              <Route path="/engines" component={EnginesPage} />
              <Route path="/settings" component={SettingsPage} />
              <Route path="/compare" component={ComparePage} />
              <Route>
                <h1>No such page</h1>
                <p>
                  Nothing is at <code>{location}</code>. <Link href="/">Home</Link> · <Link href="/jobs">Jobs</Link>
                </p>
              </Route>
            </Switch>
          </Suspense>
        </Guard>
      </main>
    </>
  );
}

function isAt(location: string, path: string): boolean {
  return path === "/" ? location === "/" : location.startsWith(path);
}

function Connection(): ReactNode {
  const state = useFeedState();
  const status = useStatus();
  const text = { live: "live", connecting: "connecting", waiting: "not connected: trying again" }[state];
  return (
    <span className={`connection ${state}`} role="status" title={`Event stream: ${text}`}>
      <span className="dot" aria-hidden="true" />
      <span className="project">{status.data?.project ?? ""}</span> <span className="wide">{text}</span>
    </span>
  );
}

const THEMES = ["system", "light", "dark"] as const;

function Menu(): ReactNode {
  const [theme, setTheme] = useState(() => document.documentElement.dataset.theme ?? "system");
  const change = (): void => {
    const next = THEMES[(THEMES.indexOf(theme as (typeof THEMES)[number]) + 1) % THEMES.length] ?? "system";
    setTheme(next);
    try {
      if (next === "system") localStorage.removeItem("kantor.theme");
      else localStorage.setItem("kantor.theme", next);
    } catch {
      // lasts until the page is closed
    }
    if (next === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = next;
  };
  return (
    <>
      <button type="button" className="small" onClick={change} aria-label={`Theme: ${theme}`} title={`Theme: ${theme}`}>
        {{ system: "◐", light: "☀", dark: "☾" }[theme]}
      </button>
      <Link href="/settings" className="button small" aria-label="Settings" title="Settings (g ,)">
        ⚙
      </Link>
      <a className="button small wide" href="/docs">
        API
      </a>
      <button type="button" className="small" onClick={signOut}>
        Sign out
      </button>
    </>
  );
}

/** "g" and a letter go to a page, "/" to the search of the page. */
function useKeys(): void {
  const [, navigate] = useLocation();
  useEffect(() => {
    let before = "";
    const listen = (event: KeyboardEvent): void => {
      const target = event.target as HTMLElement;
      if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName)) return;
      const place = PLACES.find((candidate) => candidate.key === event.key);
      if (before === "g" && place) navigate(place.path);
      else if (before === "g" && event.key === ",") navigate("/settings");
      else if (event.key === "/") {
        const search = document.querySelector<HTMLInputElement>("input[type=search]");
        if (search) {
          event.preventDefault();
          search.focus();
        }
      }
      before = event.key;
    };
    addEventListener("keydown", listen);
    return () => removeEventListener("keydown", listen);
  }, [navigate]);
}

/** A page that breaks leaves the others usable. */
class Guard extends Component<{ children: ReactNode }, { error: Error | null }> {
  override state: { error: Error | null } = { error: null };
  static getDerivedStateFromError(error: Error): { error: Error } {
    return { error };
  }
  override render(): ReactNode {
    if (this.state.error === null) return this.props.children;
    return (
      <>
        <h1>This page broke</h1>
        <Failure error={this.state.error} retry={() => this.setState({ error: null })} />
        <p>Jobs are not touched by this. Reloading the page helps if Kantor was just upgraded.</p>
      </>
    );
  }
}
