"""The metrics of every process, by name. Labels never hold a project, a key or a job: there are too many of them, and
they are nobody's business."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_LONG = (0.01, 0.1, 1, 10, 60, 300, 1800, 3600, 14_400, 86_400)

API_SECONDS = Histogram(
    "kantor_api_request_seconds", "Time to the end of a reply.", ["route", "method", "status"], buckets=_SECONDS
)
GRPC_SECONDS = Histogram("kantor_grpc_call_seconds", "Time of a call.", ["method", "status"], buckets=_SECONDS)

SOLVE_SECONDS = Histogram(
    "kantor_solve_seconds", "From a claim to the end of the job.", ["kind", "engine", "state"], buckets=_LONG
)
CERTIFICATE_FAILURES = Counter(
    "kantor_certificate_failures_total", "Answers whose claim failed its check.", ["kind", "engine"]
)
LEASES_LOST = Counter("kantor_leases_lost_total", "Jobs that another worker took over while this one had them.")
HANDED_BACK = Counter("kantor_jobs_handed_back_total", "Jobs put back into the queue by a worker that drains.")
RUNNER_DEATHS = Counter("kantor_runner_deaths_total", "Runners that were killed or died.", ["cause"])

REAPED = Counter("kantor_jobs_reaped_total", "Jobs whose lease or deadline ran out.", ["outcome"])
RUNG = Counter("kantor_rings_total", "Rings of the relay: jobs that nobody claimed at the first ring.")
FORGOTTEN = Counter("kantor_jobs_forgotten_total", "Queued jobs that had lost their outbox row: always 0.")
DELIVERIES = Counter("kantor_webhook_deliveries_total", "Attempts to deliver.", ["outcome"])
