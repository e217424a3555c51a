"""A whole Kantor on one machine: servers from wheels, API, dispatcher and workers, started and ended together."""
