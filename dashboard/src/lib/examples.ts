/** Ready problems of every family, each as a request that the API takes as it is. */

export interface Example {
  id: string;
  title: string;
  text: string;
  kind: string;
  /** Of a job; of a study where the kind is "study". */
  request: () => Record<string, unknown>;
}

export const EXAMPLES: readonly Example[] = [
  {
    id: "production",
    title: "Production plan",
    kind: "program",
    text: "A linear program: two products, three plants, the largest profit. Its duals say what an hour more is worth.",
    request: () => ({
      name: "production plan",
      problem: {
        kind: "program",
        file: {
          format: "lp",
          filename: "production.lp",
          content: `max
 profit: 3 doors + 5 windows
subject to
 plant_1: doors <= 4
 plant_2: 2 windows <= 12
 plant_3: 3 doors + 2 windows <= 18
end
`,
        },
      },
      options: { log: true },
    }),
  },
  {
    id: "knapsack",
    title: "Hard knapsack",
    kind: "program",
    text: "An integer program that takes a while: 100 items, 5 limits. Watch incumbent and bound close in; 20 seconds at most.",
    request: () => ({ name: "hard knapsack", problem: knapsack(100, 5, 7), options: { time_limit: 20, log: true } }),
  },
  {
    id: "portfolio",
    title: "Portfolio",
    kind: "program",
    text: "A convex quadratic program: least variance for a return of at least 8 %.",
    request: () => ({
      name: "portfolio",
      problem: {
        kind: "program",
        objective: [0, 0, 0, 0],
        Q: coo(4, [
          [0, 0, 0.08],
          [0, 1, 0.01],
          [1, 0, 0.01],
          [1, 1, 0.06],
          [2, 2, 0.1],
          [2, 3, -0.02],
          [3, 2, -0.02],
          [3, 3, 0.04],
        ]),
        A: { format: "coo", shape: [2, 4], data: [1, 1, 1, 1, 0.12, 0.09, 0.15, 0.03], row: [0, 0, 0, 0, 1, 1, 1, 1], col: [0, 1, 2, 3, 0, 1, 2, 3] },
        row_lower: [1, 0.08],
        row_upper: [1, "Infinity"],
        variable_names: ["energy", "health", "technology", "bonds"],
        constraint_names: ["all of it", "return"],
      },
    }),
  },
  {
    id: "infeasible",
    title: "Contradiction",
    kind: "program",
    text: "A model that cannot be met, with the few rows that contradict each other (an irreducible infeasible subsystem).",
    request: () => ({
      name: "contradiction",
      problem: {
        kind: "program",
        file: {
          format: "lp",
          filename: "shifts.lp",
          content: `min
 cost: 20 day + 26 night + 4 spare
subject to
 demand: day + night >= 12
 day_staff: day <= 5
 night_staff: night <= 6
 budget: 20 day + 26 night + 4 spare <= 900
bounds
 spare <= 10
end
`,
        },
      },
      options: { iis: true, relax: true },
    }),
  },
  {
    id: "race",
    title: "A race of engines",
    kind: "program",
    text: "Several engines on one integer program: the first certified answer wins, incumbents are handed over.",
    request: () => ({
      name: "race",
      engine: "race",
      problem: knapsack(40, 3, 3),
      options: { time_limit: 20, log: true },
    }),
  },
  {
    id: "moons",
    title: "Two clouds",
    kind: "transport",
    text: "Optimal transport from one cloud of points to another: the cheapest coupling, drawn, with the mass on its way.",
    request: () => ({ name: "two clouds", problem: { kind: "transport", ...clouds(150) } }),
  },
  {
    id: "letters",
    title: "An image becomes another",
    kind: "transport",
    text: "A ring of light moved into a cross, pixel by pixel, at the least cost: watch the image on its way.",
    request: () => ({ name: "ring to cross", problem: { kind: "transport", A: ring(24), B: cross(24) } }),
  },
  {
    id: "ridge",
    title: "Penalties that learn",
    kind: "bilevel",
    text: "Two levels: a penalty for each feature is chosen such that the regression trained with them does best on other data.",
    request: () => ({ name: "penalties", problem: { kind: "bilevel", ...ridge(30, 6) } }),
  },
  {
    id: "rosenbrock",
    title: "A curved valley",
    kind: "minimize",
    text: "A nonlinear function in the expression language (Rosenbrock's valley in 10 dimensions), minimized by its gradients.",
    request: () => ({
      name: "valley",
      problem: {
        kind: "minimize",
        variables: { x: { shape: [10], start: -1 } },
        minimize: "sum(100 * (x[1:] - x[:-1]**2)**2 + (1 - x[:-1])**2)",
      },
    }),
  },
  {
    id: "game",
    title: "A game of two",
    kind: "saddle",
    text: "Rock, paper, scissors with unequal stakes: what one player minimizes, the other maximizes. The gap proves the saddle point.",
    request: () => ({
      name: "game of two",
      problem: {
        kind: "saddle",
        data: { M: [[0, -1, 2], [1, 0, -1], [-2, 1, 0]] },
        objective: "sum(x * (M @ y))",
        minimize_over: { x: { shape: [3], lower: 0, upper: 1, start: 0.3 } },
        maximize_over: { y: { shape: [3], lower: 0, upper: 1, start: 0.3 } },
        constraints: ["sum(x) == 1", "sum(y) == 1"],
      },
    }),
  },
  {
    id: "front",
    title: "Cost against emissions",
    kind: "pareto",
    text: "Two goals at once: every point of the front that no other one beats, to brush and to choose from.",
    request: () => ({
      name: "cost and emissions",
      problem: {
        kind: "pareto",
        variables: { p: { shape: [4], lower: 0, upper: 60, start: 25 } },
        data: { c: [0.04, 0.03, 0.06, 0.02], e: [0.01, 0.03, 0.008, 0.05] },
        objectives: { cost: { minimize: "sum(c * p**2 + 2 * p)" }, emissions: { minimize: "sum(e * p**2 + 0.1 * p)" } },
        constraints: ["sum(p) >= 100"],
      },
      options: { points: 40 },
    }),
  },
  {
    id: "colours",
    title: "Autumn to ocean",
    kind: "transport",
    text: "Colours of one picture become those of another at the least change: transport in the space of colours.",
    request: () => ({ name: "autumn to ocean", labels: { picture: "colours" }, problem: { kind: "transport", ...twoPalettes(48) } }),
  },
  {
    id: "taste",
    title: "Which do you like?",
    kind: "study",
    text: "A study without numbers: you see candidates side by side and click them in the order that you like them.",
    request: () => ({
      name: "lemonade",
      preference: true,
      space: {
        sugar: { type: "float", low: 20, high: 120 },
        lemon: { type: "float", low: 10, high: 80 },
        mint: { type: "int", low: 0, high: 12 },
        water: { type: "categorical", choices: ["still", "sparkling"] },
      },
    }),
  },
  {
    id: "espresso",
    title: "The best espresso",
    kind: "study",
    text: "A study by hand: Kantor proposes grind, dose and temperature, you brew, taste and tell; it learns from each cup.",
    request: () => ({
      name: "espresso",
      space: {
        grind: { type: "float", low: 1, high: 10 },
        dose: { type: "float", low: 14, high: 22, step: 0.5 },
        temperature: { type: "int", low: 86, high: 97 },
        beans: { type: "categorical", choices: ["Brazil", "Ethiopia", "Sumatra"] },
      },
      objectives: { taste: "max" },
      evaluation_seconds: 300,
    }),
  },
];

function coo(n: number, entries: readonly (readonly [number, number, number])[]): Record<string, unknown> {
  return {
    format: "coo",
    shape: [n, n],
    data: entries.map((entry) => entry[2]),
    row: entries.map((entry) => entry[0]),
    col: entries.map((entry) => entry[1]),
  };
}

/** Correlated multidimensional knapsack: profits near the weights make the bound slow to close. */
export function knapsack(items: number, limits: number, seed: number): Record<string, unknown> {
  const random = generator(seed);
  const weights = Array.from({ length: limits }, () => Array.from({ length: items }, () => 10 + Math.floor(random() * 990)));
  const profit = Array.from({ length: items }, (_, j) =>
    Math.round(weights.reduce((sum, row) => sum + (row[j] ?? 0), 0) / limits + 500 * random()),
  );
  return {
    kind: "program",
    sense: "max",
    objective: profit,
    A: {
      format: "csr",
      shape: [limits, items],
      data: weights.flat(),
      indices: weights.flatMap((row) => row.map((_, j) => j)),
      indptr: Array.from({ length: limits + 1 }, (_, i) => i * items),
    },
    row_upper: weights.map((row) => Math.floor(row.reduce((a, b) => a + b, 0) / 2)),
    upper: profit.map(() => 1),
    integrality: profit.map(() => 1),
    variable_names: profit.map((_, j) => `item_${j + 1}`),
    constraint_names: weights.map((_, i) => `limit_${i + 1}`),
  };
}

/** The same numbers everywhere (a linear congruential generator, Numerical Recipes). */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

function clouds(count: number): Record<string, unknown> {
  const random = generator(11);
  const normal = (): number => Math.sqrt(-2 * Math.log(random() + 1e-12)) * Math.cos(2 * Math.PI * random());
  const round = (value: number): number => Math.round(value * 1e4) / 1e4;
  const x = Array.from({ length: count }, () => [round(0.5 * normal()), round(0.5 * normal())]);
  const y = Array.from({ length: count }, () => {
    const angle = Math.PI * random();
    return [round(3 + Math.cos(angle) * 1.6 + 0.1 * normal()), round(Math.sin(angle) * 1.6 - 0.6 + 0.1 * normal())];
  });
  return { x, y };
}

/** Warm colours and cold ones, each with its share. */
function twoPalettes(count: number): Record<string, unknown> {
  const random = generator(23);
  const round = (value: number): number => Math.round(1e3 * Math.min(1, Math.max(0, value))) / 1e3;
  const near = (colours: readonly (readonly number[])[]): number[][] =>
    Array.from({ length: count }, (_, k) => (colours[k % colours.length] ?? []).map((value) => round(value + 0.25 * (random() - 0.5))));
  const shares = (): number[] => Array.from({ length: count }, () => round(0.2 + random()));
  return {
    x: near([[0.85, 0.45, 0.1], [0.6, 0.2, 0.1], [0.95, 0.8, 0.3], [0.35, 0.25, 0.1]]),
    y: near([[0.05, 0.25, 0.5], [0.1, 0.55, 0.65], [0.75, 0.9, 0.95], [0.02, 0.1, 0.25]]),
    a: shares(),
    b: shares(),
    normalize: true,
  };
}

function image(size: number, light: (u: number, v: number) => number): number[][] {
  return Array.from({ length: size }, (_, i) =>
    Array.from({ length: size }, (_, j) => Math.round(1e3 * light((2 * i + 1) / size - 1, (2 * j + 1) / size - 1)) / 1e3),
  );
}

function ring(size: number): number[][] {
  return image(size, (u, v) => Math.exp(-(((Math.hypot(u, v) - 0.6) / 0.12) ** 2)));
}

function cross(size: number): number[][] {
  return image(size, (u, v) => (Math.min(Math.abs(u), Math.abs(v)) < 0.15 && Math.max(Math.abs(u), Math.abs(v)) < 0.85 ? 1 : 0));
}

/** A regression in which only the first two features matter: half of the data to train, half to judge. */
function ridge(samples: number, features: number): Record<string, unknown> {
  const random = generator(5);
  const round = (value: number): number => Math.round(value * 1e3) / 1e3;
  const rows = (): number[][] => Array.from({ length: samples }, () => Array.from({ length: features }, () => round(4 * random() - 2)));
  const answers = (X: readonly number[][]): number[] => X.map((row) => round(2 * (row[0] ?? 0) - (row[1] ?? 0) + 2 * random() - 1));
  const [X, Xv] = [rows(), rows()];
  return {
    data: { X, y: answers(X), Xv, yv: answers(Xv) },
    upper: { variables: { lam: { shape: [features], start: 0, lower: -8, upper: 8 } }, minimize: "mean((Xv @ w - yv)**2)" },
    lower: { variables: { w: { shape: [features] } }, minimize: "mean((X @ w - y)**2) + sum(exp(lam) * w**2)" },
  };
}
