"""``python -m tests.chaos --minutes 10 --seed 1``: a mixed load of every family while all breaks; then the count.

Exit status 1 if a job was lost, an answer doubled, an event missing, a lease leaked.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.chaos import audit
from tests.chaos.cluster import Cluster
from tests.chaos.faults import FAULTS, can_fill
from tests.chaos.ledger import Ledger
from tests.chaos.load import FAMILIES, Probe, User

ROLES = {
    "api-1": [],
    "api-2": [],
    "dispatcher-1": [],
    "dispatcher-2": [],
    "worker-1": ["--concurrency", "3"],
    "worker-2": ["--concurrency", "3"],
}
#: Bytes for artifacts, on a file system of their own.
DISK = "96m"
RECOVERY = 120.0


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", action="append", choices=FAULTS, help="only this fault (may be given several times)")
    parser.add_argument(
        "--family", action="append", choices=FAMILIES, help="only this load (may be given several times)"
    )
    parser.add_argument("--output", type=Path, default=Path("build/chaos"), metavar="FOLDER", help="report and logs")
    chosen = parser.parse_args(arguments)
    if "KANTOR_CHAOS_DISK" not in os.environ and (inside := _own_mounts()) is not None:
        os.environ["KANTOR_CHAOS_DISK"] = "yes"
        os.execvp(
            inside[0],
            [*inside, sys.executable, "-m", "tests.chaos", *(sys.argv[1:] if arguments is None else arguments)],
        )
    home = Path(tempfile.mkdtemp(prefix="kantor-chaos-"))
    try:
        report = run(home, chosen.minutes, chosen.seed, chosen.only or list(FAULTS), chosen.family or FAMILIES)
        folder = chosen.output / f"seed-{chosen.seed}"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(home / "logs", folder)
        (folder / "report.json").write_text(json.dumps(report, indent=1))
    finally:
        subprocess.run(["umount", str(home / "artifacts")], check=False, stderr=subprocess.DEVNULL)
        shutil.rmtree(home, ignore_errors=True)
    show(report)
    print(f"report and logs: {folder}")
    return 0 if not any(report["must be 0"].values()) else 1


def run(home: Path, minutes: float, seed: int, kinds: Sequence[str], families: Sequence[str]) -> dict[str, Any]:
    """Load and faults for so many minutes; then what was found."""
    artifacts = home / "artifacts"
    artifacts.mkdir(parents=True)
    if "KANTOR_CHAOS_DISK" in os.environ:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "kantor-chaos", str(artifacts)], check=True)
    asked = list(kinds)
    kinds = [kind for kind in asked if kind != "fill disk" or can_fill(artifacts)]
    ledger, over, quiet = Ledger(), threading.Event(), threading.Event()
    with Cluster(home, ROLES, artifacts=artifacts) as cluster:
        urls = list(cluster.urls.values())
        users = [User(family, urls, cluster.key, ledger, over, seed) for family in families]
        probe = Probe(urls, cluster.key, ledger, quiet)
        for thread in (*users, probe):
            thread.start()
        begin = time.time()
        print(f"ready; {minutes:g} minutes of load and faults, seed {seed}", flush=True)
        time.sleep(min(5.0, minutes * 6))
        try:
            faults = _break_things(cluster, ledger, kinds, random.Random(seed), begin + minutes * 60)
        finally:
            over.set()
        for user in users:
            user.join(300)
            if user.is_alive():
                ledger.fault(f"{user.family}: its user still waits")
        quiet.set()
        probe.join(30)
        audit.settle(cluster, 60)
        found = audit.count(cluster, ledger)
        end = time.time() + 75  # bytes of uploads that broke off are swept once they are old
        while found["bytes without an artifact"] and time.time() < end:
            time.sleep(2)
            found = audit.count(cluster, ledger)
        restarts = {name: role.starts - 1 for name, role in cluster.roles.items()}
        return {
            "minutes": minutes,
            "seed": seed,
            "must be 0": found,
            "failures": [[str(value) for value in row] for row in audit.failures(cluster)],
            "wrong": ledger.wrong,
            "jobs": len(ledger.jobs),
            "rounds": dict(ledger.rounds),
            "users tried again": dict(ledger.retries),
            "restarts": restarts,
            "recovery": _recovery(faults, ledger),
            "takeover": _takeover(faults, audit.takeovers(cluster)),
            "left out": [kind for kind in asked if kind not in kinds],
        }


def _break_things(
    cluster: Cluster, ledger: Ledger, kinds: Sequence[str], choice: random.Random, end: float
) -> list[tuple[str, float, float, float | None]]:
    """(kind, begin, end, seconds until the service worked again) of every fault. One in four comes with another."""
    done: list[tuple[str, float, float, float | None]] = []
    waiting: list[str] = []
    while time.time() < end:
        if not waiting:
            waiting = choice.sample(list(kinds), len(kinds))
        kind = waiting.pop()
        second = waiting.pop() if waiting and choice.random() < 0.25 else None
        begin = time.time()
        other = None
        if second is not None:
            other = threading.Thread(target=FAULTS[second], args=(cluster, random.Random(choice.random())))
            other.start()
        happened = FAULTS[kind](cluster, choice)
        if other is not None:
            other.join()
        gone = time.time()
        if not happened:
            continue
        recovered = _wait_for_probe(ledger, gone)
        if recovered is None:
            ledger.fault(f"{kind}: nothing worked for {RECOVERY:g} s")
        done.append((kind if second is None else f"{kind} + {second}", begin, gone, recovered))
        words = "never" if recovered is None else f"{recovered:.1f} s"
        print(
            f"{time.strftime('%H:%M:%S')} {done[-1][0]}: {gone - begin:.1f} s, worked again after {words}", flush=True
        )
        time.sleep(choice.expovariate(0.5))
    return done


def _wait_for_probe(ledger: Ledger, since: float) -> float | None:
    """Seconds until a job was solved that was sent after this time."""
    while time.time() < since + RECOVERY:
        for begin, end in reversed(ledger.probes):
            if begin < since:
                break
            first = next((e for b, e in ledger.probes if b >= since), end)
            return first - since
        time.sleep(0.05)
    return None


def _recovery(faults: list[tuple[str, float, float, float | None]], ledger: Ledger) -> dict[str, list[float]]:
    kinds: defaultdict[str, list[float]] = defaultdict(list)
    for kind, _, _, seconds in faults:
        name = kind if "+" not in kind else "two at once"
        kinds[name].append(round(RECOVERY if seconds is None else seconds, 2))
    calm = [end - begin for begin, end in ledger.probes]
    kinds["(a probe's job, of all)"] = [round(statistics.median(calm), 3)] if calm else []
    return dict(sorted(kinds.items()))


def _takeover(
    faults: list[tuple[str, float, float, float | None]], found: list[tuple[float, float]]
) -> dict[str, list[float]]:
    """Seconds from the last sign of an attempt to the begin of the next, by the fault before it."""
    kinds: defaultdict[str, list[float]] = defaultdict(list)
    for at, seconds in found:
        before = [kind for kind, begin, _, _ in faults if begin <= at]
        if before:
            kinds[before[-1] if "+" not in before[-1] else "two at once"].append(round(seconds, 2))
    return dict(sorted(kinds.items()))


def show(report: dict[str, Any]) -> None:
    """The report for people."""
    print(f"\n{report['jobs']} jobs in {report['minutes']:g} minutes, seed {report['seed']}")
    print("rounds: " + ", ".join(f"{name} {number}" for name, number in sorted(report["rounds"].items())))
    print(f"users tried again: {report['users tried again']}; restarts: {report['restarts']}")
    if report["left out"]:
        print(f"left out: the system does not allow it: {', '.join(report['left out'])}")
    print("\nfault                      times  works again after, median   most   jobs taken over  after at most")
    for kind, seconds in report["recovery"].items():
        taken = report["takeover"].get(kind, [])
        if seconds:
            print(
                f"{kind:<26} {len(seconds):>5} {statistics.median(seconds):>23.2f} s {max(seconds):>5.1f} s"
                f" {len(taken):>14} {f'{max(taken):.1f} s' if taken else '-':>14}"
            )
    print("\nmust be 0")
    for name, number in report["must be 0"].items():
        print(f"  {name:<46} {number}{'   <-' if number else ''}")
    for words in report["wrong"][:40]:
        print(f"  {words}")
    for row in report["failures"][:40]:
        print(f"  {row}")


def _own_mounts() -> list[str] | None:
    """What a command stands behind so that it may mount a small disk of its own; None where the system forbids it."""
    ways = [["unshare", "--mount"], ["unshare", "--user", "--map-root-user", "--mount"]]
    for way in ways if os.geteuid() == 0 else ways[1:]:
        try:
            probe = [*way, "sh", "-c", "mount -t tmpfs kantor-chaos /mnt"]
            if subprocess.run(probe, capture_output=True, check=False, timeout=10).returncode == 0:
                return way
        except (OSError, subprocess.TimeoutExpired):
            continue
    return None


if __name__ == "__main__":
    raise SystemExit(main())
