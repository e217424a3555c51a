"""Engines as live workers announce them, remembered for a moment; and what a submit is refused for because of them."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from api_schemas.engines import Engine, OptionSpec
from api_schemas.errors import FieldError, KantorError
from api_schemas.jobs import JobRequest
from service import registry
from service.registry import Most
from service.rest.field_errors import near
from service.settings import Settings
from service.store.connect import Database

AUTOMATIC = ("auto", "race")
DEFAULT_POOL = "cpu"
GPU_POOL = "gpu"

_FRESH_SECONDS = 1.0
_REMEMBERED_SECONDS = 3600.0


class Offer(NamedTuple):
    """The engines that live workers announced, the pools that are served, or will be once jobs wait, and what their
    workers give a job at most."""

    engines: list[Engine]
    pools: frozenset[str]
    most: Mapping[str, Most] = {}


class Catalogue:
    """The engines that workers offer. One that no live worker offers counts for an hour more, without workers: a submit
    then waits in the queue (whose workers may be starting anew, or scaled to none), and misspelt names are still found.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._offer = Offer([], settings.elastic)
        self._who: str | None = None
        self._live: dict[tuple[str, str], Engine] = {}
        self._seen: dict[tuple[str, str], float] = {}
        self._read_at = -math.inf
        self._lock = threading.Lock()

    def fresh(self) -> Offer | None:
        """What was read within the last second; None: ``read`` anew."""
        return self._offer if time.monotonic() - self._read_at < _FRESH_SECONDS else None

    def read(self, conn: Database) -> Offer:
        """Ask the database: for the engines themselves only if there are other workers than before."""
        who = registry.who(conn, self._settings)
        changed = who != self._who
        if changed:
            live = {(engine.family, engine.id): engine for engine in registry.engines(conn, self._settings)}
            most = registry.most(conn, self._settings)
        now = time.monotonic()
        with self._lock:
            if changed:
                self._who, self._live = who, live
            self._seen |= dict.fromkeys(self._live, now)
            gone = [key for key, at in self._seen.items() if now - at > _REMEMBERED_SECONDS]
            for key in gone:
                del self._seen[key]
            if changed or gone:
                known = {(engine.family, engine.id): engine for engine in self._offer.engines} | self._live
                engines = [
                    engine if key in self._live else engine.model_copy(update={"workers": 0})
                    for key, engine in sorted(known.items())
                    if key in self._seen
                ]
                if not changed:
                    most = dict(self._offer.most)
                self._offer = Offer(engines, self._settings.elastic.union(most), most)
            self._read_at = now
            return self._offer


def check(request: JobRequest, offer: Offer) -> str:
    """The pool of a request: the engine's own, or that of GPUs where the option ``device`` asks for one.

    Raises:
        KantorError: ``unknown-engine``, or ``invalid-option`` for an engine option that does not exist or does not fit,
            and for a device that the engine cannot use, or that no worker has.
    """
    family = [engine for engine in offer.engines if engine.family == request.problem.kind]
    cuda = getattr(request.options, "device", None) == "cuda"
    if not offer.engines:
        return GPU_POOL if cuda else DEFAULT_POOL
    known = sorted(engine.id for engine in family)
    wrong = [("/engine", request.engine)] if request.engine not in {*AUTOMATIC, *known} else []
    wrong += [(f"/options/race/{k}", name) for k, name in enumerate(request.options.race or []) if name not in known]
    if wrong:
        choices = [*AUTOMATIC, *known]
        errors = [
            FieldError(pointer=p, detail=f"there is no engine {n[:64]!r}", hint=near(n, choices)) for p, n in wrong
        ]
        detail = f"No engine {wrong[0][1][:64]!r} for problems of kind {request.problem.kind!r}; {errors[0].hint}"
        raise KantorError("unknown-engine", detail, errors=errors)
    chosen = next((engine for engine in family if engine.id == request.engine), None)
    check_options(request.options.engine_options, [chosen] if chosen else family, "/options/engine_options")
    if cuda:
        _check_cuda([chosen] if chosen else family, family, offer.pools)
        return GPU_POOL
    return chosen.pool if chosen else DEFAULT_POOL


def cuts(request: JobRequest, pool: str, offer: Offer) -> list[str]:
    """Which limits of a request will not be granted, in words: those above what any worker of the pool gives a job."""
    most, options = offer.most.get(pool, Most()), request.options
    words = []
    for name, asked, given, unit in (
        ("memory_limit", options.memory_limit, most.memory_mb, " MB"),
        ("threads", options.threads, most.threads, ""),
    ):
        if asked is not None and given is not None and asked > given:
            words.append(
                f"/options/{name}: no worker of the pool {pool!r} gives a job {asked}{unit}; it gets {given}{unit}."
            )
    if options.time_limit is not None and request.deadline is not None and options.time_limit > request.deadline:
        words.append(
            f"/options/time_limit: the deadline ends the job {request.deadline:g} s after its submit, and not only "
            f"after {options.time_limit:g} s of solving."
        )
    return words


def _check_cuda(asked: Sequence[Engine], family: Sequence[Engine], pools: Collection[str]) -> None:
    if not any("cuda" in engine.capabilities for engine in asked):
        able = sorted(engine.id for engine in family if "cuda" in engine.capabilities)
        whose = f"engine {asked[0].id!r} does not compute" if len(asked) == 1 else "no engine of this kind computes"
        hint = f"device cpu, or engine {' or '.join(able)}" if able else "device cpu"
        error = FieldError(pointer="/options/device", detail=f"{whose} on a GPU", hint=hint)
    elif GPU_POOL not in pools:
        hint = f"device cpu; or ask who runs this server for a worker of the pool {GPU_POOL!r}"
        error = FieldError(pointer="/options/device", detail="no worker with a GPU is there", hint=hint)
    else:
        return
    raise KantorError("invalid-option", f"{error.pointer}: {error.detail}", errors=[error])


def check_options(options: Mapping[str, float | int | bool | str], engines: Sequence[Engine], place: str) -> None:
    """Of the engine that was named, or else (the choice is made later) of any that may be chosen.

    Raises:
        KantorError: ``invalid-option``, with pointers below ``place``.
    """
    specs: dict[str, list[OptionSpec]] = {}
    for engine in engines:
        for spec in engine.options:
            specs.setdefault(spec.name, []).append(spec)
    errors = []
    for name, value in options.items():
        pointer = f"{place}/{name[:80].replace('~', '~0').replace('/', '~1')}"
        if name not in specs:
            whose = f"engine {engines[0].id!r} has no such option" if len(engines) == 1 else "no engine has this option"
            errors.append(FieldError(pointer=pointer, detail=whose, hint=near(name, sorted(specs))))
            continue
        faults = [_fault(spec, value) for spec in specs[name]]
        if all(faults):
            errors.append(FieldError(pointer=pointer, detail=faults[0], hint=specs[name][0].description[:200]))
    if errors:
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise KantorError("invalid-option", f"{errors[0].pointer}: {errors[0].detail}{more}", errors=errors)


def _fault(spec: OptionSpec, value: float | int | bool | str) -> str:
    """What is wrong with a value; empty if it fits."""
    fits = {
        "boolean": isinstance(value, bool),
        "string": isinstance(value, str),
        "integer": isinstance(value, int) and not isinstance(value, bool),
        "float": isinstance(value, int | float) and not isinstance(value, bool),
    }[spec.type]
    if not fits:
        words = {"boolean": "true or false", "string": "a string", "integer": "a whole number", "float": "a number"}
        return f"must be {words[spec.type]}"
    if spec.choices and value not in spec.choices:
        return f"must be one of {', '.join(spec.choices)}"
    if isinstance(value, int | float):
        if spec.minimum is not None and not value >= spec.minimum:
            return f"must be at least {spec.minimum:g}"
        if spec.maximum is not None and not value <= spec.maximum:
            return f"must be at most {spec.maximum:g}"
    return ""
