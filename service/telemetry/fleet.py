"""Metrics of the whole installation, read from the database when Prometheus asks the dispatcher."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import psycopg
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from service.settings import Settings
from service.store.connect import connect

_REMEMBERED = 5.0

_POOLS = """
SELECT pool, count(*) FILTER (WHERE state = 'queued'), count(*) FILTER (WHERE state = 'running'),
    coalesce(extract(epoch FROM now() - min(created_at) FILTER (WHERE state = 'queued')), 0)::double precision
FROM job WHERE state IN ('queued', 'running') GROUP BY pool
"""
_WORKERS = """
SELECT pool, count(*), sum(concurrency)::bigint FROM worker, unnest(pools) AS pool
WHERE heartbeat_at > now() - make_interval(secs => %s) GROUP BY pool
"""
_OTHERS = """
SELECT (SELECT count(*) FROM delivery WHERE next_at < now() - interval '1 minute'),
    (SELECT count(*) FROM outbox WHERE available_at < now() - interval '1 minute')
"""


class Fleet(Collector):
    """Asks at most every five seconds. While the database is away there is nothing but ``kantor_database_up`` 0."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._families: list[GaugeMetricFamily] = []
        self._until = 0.0

    def collect(self) -> Iterator[GaugeMetricFamily]:
        with self._lock:
            if time.monotonic() >= self._until:
                self._families = self._ask()
                self._until = time.monotonic() + _REMEMBERED
            yield from self._families

    def _ask(self) -> list[GaugeMetricFamily]:
        up = GaugeMetricFamily("kantor_database_up", "1: the database answers.")
        try:
            with connect(self._settings, name="kantor-metrics") as conn:
                pools = conn.execute(_POOLS).fetchall()
                workers = conn.execute(_WORKERS, (self._settings.worker_timeout_seconds,)).fetchall()
                others = conn.execute(_OTHERS).fetchone()
        except psycopg.Error:
            up.add_metric([], 0)
            return [up]
        up.add_metric([], 1)
        jobs = GaugeMetricFamily("kantor_jobs", "Jobs that are not over.", labels=["pool", "state"])
        age = GaugeMetricFamily("kantor_queue_age_seconds", "Of the oldest queued job.", labels=["pool"])
        live = GaugeMetricFamily("kantor_workers", "Live workers.", labels=["pool"])
        slots = GaugeMetricFamily("kantor_worker_slots", "Jobs that live workers can run at once.", labels=["pool"])
        for pool, queued, running, oldest in pools:
            jobs.add_metric([pool, "queued"], queued)
            jobs.add_metric([pool, "running"], running)
            age.add_metric([pool], oldest)
        for pool, count, concurrency in workers:
            live.add_metric([pool], count)
            slots.add_metric([pool], concurrency)
        late = GaugeMetricFamily("kantor_webhooks_late", "Deliveries that are due for over a minute.")
        unrung = GaugeMetricFamily("kantor_rings_late", "Jobs to ring for that are due for over a minute.")
        assert others is not None
        late.add_metric([], others[0])
        unrung.add_metric([], others[1])
        return [up, jobs, age, live, slots, late, unrung]
