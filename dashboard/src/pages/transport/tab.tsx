import { useQuery } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import type { Job } from "../../api/client";
import { useProblem } from "../../api/hooks";
import { picture } from "../../lib/transport";
import { Failure, Loading } from "../../parts/basic";
import { ColourMap } from "./colours";
import { CouplingCanvas } from "./coupling";
import { HeatMap } from "./heat";

/** The plan over its points, between them, and entry by entry. */
export default function TransportTab({ job, answer }: { job: Job; answer: Record<string, unknown> }): ReactNode {
  const problem = useProblem(job.id);
  const found = useQuery({
    queryKey: ["picture", job.id],
    enabled: problem.data !== undefined,
    staleTime: Infinity,
    gcTime: 60_000,
    queryFn: () => picture(problem.data?.problem ?? {}, answer),
  });
  const [log, setLog] = useState(true);
  const failed = problem.error ?? found.error;
  if (failed) return <Failure error={failed} />;
  if (!found.data) return <Loading lines={10} />;
  const { plan, x, y, images, why } = found.data;
  if (!plan) return <p className="empty tall">{why}</p>;
  return (
    <>
      {x && y && x.dimension === 3 && job.labels?.picture === "colours" && <ColourMap plan={plan} x={x} y={y} />}
      {x && y && <CouplingCanvas plan={plan} x={x} y={y} images={images} />}
      <label className="check">
        <input type="checkbox" checked={log} onChange={(event) => setLog(event.target.checked)} /> logarithmic colours
      </label>
      <HeatMap plan={plan} logarithmic={log} />
    </>
  );
}
