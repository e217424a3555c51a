"""A dispatcher touches its file while its duties turn, and leaves it when one is stuck."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from uuid import UUID

import pytest

from api_schemas.ids import new_uuid
from service import artifacts
from service.dispatch import loop
from service.dispatch.loop import Duty
from service.dispatcher import Dispatcher
from service.settings import Settings
from service.storage import Storage
from service.store.connect import Database
from service.telemetry.alive import Pulse


def _turns(settings: Settings, work: threading.Event, hold: threading.Event, interval: float) -> Duty:
    def do(_: Database, __: float) -> bool:
        work.set()
        hold.wait(20.0)
        return False

    return Duty("probe", settings, interval, do, threading.Event())


def test_a_duty_that_pauses_turns_and_one_whose_call_never_ends_does_not(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "_LONGEST_CALL", 0.3)
    work, hold = threading.Event(), threading.Event()
    duty = _turns(settings, work, hold, interval=3600.0)
    assert not duty.turns(), "it has not begun"
    duty.start()
    assert work.wait(10.0)
    time.sleep(0.4)
    assert not duty.turns(), "its call lasts too long"
    hold.set()
    end = time.monotonic() + 10.0
    while not duty.turns():
        assert time.monotonic() < end
        time.sleep(0.01)
    time.sleep(0.4)
    assert duty.turns(), "a pause of an hour is no fault"
    duty._stop_event.set()
    duty.join(10.0)
    assert not duty.turns()


def test_a_loss_of_the_database_is_no_reason_to_be_restarted(settings: Settings, tmp_path: Path) -> None:
    lost = settings.model_copy(update={"database_url": f"postgresql://nobody@/none?host={tmp_path}"})
    stop = threading.Event()
    duty = Duty("probe", lost, 1.0, lambda *_: False, stop)
    duty.start()
    time.sleep(0.5)
    assert duty.turns()
    stop.set()
    duty.join(10.0)


def test_the_file_is_touched_and_one_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    Pulse(tmp_path / "alive").beat()
    assert (tmp_path / "alive").exists()
    Pulse(tmp_path / "none" / "alive").beat()
    Pulse(None).beat()


def test_a_sweep_of_many_bytes_beats_as_it_goes(
    settings: Settings, conn: Database, project: UUID, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = settings.model_copy(update={"artifacts_url": str(tmp_path), "upload_hours": 1e-9})
    folder = tmp_path / project.hex
    folder.mkdir()
    for _ in range(8):
        (folder / new_uuid().hex).write_bytes(b"of an upload that broke off")
    remove = Storage.remove

    def slowly(self: Storage, project_id: UUID, artifact_id: UUID) -> None:
        time.sleep(0.25)
        remove(self, project_id, artifact_id)

    monkeypatch.setattr(Storage, "remove", slowly)
    monkeypatch.setattr(artifacts, "_BATCH", 1)
    monkeypatch.setattr(loop, "_LONGEST_CALL", 1.0)
    dispatcher = Dispatcher(own)
    duty = next(duty for duty in dispatcher.duties if duty.name == "artifacts")
    duty.start()
    turned = []
    end = time.monotonic() + 20.0
    while any(folder.iterdir()):
        turned.append(duty.turns())
        assert time.monotonic() < end
        time.sleep(0.05)
    dispatcher._stop.set()
    duty.join(10.0)
    assert all(turned)
    assert len(turned) > 25, "it took longer than a call may"
