"""Rules that hold wherever a job is touched: states, identifiers' signatures, errors."""
