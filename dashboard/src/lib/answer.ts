/** An answer's arrays as tables. */
import type { ProgramAnswer } from "../api/client";
import { names, numbers } from "./npz";
import type { Field, Table } from "./table";

export const BASIS = ["basic", "at lower", "at upper", "free", "fixed"] as const;

interface Kind {
  key: string;
  title: string;
  help: string;
  value: unknown;
  codes?: readonly string[];
}

async function table(kinds: readonly Kind[], given: unknown, artifact: string | null, member: string, letter: string): Promise<Table | null> {
  const fields: Field[] = [];
  for (const { value, ...kind } of kinds) {
    const values = await numbers(value);
    if (values !== null) fields.push({ ...kind, values });
  }
  const first = fields[0];
  if (first === undefined) return null;
  return { names: await names(given as string[] | null, artifact, member, letter, first.values.length), fields };
}

export async function variables(answer: ProgramAnswer): Promise<Table | null> {
  return table(
    [
      { key: "value", title: "Value", help: "of the variable in this answer", value: answer.primal },
      { key: "reduced_cost", title: "Reduced cost", help: "what the objective changes per unit of this variable", value: answer.reduced_costs },
      { key: "basis", title: "Basis", help: "where the optimal basis has it", value: answer.basis?.variables, codes: BASIS },
      { key: "cost_down", title: "Cost from", help: "how far the cost may fall before the basis changes", value: answer.ranging?.cost_down },
      { key: "cost_up", title: "Cost to", help: "how far the cost may rise before the basis changes", value: answer.ranging?.cost_up },
      { key: "ray", title: "Ray", help: "direction that improves the objective without end", value: answer.primal_ray },
    ],
    answer.variable_names,
    answer.arrays_artifact ?? null,
    "variable_names",
    "x",
  );
}

export async function constraints(answer: ProgramAnswer): Promise<Table | null> {
  return table(
    [
      { key: "activity", title: "Activity", help: "the row's value in this answer", value: answer.row_activity },
      { key: "slack", title: "Slack", help: "distance from the nearer side: 0 where active, negative where violated", value: answer.row_slacks },
      { key: "dual", title: "Dual", help: "what the optimal objective changes per unit of the active side", value: answer.row_duals },
      { key: "basis", title: "Basis", help: "where the optimal basis has it", value: answer.basis?.rows, codes: BASIS },
      { key: "row_down", title: "Side from", help: "how far the side may fall before the basis changes", value: answer.ranging?.row_down },
      { key: "row_up", title: "Side to", help: "how far the side may rise before the basis changes", value: answer.ranging?.row_up },
      { key: "ray", title: "Farkas", help: "multiplier in the proof of infeasibility", value: answer.dual_ray },
    ],
    answer.constraint_names,
    answer.arrays_artifact ?? null,
    "constraint_names",
    "c",
  );
}
