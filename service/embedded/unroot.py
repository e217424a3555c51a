"""Run as a program: ``unroot.py PROGRAM ARGUMENTS...`` becomes PROGRAM in a user namespace where it is not root.

A program and not a function between fork and exec: threads of the process that starts it may hold any lock then, and
what goes wrong there has no words. Only the standard library, no site packages.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
import time

_CLONE_NEWUSER = 0x10000000
_INSIDE = 65534
#: The kernel counts namespaces of processes that have just ended for a moment longer.
_PASSING = (errno.ENOSPC, errno.EAGAIN, errno.EUSERS)
_PATIENCE = 3.0


def enter() -> None:
    """Raises ``OSError`` if this process cannot have a user namespace, or cannot say who it is within."""
    uid, gid = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    end = time.monotonic() + _PATIENCE
    while libc.unshare(_CLONE_NEWUSER) != 0:
        number = ctypes.get_errno()
        if number not in _PASSING or time.monotonic() > end:
            raise OSError(number, f"no user namespace ({os.strerror(number)})")
        time.sleep(0.05)
    for name, text in (("setgroups", "deny"), ("uid_map", f"{_INSIDE} {uid} 1"), ("gid_map", f"{_INSIDE} {gid} 1")):
        with open(f"/proc/self/{name}", "wb", buffering=0) as file:
            file.write(text.encode())


if __name__ == "__main__":
    try:
        enter()
        os.execv(sys.argv[1], sys.argv[1:])  # noqa: S606
    except OSError as error:
        sys.stderr.write(f"{sys.argv[1]} cannot be started as another user than root: {error}\n")
        sys.exit(126)
