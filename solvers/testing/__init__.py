"""A conformance suite for engines, ours and yours: see ``solvers.testing.programs``. Only this package needs pytest."""
