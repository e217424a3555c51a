"""When to stop: a trial by its intermediate values, a study by what is still to be gained."""
