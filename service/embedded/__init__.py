"""A whole Kantor on one machine: PostgreSQL and Valkey from wheels, API, dispatcher and workers, started and ended together."""
