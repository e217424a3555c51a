"""As whom PostgreSQL runs. It refuses to be root; then it gets a user namespace of its own, or the user nobody."""

from __future__ import annotations

import hashlib
import os
import pwd
import subprocess
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal, TypedDict, get_args

from service.embedded import unroot

Mode = Literal["self", "namespace", "nobody"]
_ELSEWHERE = Path("/var/lib")


class User(TypedDict, total=False):
    """Keywords of ``subprocess``."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True)
class Identity:
    """How to start a process that must not be root.

    self: as we are. namespace: our user for the rest of the system (files need no other owner), not root for itself.
    nobody: another user, who must own the data and must be able to reach programs and data.
    """

    mode: Mode

    def command(self, program: Path, *arguments: str) -> list[str]:
        """The command line that starts a program so. Signals reach it directly: what stands before it becomes it."""
        before = [sys.executable, "-I", "-S", unroot.__file__] if self.mode == "namespace" else []
        return [*before, str(program), *arguments]

    @property
    def user(self) -> User:
        """What ``subprocess`` is told beside the command."""
        if self.mode != "nobody":
            return {}
        user = pwd.getpwnam("nobody")
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}

    def own(self, folder: Path) -> None:
        """Make a folder the data folder of such a process: its own, closed to others."""
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        if self.mode == "nobody":
            user = pwd.getpwnam("nobody")
            os.chown(folder, user.pw_uid, user.pw_gid)

    def place(self, home: Path) -> Path:
        """A folder for its data: ``home``; where nobody cannot reach that (it lies in /root), one of the system's."""
        if self.mode != "nobody":
            return home
        home.mkdir(parents=True, exist_ok=True)
        home.chmod(0o711)
        if reachable(home):
            return home
        place = _ELSEWHERE / f"kantor-{hashlib.sha256(os.fsencode(home)).hexdigest()[:12]}"
        place.mkdir(mode=0o711, exist_ok=True)
        return place


def reachable(path: Path) -> bool:
    """True if every user may pass the folders on the way to ``path``."""
    return all(folder.stat().st_mode & 0o001 for folder in (path, *path.parents) if folder.is_dir())


@lru_cache(maxsize=1)
def identity() -> Identity:
    """The way that works here. ``KANTOR_EMBEDDED_IDENTITY`` (self, namespace, nobody) decides instead, if set."""
    asked = os.environ.get("KANTOR_EMBEDDED_IDENTITY")
    for mode in get_args(Mode):
        if mode == asked:
            return Identity(mode)
    if os.geteuid() != 0:
        return Identity("self")
    return Identity("namespace" if sys.platform == "linux" and _namespaces_work() else "nobody")


def _namespaces_work() -> bool:
    """User namespaces are often forbidden in containers: try."""
    try:
        command = Identity("namespace").command(Path("/bin/true"))
        return subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode == 0
    except OSError:
        return False
