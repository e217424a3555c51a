import { useQuery } from "@tanstack/react-query";
import { useState, type FormEvent, type ReactNode } from "react";
import { api, data, type Schemas } from "../../api/client";
import { Failure, Loading, Time } from "../../parts/basic";
import { DAY, HOUR, Secret, Span, Sure, Trouble, useAct, type Webhook } from "./common";
import { Deliveries } from "./deliveries";

type NewWebhook = Schemas["NewWebhook"];

const EVENTS = ["job.succeeded", "job.failed", "job.cancelled", "job.expired"] as const;
const OVERLAP = [
  ["ends at once", 0],
  ["signs an hour longer", HOUR],
  ["signs a day longer", DAY],
] as const;

export function WebhooksTab(): ReactNode {
  const [made, setMade] = useState<NewWebhook | null>(null);
  const hooks = useQuery({
    queryKey: ["webhooks"],
    refetchInterval: 10_000,
    queryFn: async ({ signal }) => (await data(api.GET("/v1/webhooks", { signal }))).webhooks,
  });
  return (
    <>
      {made && (
        <Secret of="The webhook's secret" secret={made.secret} done={() => setMade(null)}>
          <p>
            Its receiver checks signatures: <code>kantor.webhooks.unwrap(body, headers, secret)</code>.
          </p>
        </Secret>
      )}
      <Add made={setMade} />
      {hooks.error && <Failure error={hooks.error} retry={() => void hooks.refetch()} />}
      {hooks.isPending && <Loading />}
      {hooks.data?.length === 0 && <p className="empty">No webhook yet. One is told by a signed POST when jobs end.</p>}
      <div className="filters">
        {hooks.data?.map((hook) => <Card key={hook.id} hook={hook} made={setMade} />)}
      </div>
    </>
  );
}

function Add({ made }: { made: (hook: NewWebhook) => void }): ReactNode {
  const act = useAct("webhooks");
  const [url, setUrl] = useState("");
  const [events, setEvents] = useState<string[]>([...EVENTS]);
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    const hook = await act.send<NewWebhook>("POST", "/v1/webhooks", { url: url.trim(), events });
    if (hook) {
      setUrl("");
      made(hook);
    }
  };
  return (
    <details>
      <summary>New webhook</summary>
      <form className="options" onSubmit={(event) => void submit(event)}>
        <label className="field">
          Address
          <input type="url" value={url} required placeholder="https://example.org/hook" onChange={(event) => setUrl(event.target.value)} />
        </label>
        <div className="row" role="group" aria-label="It is told of">
          {EVENTS.map((name) => (
            <label key={name} className="check">
              <input
                type="checkbox"
                checked={events.includes(name)}
                onChange={(event) => setEvents((before) => (event.target.checked ? [...before, name] : before.filter((other) => other !== name)))}
              />{" "}
              {name}
            </label>
          ))}
        </div>
        <p>
          <button type="submit" className="primary" disabled={act.busy || events.length === 0}>
            Add the webhook
          </button>
        </p>
        <Trouble act={act} />
      </form>
    </details>
  );
}

function Card({ hook, made }: { hook: Webhook; made: (hook: NewWebhook) => void }): ReactNode {
  const act = useAct("webhooks", "deliveries");
  const end = useAct("webhooks");
  const path = `/v1/webhooks/${hook.id}`;
  const [open, setOpen] = useState(false);
  const [rotating, setRotating] = useState(false);
  const [overlap, setOverlap] = useState(String(DAY));
  const rotate = async (): Promise<void> => {
    const newer = await act.send<NewWebhook>("POST", `${path}/rotate`, { overlap: Number(overlap) });
    if (newer) {
      setRotating(false);
      made(newer);
    }
  };
  const test = async (): Promise<void> => {
    if (await act.send("POST", `${path}/test`)) setOpen(true);
  };
  const remove = (): void => {
    setOpen(false); // nobody asks for the deliveries of what is gone
    void end.send("DELETE", path);
  };
  return (
    <article className="card" aria-label={hook.url}>
      <header>
        <h3>{hook.url}</h3>
        <span className={`badge ${hook.active ? "study-active" : "study-paused"}`}>{hook.active ? "active" : "off"}</span>
      </header>
      <p className="quiet">
        {hook.events.join(", ")} · made <Time at={hook.created_at} />
      </p>
      {hook.disabled_reason && <p className="warning">Switched off: {hook.disabled_reason}</p>}
      <div className="row">
        <button type="button" className="small" disabled={act.busy} onClick={() => void test()}>
          Send a test
        </button>
        <button type="button" className="small" disabled={act.busy} onClick={() => void act.send("PATCH", path, { active: !hook.active })}>
          {hook.active ? "Switch off" : "Switch on"}
        </button>
        {rotating ? (
          <>
            <Span label="The old secret" value={overlap} change={setOverlap} spans={OVERLAP} />
            <button type="button" className="small primary" disabled={act.busy} onClick={() => void rotate()}>
              Rotate
            </button>
            <button type="button" className="small" onClick={() => setRotating(false)}>
              Keep
            </button>
          </>
        ) : (
          <button type="button" className="small" onClick={() => setRotating(true)}>
            Rotate the secret
          </button>
        )}
        <Sure title="Delete" question="Delete it with its deliveries?" does={remove} disabled={end.busy} />
      </div>
      <Trouble act={act} />
      <Trouble act={end} />
      <details open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>Deliveries</summary>
        {open && <Deliveries hook={hook.id} />}
      </details>
    </article>
  );
}
