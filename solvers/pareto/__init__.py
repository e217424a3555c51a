"""Several objectives at once: fronts of Pareto-optimal points."""
