"""A dispatcher touches its file while its duties turn, and leaves it when one is stuck."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from service.dispatch import loop
from service.dispatch.loop import Duty
from service.settings import Settings
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
