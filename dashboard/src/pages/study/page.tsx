import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useMemo, useState, type ReactNode } from "react";
import { useSearchParams } from "wouter";
import { api, call, data, type Schemas } from "../../api/client";
import { queries } from "../../api/hooks";
import { short, words } from "../../lib/format";
import { counts, value, type Study, type Trial } from "../../lib/study";
import { Copy, Failure, Figure, Loading, Tabs, Time, usePageTitle, type Tab } from "../../parts/basic";
import { Ask } from "./ask";
import { CalibrationTab } from "./advice";
import { Front } from "./front";
import { History } from "./history";
import { Importance } from "./importance";
import { Intermediate } from "./intermediate";
import { Parallel } from "./parallel";
import { Rank } from "./rank";
import { Slices } from "./slices";
import { Surface } from "./surface";
import type { Properties } from "./common";
import { Trials } from "./trials";

export default function StudyPage({ id }: { id: string }): ReactNode {
  const study = useQuery({
    queryKey: ["study", id],
    refetchInterval: 2000,
    queryFn: ({ signal }) => data(api.GET("/v1/studies/{study_id}", { params: { path: { study_id: id } }, signal })),
  });
  usePageTitle(study.data?.name ?? id);
  if (study.error) return <Failure error={study.error} retry={() => void study.refetch()} />;
  if (!study.data) return <Loading lines={8} />;
  return <Page study={study.data} />;
}

/** Read again when the study says that something has changed. */
function useTrials(study: Study): { trials: readonly Trial[]; error: Error | null; pending: boolean } {
  const stamp = `${study.watermark} ${JSON.stringify(study.trials)}`;
  const found = useQuery({
    queryKey: ["trials", study.id, stamp],
    staleTime: Infinity,
    gcTime: 10_000,
    placeholderData: keepPreviousData,
    queryFn: async ({ signal }) => {
      const trials: Trial[] = [];
      let after: number | null | undefined = 0;
      while (after != null) {
        const page: Schemas["TrialPage"] = await data(
          api.GET("/v1/studies/{study_id}/trials", { params: { path: { study_id: study.id }, query: { after, limit: 1000 } }, signal }),
        );
        trials.push(...page.trials);
        after = page.next_after;
      }
      return trials;
    },
  });
  return { trials: found.data ?? [], error: found.error, pending: found.isPending };
}

function Page({ study }: { study: Study }): ReactNode {
  const { trials, error, pending } = useTrials(study);
  const [search, setSearch] = useSearchParams();
  const objectives = Object.keys(study.objectives);
  const preference = (study as { preference?: boolean }).preference === true;
  const tab = (id: string, title: string, Content: (properties: Properties) => ReactNode): Tab => ({ id, title, content: () => <Content study={study} trials={trials} /> });
  const tabs: Tab[] = preference
    ? [tab("rank", "Rank", Rank), tab("trials", "Trials", Trials)]
    : [
        tab("history", "History", History),
        ...(objectives.length > 1 ? [tab("front", "Front", Front)] : []),
        tab("parallel", "Parallel", Parallel),
        tab("slices", "Slices", Slices),
        ...(Object.keys(study.space).length > 1 ? [tab("surface", "Contours", Surface)] : []),
        tab("importance", "Importance", Importance),
        tab("curves", "Intermediate", Intermediate),
        tab("model", "Model", CalibrationTab),
        tab("trials", "Trials", Trials),
        tab("ask", "By hand", Ask),
      ];
  return (
    <>
      <Head study={study} trials={trials} />
      {study.problem && <p className="warning">The last suggestion could not be made: {study.problem} Quasi-random points are handed out meanwhile.</p>}
      {error && <Failure error={error} />}
      {pending ? (
        <Loading lines={8} />
      ) : (
        <Tabs
          label="Of this study"
          tabs={tabs}
          chosen={search.get("tab") ?? ""}
          choose={(tab) => setSearch({ tab }, { replace: true })}
        />
      )}
    </>
  );
}

const CHANGES: Record<string, readonly ["pause" | "resume" | "archive", string][]> = {
  active: [["pause", "Pause"]],
  paused: [
    ["resume", "Resume"],
    ["archive", "Archive"],
  ],
  archived: [["resume", "Take out of the archive"]],
};

function Head({ study, trials }: { study: Study; trials: readonly Trial[] }): ReactNode {
  const [error, setError] = useState<Error | null>(null);
  const change = (what: string): void => {
    setError(null);
    call(`/v1/studies/${study.id}/${what}`, { method: "POST" })
      .then(async (reply) => queries.setQueryData(["study", study.id], await reply.json()))
      .catch((failure: unknown) => setError(failure as Error));
  };
  const best = useMemo(() => Object.entries(study.objectives).map(([metric, goal]) => [metric, goal, extreme(trials, metric, goal)] as const), [trials, study.objectives]);
  const done = study.trials;
  return (
    <header className="job-head">
      <div className="row between">
        <h1>
          {study.name} <span className={`badge study-${study.state}`}>{study.state}</span>
        </h1>
        <div className="row">
          {(CHANGES[study.state] ?? []).map(([what, title]) => (
            <button key={what} type="button" onClick={() => change(what)}>
              {title}
            </button>
          ))}
        </div>
      </div>
      {error && <Failure error={error} />}
      <p className="quiet">
        <code>{study.id}</code> <Copy text={study.id} label="Copy id" /> · engine {study.engine} · seed {study.seed}
      </p>
      <dl className="figures">
        {best.map(([metric, goal, found]) => (
          <Figure key={metric} name={`Best ${metric} (${goal})`}>
            {short(found)}
          </Figure>
        ))}
        <Figure name="Completed">
          {done?.completed ?? 0}
          {study.budget != null && <small> of {study.budget}</small>}
        </Figure>
        <Figure name="Running">{done?.running ?? 0}</Figure>
        <Figure name="Waiting">{done?.waiting ?? 0}</Figure>
        {(["failed", "infeasible", "stopped"] as const).map(
          (state) =>
            (done?.[state] ?? 0) > 0 && (
              <Figure key={state} name={words(state)}>
                {done?.[state]}
              </Figure>
            ),
        )}
        <Figure name="Changed">
          <Time at={study.updated_at} />
        </Figure>
      </dl>
    </header>
  );
}

function extreme(trials: readonly Trial[], metric: string, goal: "min" | "max"): number {
  const values = trials.filter(counts).map((trial) => value(trial, metric)).filter(Number.isFinite);
  return values.length ? values.reduce((a, b) => (goal === "min" ? Math.min(a, b) : Math.max(a, b))) : NaN;
}
