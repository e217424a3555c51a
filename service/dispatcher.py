"""The dispatcher: ``python -m service.dispatcher``. Relay, reaper, webhooks, retention, sweep: each in its own thread.

Losing it loses no job: what it would have done is done when it is back. Several may run at once.
"""

from __future__ import annotations

import signal
import sys
import threading
from datetime import timedelta
from types import FrameType

import structlog

from service import hints, jobs, logs, outbox
from service.artifacts import ArtifactStore
from service.bell import Bell
from service.broker import Line
from service.dispatch import reaper, relay, retention
from service.dispatch.loop import Duty
from service.settings import Settings, SettingsError
from service.store.connect import Database
from service.studies import leases
from service.telemetry import metrics, tracing
from service.telemetry import serve as telemetry
from service.telemetry.alive import Pulse
from service.webhooks import deliver
from service.webhooks.deliver import Deliverer

log = structlog.get_logger("kantor.dispatcher")

RELAY_SECONDS = 0.5
WEBHOOK_SECONDS = 1.0


class Dispatcher:
    """The duties. ``start``, then ``stop``; ``run`` does both around a signal."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._bell = Bell(settings)
        self._line = Line(settings)
        self._artifacts = ArtifactStore(settings)
        self._deliverer = Deliverer(settings)
        self._stop = threading.Event()
        self._grace = settings.outage_grace_seconds
        self._tidier = Duty("artifacts", settings, settings.upload_hours * 3600 / 4, self._tidy, self._stop)
        self.duties = [
            Duty("relay", settings, RELAY_SECONDS, self._relay, self._stop),
            Duty("reaper", settings, settings.reap_seconds, self._reap, self._stop),
            Duty("webhooks", settings, WEBHOOK_SECONDS, self._deliver, self._stop),
            Duty("retention", settings, settings.retention_seconds, self._sweep, self._stop),
            self._tidier,
        ]

    def start(self) -> None:
        """Start the duties."""
        for duty in self.duties:
            duty.start()

    def stop(self, timeout: float = 10.0) -> None:
        """End the duties after what they are doing."""
        self._stop.set()
        for duty in self.duties:
            if duty.is_alive():
                duty.join(timeout)
        self._bell.close()
        self._line.close()

    def run(self) -> None:
        """Work until SIGTERM or SIGINT."""
        asked = threading.Event()

        def ask(number: int, _: FrameType | None) -> None:
            log.info("stopping", signal=signal.Signals(number).name)
            asked.set()

        signal.signal(signal.SIGTERM, ask)
        signal.signal(signal.SIGINT, ask)
        self.start()
        log.info("started")
        pulse = Pulse(self._settings.alive_file)
        while not asked.wait(1.0):
            if all(duty.turns() for duty in self.duties):
                pulse.beat()
        self.stop()
        log.info("stopped")

    def _relay(self, conn: Database, _: float) -> bool:
        rung = relay.relay(conn, self._bell, self._settings)
        if rung:
            log.info("rung", count=rung)
            metrics.RUNG.inc(rung)
        return rung >= relay.BATCH

    def _reap(self, conn: Database, connected: float) -> bool:
        # After a loss of the database all leases may have run out; workers get the time to renew them.
        reaped = reaper.reap(conn, leases=connected >= self._grace)
        for job in reaped or ():
            log.info("reaped", job=job.job_id.hex, outcome=job.outcome)
            metrics.REAPED.labels(job.outcome).inc()
            hints.publish(self._line, job.job_id, job.seq)
        jobs.tidy(conn)
        returned = leases.reap(conn) if connected >= self._grace else 0
        if returned:
            log.info("trials_returned", count=returned)
        return max(len(reaped or ()) - reaper.BATCH, returned - leases.BATCH) >= 0

    def _deliver(self, conn: Database, _: float) -> bool:
        return self._deliverer.round(conn) >= deliver.BATCH

    def _sweep(self, conn: Database, _: float) -> bool:
        found = outbox.remember_forgotten(conn)
        if found:
            log.error("forgotten_jobs", count=found)
            metrics.FORGOTTEN.inc(found)
        buried = reaper.bury_workers(conn)
        deliver.sweep(conn)
        deleted = retention.sweep(conn, self._artifacts)
        if buried or deleted.jobs or deleted.keys or deleted.artifacts:
            log.info("deleted", workers=buried, jobs=deleted.jobs, keys=deleted.keys, artifacts=deleted.artifacts)
        return deleted.more

    def _tidy(self, conn: Database, _: float) -> bool:
        older_than = timedelta(hours=self._settings.upload_hours)
        swept = retention.sweep_bytes(conn, self._artifacts, older_than, self._tidier.beat)
        if swept:
            log.info("swept", uploads=swept)
        return False


def main() -> int:
    """Run with the settings of the environment."""
    try:
        settings = Settings.load()
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    logs.configure(settings.log_level)
    telemetry.serve(settings, fleet=True)
    tracing.start("dispatcher")
    Dispatcher(settings).run()
    tracing.stop()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
