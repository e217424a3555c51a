/** The one event stream of this tab: it carries all that any page shows, reconnects, and misses no event of a watched job. */
import { createParser, type EventSourceMessage } from "eventsource-parser";
import { call, ApiError, type Job, type JobEvent, type Schemas } from "./client";

export type FeedState = "connecting" | "live" | "waiting";
type QueueDepth = Schemas["QueueDepth"];

interface Watch {
  after: number;
  listeners: Set<(events: JobEvent[]) => void>;
}

const FINAL = new Set(["succeeded", "failed", "cancelled", "expired"]);
export const isFinal = (job: Pick<Job, "state">): boolean => FINAL.has(job.state);
/** The server says something at least every 15 seconds; a connection that is silent for longer is dead. */
const SILENCE = 40_000;
const WAITS = [500, 1000, 2000, 5000, 10_000];

export class Feed {
  state: FeedState = "connecting";
  active: ReadonlyMap<string, Job> = new Map();
  queues: readonly QueueDepth[] = [];
  complete = true;
  started = false;
  private watches = new Map<string, Watch>();
  private changeListeners = new Set<() => void>();
  private jobListeners = new Set<(job: Job) => void>();
  private goneListeners = new Set<(ids: string[]) => void>();
  private controller: AbortController | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private frame: number | undefined;
  private waitingEvents = new Map<string, JobEvent[]>();
  private dirty = false;
  private failures = 0;
  private heard = 0;
  private watchdog: ReturnType<typeof setInterval> | undefined;

  subscribe = (listener: () => void): (() => void) => add(this.changeListeners, listener);
  onJob = (listener: (job: Job) => void): (() => void) => add(this.jobListeners, listener);
  /** Jobs that were unfinished before an interruption, and are not any more. */
  onGone = (listener: (ids: string[]) => void): (() => void) => add(this.goneListeners, listener);

  /** Every event of a job after a number, in order and once. */
  watch(id: string, after: number, listener: (events: JobEvent[]) => void): () => void {
    const known = this.watches.get(id);
    const fresh = known === undefined || after < known.after;
    const watch = known ?? { after, listeners: new Set() };
    watch.after = Math.min(watch.after, after);
    watch.listeners.add(listener);
    this.watches.set(id, watch);
    if (fresh) this.connectSoon(20);
    return () => {
      watch.listeners.delete(listener);
      if (watch.listeners.size === 0) this.watches.delete(id);
    };
  }

  start(): void {
    if (!this.started) {
      this.started = true;
      addEventListener("online", this.again);
      addEventListener("offline", this.lost);
      this.watchdog = setInterval(() => {
        if (this.state === "live" && Date.now() - this.heard > SILENCE) this.again();
      }, 5000);
      this.connectSoon(0);
    }
  }

  private again = (): void => this.connectSoon(0);
  private lost = (): void => {
    this.controller?.abort();
    this.set("waiting");
    this.connectSoon(WAITS[0] ?? 500);
  };

  stop(): void {
    this.started = false;
    removeEventListener("online", this.again);
    removeEventListener("offline", this.lost);
    clearInterval(this.watchdog);
    clearTimeout(this.timer);
    this.controller?.abort();
    this.active = new Map();
    this.queues = [];
    this.set("connecting");
  }

  private connectSoon(milliseconds: number): void {
    clearTimeout(this.timer);
    if (this.started) this.timer = setTimeout(() => void this.connect(), milliseconds);
  }

  private async connect(): Promise<void> {
    this.controller?.abort();
    const controller = new AbortController();
    this.controller = controller;
    const query = new URLSearchParams([...this.watches].map(([id, watch]) => ["job", `${id}:${watch.after}`]));
    try {
      const response = await call(`/v1/events?${query}`, {
        headers: { Accept: "text/event-stream" },
        signal: controller.signal,
        cache: "no-store",
      });
      this.failures = 0;
      this.heard = Date.now();
      this.set("live");
      const parser = createParser({ onEvent: (message) => this.take(message) });
      const reader = (response.body as ReadableStream<BufferSource>).pipeThrough(new TextDecoderStream()).getReader();
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        this.heard = Date.now();
        parser.feed(part.value);
      }
      if (!controller.signal.aborted) this.connectSoon(100);
    } catch (error) {
      if (controller.signal.aborted) return;
      if (error instanceof ApiError && error.code === "not-found") this.watches.clear();
      this.set("waiting");
      this.connectSoon(WAITS[Math.min(this.failures++, WAITS.length - 1)] ?? 10_000);
    }
  }

  private take(message: EventSourceMessage): void {
    const data: unknown = JSON.parse(message.data);
    if (message.event === "activity") this.takeActivity(data as Schemas["Activity"]);
    else if (message.event === "job") this.takeJob(data as Job);
    else if (message.event === "event") this.takeEvent(data as JobEvent);
    else if (message.event === "queues") this.queues = data as QueueDepth[];
    this.dirty = true;
    // Many messages may come within one frame; pages are drawn once. A hidden tab has no frames.
    if (document.hidden) this.flush();
    else this.frame ??= requestAnimationFrame(() => this.flush());
  }

  private takeActivity(now: Schemas["Activity"]): void {
    const before = this.active;
    const active = new Map(now.active.map((job) => [job.id, job]));
    const gone = now.complete ? [...before.keys()].filter((id) => !active.has(id)) : [];
    this.active = active;
    this.queues = now.queues;
    this.complete = now.complete;
    for (const job of now.active) for (const listener of this.jobListeners) listener(job);
    if (gone.length) for (const listener of this.goneListeners) listener(gone);
  }

  private takeJob(job: Job): void {
    const active = new Map(this.active);
    if (isFinal(job)) active.delete(job.id);
    else active.set(job.id, job);
    this.active = active;
    for (const listener of this.jobListeners) listener(job);
  }

  private takeEvent(event: JobEvent): void {
    const watch = this.watches.get(event.job_id);
    if (watch === undefined || event.seq <= watch.after) return;
    watch.after = event.seq;
    const waiting = this.waitingEvents.get(event.job_id);
    if (waiting) waiting.push(event);
    else this.waitingEvents.set(event.job_id, [event]);
  }

  private flush(): void {
    this.frame = undefined;
    const events = this.waitingEvents;
    this.waitingEvents = new Map();
    for (const [id, batch] of events) for (const listener of this.watches.get(id)?.listeners ?? []) listener(batch);
    if (this.dirty) {
      this.dirty = false;
      for (const listener of this.changeListeners) listener();
    }
  }

  private set(state: FeedState): void {
    this.state = state;
    for (const listener of this.changeListeners) listener();
  }
}

function add<T>(set: Set<T>, item: T): () => void {
  set.add(item);
  return () => set.delete(item);
}

export const feed = new Feed();
