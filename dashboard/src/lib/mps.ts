/** A model file as the numbers of a program, to show its rows as algebra: free MPS, and fixed MPS whose names have no spaces. */

type Numbers = Record<string, unknown>;

const SECTION = /^(NAME|OBJSENSE|OBJSENSEMAX|ROWS|COLUMNS|RHS|RANGES|BOUNDS|ENDATA)\b/;

/** null if it is something else, or has more than rows, columns and bounds. */
export function fromMps(text: string): Numbers | null {
  if (!/^ROWS\s*$/m.test(text.slice(0, 20_000))) return null;
  const rows = new Map<string, number>();
  const columns = new Map<string, number>();
  const [types, constraints, variables]: [string[], string[], string[]] = [[], [], []];
  const [data, row, col]: [number[], number[], number[]] = [[], [], []];
  const [cost, lower, upper, integrality]: [number[], number[], number[], number[]] = [[], [], [], []];
  const sides: number[] = [];
  const ranges = new Map<number, number>();
  let [section, sense, objective, integer] = ["", "min", "", false];
  for (const line of text.split(/\r?\n/)) {
    if (line === "" || line.startsWith("*")) continue;
    if (!/^\s/.test(line)) {
      const found = SECTION.exec(line)?.[1];
      if (found === undefined) return null;
      section = found;
      if (section === "OBJSENSE" && /MAX/i.test(line)) sense = "max";
      if (section === "ENDATA") break;
      continue;
    }
    const words = line.trim().split(/\s+/);
    if (section === "OBJSENSE") sense = /MAX/i.test(line) ? "max" : "min";
    else if (section === "ROWS") {
      const [type = "", name = ""] = words;
      if (type.toUpperCase() === "N") objective ||= name;
      else {
        rows.set(name, constraints.length);
        constraints.push(name);
        types.push(type.toUpperCase());
        sides.push(0);
      }
    } else if (section === "COLUMNS") {
      if (words.includes("'MARKER'")) {
        integer = words.includes("'INTORG'");
        continue;
      }
      const name = words[0] ?? "";
      let j = columns.get(name);
      if (j === undefined) {
        j = variables.length;
        columns.set(name, j);
        variables.push(name);
        cost.push(0);
        lower.push(0);
        upper.push(Infinity);
        integrality.push(integer ? 1 : 0);
      }
      for (let k = 1; k + 1 < words.length; k += 2) {
        const i = rows.get(words[k] ?? "");
        const value = Number(words[k + 1]);
        if (words[k] === objective) cost[j] = value;
        else if (i !== undefined) {
          data.push(value);
          row.push(i);
          col.push(j);
        }
      }
    } else if (section === "RHS" || section === "RANGES") {
      for (let k = words.length % 2; k + 1 < words.length; k += 2) {
        const i = rows.get(words[k] ?? "");
        if (i === undefined) continue;
        if (section === "RHS") sides[i] = Number(words[k + 1]);
        else ranges.set(i, Number(words[k + 1]));
      }
    } else if (section === "BOUNDS") {
      const type = (words[0] ?? "").toUpperCase();
      const bare = ["FR", "MI", "PL", "BV"].includes(type);
      // the name of the set of bounds may be left out
      const name = words.length >= (bare ? 3 : 4) ? words[2] : words[1];
      const j = columns.get(name ?? "");
      if (j === undefined) continue;
      const value = Number(words.at(-1));
      if (["LO", "LI", "FX"].includes(type)) lower[j] = value;
      if (["UP", "UI", "FX"].includes(type)) upper[j] = value;
      if (type === "UP" && value < 0 && lower[j] === 0) lower[j] = -Infinity;
      if (type === "FR" || type === "MI") lower[j] = -Infinity;
      if (type === "BV") [lower[j], upper[j], integrality[j]] = [0, 1, 1];
      if (type === "LI" || type === "UI") integrality[j] = 1;
    }
  }
  const [low, high]: [number[], number[]] = [[], []];
  types.forEach((type, i) => {
    const side = sides[i] ?? 0;
    const range = ranges.get(i);
    low.push(type === "L" ? (range === undefined ? -Infinity : side - Math.abs(range)) : type === "E" && range !== undefined && range < 0 ? side + range : side);
    high.push(type === "G" ? (range === undefined ? Infinity : side + Math.abs(range)) : type === "E" && range !== undefined && range > 0 ? side + range : side);
  });
  const plain = (values: readonly number[]): (number | string)[] => values.map((value) => (Number.isFinite(value) ? value : value > 0 ? "Infinity" : "-Infinity"));
  return {
    sense,
    objective: cost,
    A: { format: "coo", shape: [constraints.length, variables.length], data, row, col },
    row_lower: plain(low),
    row_upper: plain(high),
    lower: plain(lower),
    upper: plain(upper),
    integrality,
    variable_names: variables,
    constraint_names: constraints,
  };
}
