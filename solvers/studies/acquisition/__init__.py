"""What a point promises under a model: improvement, hypervolume, feasibility; and the search for the best point."""
