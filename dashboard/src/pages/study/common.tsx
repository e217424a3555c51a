import { useQuery, type UseQueryResult } from "@tanstack/react-query";
import { Suspense, type ReactNode } from "react";
import { ApiError, call } from "../../api/client";
import type { Study, Trial } from "../../lib/study";
import { Loading } from "../../parts/basic";
import type { Palette } from "../../parts/echart";

export interface Properties {
  study: Study;
  trials: readonly Trial[];
}

export interface Parameter {
  type?: string;
  low?: number;
  high?: number;
  log?: boolean;
  choices?: unknown[];
}

export function parameterOf(study: Study, name: string): Parameter | undefined {
  return study.space[name] as Parameter | undefined;
}

export function Later({ children }: { children: ReactNode }): ReactNode {
  return <Suspense fallback={<Loading lines={8} />}>{children}</Suspense>;
}

export function Choice({ label, options, chosen, choose }: { label: string; options: readonly string[]; chosen: string; choose: (name: string) => void }): ReactNode {
  if (options.length < 2) return null;
  return (
    <label>
      {label}
      <select value={chosen} onChange={(event) => choose(event.target.value)}>
        {options.map((name) => (
          <option key={name}>{name}</option>
        ))}
      </select>
    </label>
  );
}

/** An axis of ECharts in the page's colours. */
export function axis(palette: Palette, name: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    name,
    nameLocation: "middle",
    nameGap: 30,
    scale: true,
    axisLine: { lineStyle: { color: palette.quiet } },
    axisLabel: { color: palette.quiet },
    nameTextStyle: { color: palette.quiet },
    splitLine: { lineStyle: { color: palette.line } },
    ...more,
  };
}

export const GRID = { left: 80, right: 24, top: 24, bottom: 56 };

export interface Marginal {
  parameter: string;
  objective: string;
  values: (number | string | boolean)[];
  mean: number[];
  std: number[];
}

export interface Contour {
  parameters: [string, string];
  objective: string;
  values: [(number | string | boolean)[], (number | string | boolean)[]];
  mean: number[][];
  std: number[][];
}

export interface Calibration {
  trials: number[];
  observed: number[];
  mean: number[];
  std: number[];
  coverage: Record<string, number>;
  r2: number;
  rank_correlation: number;
}

export interface Utility {
  trial: number;
  mean: number;
  std: number;
  best: number;
}

/** What a worker finds out about a study: the part that was asked for. */
export interface Analysis {
  importance?: Record<string, Record<string, number>> | null;
  main_effects?: Record<string, Record<string, number>> | null;
  marginals?: Marginal[] | null;
  contour?: Contour | null;
  calibration?: Record<string, Calibration> | null;
  progress?: { trials: number[]; best: (number | null)[]; hypervolume: number[]; reference?: number[] | null } | null;
  stopping?: { expected_gain: number; regret_bound: number; confidence: number; spread: number; stop: boolean; text: string } | null;
  utilities?: Utility[] | null;
  message?: string;
}

/** Results below which the server analyses nothing. */
export const ENOUGH = 5;

/** Made by a worker of what the study knows now; the last one stays in view until the next is there. */
export function useAnalysis(study: Study, path: string, enabled = true): UseQueryResult<Analysis, Error> {
  return useQuery({
    queryKey: ["analysis", study.id, path, study.watermark],
    enabled,
    staleTime: Infinity,
    gcTime: 60_000,
    retry: false,
    placeholderData: (before, query) => (query?.queryKey[2] === path ? before : undefined),
    queryFn: async ({ signal }) => {
      for (let tries = 0; tries < 10; tries += 1) {
        const reply = await call(`/v1/studies/${study.id}/${path}${path.includes("?") ? "&" : "?"}wait=30`, { signal }).catch((failure: unknown) => {
          // too few results are no failure: the page says how many are needed
          if (failure instanceof ApiError && failure.code === "not-finished") return failure.message;
          throw failure;
        });
        if (typeof reply === "string") return { message: reply };
        if (reply.status !== 202) return (await reply.json()) as Analysis;
      }
      throw new Error("A worker is still at it; try again in a while.");
    },
  });
}
