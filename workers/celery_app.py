"""The Celery application: ``celery -A workers.celery_app worker --pool threads``.

Celery brings the bell's rings to slots (threads), reconnects, and ends in order; nothing is trusted to it. Rings carry
a job's id and may be lost, doubled or late: the relay rings again for what nobody has claimed. So there is no result
backend, no time limit, no revoke and no acknowledgement here.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import Any

import structlog
from celery import Celery, signals

from service import logs
from service.settings import Settings
from service.telemetry import serve as telemetry
from service.telemetry import tracing
from workers.settings import WorkerSettings
from workers.worker import Worker

log = structlog.get_logger(__name__)

own = WorkerSettings.load()
settings = Settings.load()

app = Celery("kantor", broker=settings.broker_url, include=["workers.tasks"], set_as_current=False)
app.conf.update(
    accept_content=["json"],
    task_serializer="json",
    task_ignore_result=True,
    task_store_errors_even_if_ignored=False,
    task_default_queue=own.pools.split(",")[0].strip(),
    task_create_missing_queues=True,
    # so that ``workers.tasks.Ring`` hears when a slot becomes free
    task_acks_late=True,
    task_reject_on_worker_lost=False,
    # a worker hears only as many rings as it has free slots: another may have more
    worker_prefetch_multiplier=1,
    worker_disable_prefetch=True,
    worker_pool="threads",
    worker_concurrency=own.concurrency,
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
    worker_send_task_events=False,
    worker_enable_remote_control=False,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    worker_detect_quorum_queues=False,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_channel_error_retry=True,
    broker_transport_options={
        "socket_timeout": 30,
        "socket_connect_timeout": 5,
        "socket_keepalive": True,
        "retry_on_timeout": True,
        "health_check_interval": 25,
    },
)
if own.pools:
    app.conf.task_queues = None
    app.select_queues([name.strip() for name in own.pools.split(",") if name.strip()])

#: The worker of this process, once it has started.
worker: Worker | None = None


def _logging(loglevel: int | None = None, **_: Any) -> None:
    """Ours as everywhere in the service, Celery's own lines plainly beside them."""
    logs.configure(settings.log_level)
    logging.basicConfig(level=loglevel or logging.WARNING, format="%(levelname)s %(name)s: %(message)s")


def _start(instance: Any, **_: Any) -> None:
    """Before the first ring is heard."""
    global worker
    queues = instance.app.amqp.queues.consume_from
    for queue in queues.values():
        # a ring is gone once it is heard: bookkeeping of unacknowledged ones costs as much as all the rest of it
        queue.no_ack = True
    pools = sorted(queues)
    worker = Worker(settings, own, pools=pools, concurrency=int(instance.concurrency))
    try:
        worker.start()
    except Exception:
        # Celery would log it and go on: hear rings and do nothing.
        log.exception("the worker cannot start")
        sys.stderr.flush()
        os._exit(1)  # what it has started ends with it
    telemetry.serve(settings)
    tracing.start("worker")


def _drain(how: str, **_: Any) -> None:
    """In a signal handler. Warm (SIGTERM, first Ctrl-C): running jobs get the drain time; cold: none."""
    if worker is not None:
        worker.drain(None if how == "Warm" else 0.0)


def _close(**_: Any) -> None:
    """Slots have come back."""
    if worker is not None:
        worker.close()
    tracing.stop()


signals.setup_logging.connect(_logging)
signals.celeryd_after_setup.connect(_start)
signals.worker_shutting_down.connect(_drain)
signals.worker_shutdown.connect(_close)
