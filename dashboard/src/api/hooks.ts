import { keepPreviousData, QueryClient, useQuery, type UseQueryResult } from "@tanstack/react-query";
import { useEffect, useRef, useState, useSyncExternalStore } from "react";
import { api, ApiError, call, data, type Engine, type Job, type JobEvent, type Schemas, type Worker } from "./client";
import { feed, isFinal, type FeedState } from "./feed";

export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 30_000,
      retry: (count, error) =>
        count < 3 && (!(error instanceof ApiError) || error.status >= 500 || error.code === "offline"),
      refetchOnWindowFocus: false,
    },
  },
});

/** The newer of two states of a job: replies and the stream may overtake each other. */
export function newer(known: Job | undefined, job: Job): Job {
  return known !== undefined && (known.last_seq ?? 0) > (job.last_seq ?? 0) ? known : job;
}

export function remember(job: Job): void {
  queries.setQueryData<Job>(["job", job.id], (known) => newer(known, job));
}

feed.onJob((job) => {
  remember(job);
  queries.setQueriesData<Schemas["JobPage"]>({ queryKey: ["jobs"] }, (page) =>
    page?.jobs.some((known) => known.id === job.id)
      ? { ...page, jobs: page.jobs.map((known) => (known.id === job.id ? job : known)) }
      : page,
  );
});
feed.onGone((ids) => {
  for (const id of ids) void queries.invalidateQueries({ queryKey: ["job", id] });
  void queries.invalidateQueries({ queryKey: ["jobs"] });
});

export function useFeedState(): FeedState {
  return useSyncExternalStore(feed.subscribe, () => feed.state);
}

export function useActive(): ReadonlyMap<string, Job> {
  return useSyncExternalStore(feed.subscribe, () => feed.active);
}

export function useQueues(): readonly Schemas["QueueDepth"][] {
  return useSyncExternalStore(feed.subscribe, () => feed.queues);
}

/** Jobs that Kantor asks of itself: suggestions of studies, refinements of schedules. */
export const ITS_OWN: string[] = ["study", "schedule"];

export interface JobQuery {
  state?: Schemas["Job"]["state"][];
  kind?: string;
  without_kind?: string[];
  engine?: string;
  name?: string;
  name_begins?: string;
  label?: string[];
  created_after?: string;
  created_before?: string;
  page_size?: number;
  page_token?: string;
}

export function useJobs(query: JobQuery, refresh?: number): UseQueryResult<Schemas["JobPage"], Error> {
  return useQuery({
    queryKey: ["jobs", query],
    queryFn: ({ signal }) => data(api.GET("/v1/jobs", { params: { query }, signal })),
    placeholderData: keepPreviousData,
    refetchInterval: refresh ?? false,
  });
}

export function useJob(id: string): UseQueryResult<Job, Error> {
  return useQuery<Job, Error>({
    queryKey: ["job", id],
    enabled: id !== "",
    // the stream tells of changes; should one be lost, it is seen here
    refetchInterval: (query) => (query.state.data && isFinal(query.state.data) ? false : 10_000),
    queryFn: async ({ signal }) => {
      const job = await data(api.GET("/v1/jobs/{job_id}", { params: { path: { job_id: id } }, signal }));
      // openapi-fetch writes the same type in another way, which the compiler does not see through
      return newer(queries.getQueryData<Job>(["job", id]), job as unknown as Job);
    },
  });
}

export function useAnswer(job: Job | undefined): UseQueryResult<Schemas["ProgramAnswer"], Error> {
  const id = job?.id ?? "";
  return useQuery({
    queryKey: ["answer", id],
    enabled: job !== undefined && isFinal(job) && job.summary != null && job.task === "solve",
    staleTime: Infinity,
    queryFn: async ({ signal }) =>
      (await (await call(`/v1/jobs/${id}/answer`, { signal })).json()) as Schemas["ProgramAnswer"],
  });
}

export interface Submitted {
  problem: Record<string, unknown>;
  options: Record<string, unknown>;
}

export function useProblem(id: string | null): UseQueryResult<Submitted, Error> {
  return useQuery({
    queryKey: ["problem", id],
    enabled: id !== null,
    staleTime: Infinity,
    queryFn: async ({ signal }) => (await (await call(`/v1/jobs/${id}/problem`, { signal })).json()) as Submitted,
  });
}

export function useEngines(): UseQueryResult<Engine[], Error> {
  return useQuery({
    queryKey: ["engines"],
    queryFn: async ({ signal }) => (await data(api.GET("/v1/engines", { signal }))).engines,
  });
}

export function useWorkers(): UseQueryResult<Worker[], Error> {
  return useQuery({
    queryKey: ["workers"],
    refetchInterval: 5000,
    queryFn: async ({ signal }) => (await data(api.GET("/v1/workers", { signal }))).workers,
  });
}

export function useStatus(): UseQueryResult<Schemas["ServiceStatus"], Error> {
  return useQuery({
    queryKey: ["status"],
    queryFn: ({ signal }) => data(api.GET("/v1/status", { signal })),
    refetchInterval: 30_000,
  });
}

export const THINNED = 1500;

export interface History {
  events: JobEvent[];
  /** False while the past is thinned by the server. */
  whole: boolean;
  loading: boolean;
  error: Error | null;
  loadAll: () => void;
}

/** What happened to a job: the past (thinned by the server, whole on demand), then live. */
export function useHistory(id: string | null): History {
  const [events, setEvents] = useState<JobEvent[]>([]);
  const [state, setState] = useState<{ loading: boolean; error: Error | null }>({ loading: true, error: null });
  const [whole, setWhole] = useState(false);
  const [all, setAll] = useState(false);
  const last = useRef(0);
  useEffect(() => {
    setAll(false);
  }, [id]);
  useEffect(() => {
    if (id === null) return;
    const controller = new AbortController();
    let leave = (): void => undefined;
    const load = async (): Promise<void> => {
      setState({ loading: true, error: null });
      try {
        const found: JobEvent[] = [];
        let page: Schemas["EventPage"];
        let after = 0;
        do {
          const query = all ? `after=${after}&limit=10000` : `max=${THINNED}`;
          page = (await (await call(`/v1/jobs/${id}/events?${query}`, { signal: controller.signal })).json()) as typeof page;
          found.push(...page.events);
          after = page.next_after;
        } while (all && page.events.length === 10_000);
        setEvents(found);
        last.current = after;
        setWhole(all || found.filter((event) => event.type === "progress").length < THINNED);
        setState({ loading: false, error: null });
        if (!page.finished)
          leave = feed.watch(id, after, (batch) => setEvents((before) => before.concat(batch)));
      } catch (error) {
        if (!controller.signal.aborted) setState({ loading: false, error: error as Error });
      }
    };
    void load();
    return () => {
      controller.abort();
      leave();
    };
  }, [id, all]);
  return { events, whole, ...state, loadAll: () => setAll(true) };
}
