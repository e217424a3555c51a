"""What the benchmarks share: scale, statistics, machine facts, tables, processes, load, instances."""
