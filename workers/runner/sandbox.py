"""What a runner may reach, bounded by Linux itself: no network, no other process, no file but what solving needs.

Two of the kernel's own means, for which a process needs no rights (it only ever gives some away): Landlock for files
(and TCP), seccomp for everything that makes sockets or touches other processes. What the kernel does not offer is left
out, and said: ``enter`` returns what holds, ``probe`` tells it beforehand, and workers announce it.
"""

from __future__ import annotations

import ctypes
import errno
import glob
import os
import struct
import sys
from collections.abc import Sequence
from pathlib import Path

from workers.runner import filters

_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_SECCOMP = 22
_SECCOMP_MODE_FILTER = 2
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every processor
_VERSION_FLAG = 1
_PATH_BENEATH = 1

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_IOCTL_DEVICE = 1 << 15
#: Rights to files by Landlock's version: ways to make and remove files; then linking, truncating, devices.
_FILES = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1}
_TCP = 3
_SCOPES = 3
_BEGAN = os.getcwd()
"""Python takes modules from there too; it may be somebody's home."""
_READ = _EXECUTE | _READ_FILE | _READ_DIR

#: What programs and their libraries are made of, and what describes the machine to them. Nothing of Kantor's.
_READABLE = ("/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin", "/opt", "/nix", "/etc", "/sys", "/run/nvidia")
#: Of /proc what is not another process: their environments hold secrets.
_PROCESS = (
    "self",
    "cpuinfo",
    "meminfo",
    "stat",
    "version",
    "filesystems",
    "devices",
    "loadavg",
    "uptime",
    "sys",
    "driver",
)
#: Not /dev/shm, which all processes share.
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty", "nvidia*", "nvidia-caps/*", "kfd", "dri")


def probe() -> dict[str, str]:
    """What would hold here: for "network", "files" and "processes" either "closed" or why not."""
    version = _landlock_version()
    seccomp = filters.supported()
    return {
        "network": "closed" if not seccomp else f"open: {seccomp}",
        "files": "closed" if version > 0 else "open: this kernel has no Landlock, or it is switched off",
        "processes": "closed" if not seccomp else f"open: {seccomp}",
    }


def enter(folder: Path, inputs: Path, readable: Sequence[str] = (), writable: Sequence[str] = ()) -> dict[str, str]:
    """Give up, for good, what solving does not need; as ``probe``, after the fact.

    Args:
        folder: this runner's own: it may write here, and nowhere else.
        inputs: where the worker puts artifacts: files can be read by who knows their names, not listed.
        readable, writable: further folders and files.
    """
    held = probe()
    if _LIBC.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        words = f"open: {os.strerror(ctypes.get_errno())}"
        return dict.fromkeys(held, words)
    if held["files"] == "closed":
        try:
            _landlock(_landlock_version(), folder, inputs, readable, writable)
        except OSError as error:
            held["files"] = f"open: {error.strerror}"
    if held["network"] == "closed":
        try:
            _seccomp()
        except OSError as error:
            held["network"] = held["processes"] = f"open: {error.strerror}"
    return held


def _landlock_version() -> int:
    found = _LIBC.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint(_VERSION_FLAG))
    return max(0, int(found))


def _landlock(version: int, folder: Path, inputs: Path, readable: Sequence[str], writable: Sequence[str]) -> None:
    handled = _FILES[min(version, 4)] | (_IOCTL_DEVICE if version >= 5 else 0)
    fields = [handled]
    if version >= 4:
        fields.append(_TCP)
    if version >= 6:
        fields.append(_SCOPES)
    attributes = struct.pack(f"={len(fields)}Q", *fields)
    ruleset = _LIBC.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint(0))
    if ruleset < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    try:
        for path in (*_READABLE, *(f"/proc/{name}" for name in _PROCESS), *_installation(), *readable):
            _allow(ruleset, path, handled & _READ)
        for path in (path for pattern in _DEVICES for path in glob.glob(f"/dev/{pattern}")):
            _allow(ruleset, path, handled)
        _allow(ruleset, str(inputs), handled & _READ_FILE)
        for path in (str(folder), *writable):
            _allow(ruleset, path, handled)
        if _LIBC.syscall(_RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint(0)) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    """A path that is not there, or that is no folder, is left out or gets the rights that files have."""
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not os.path.isdir(path):
            rights &= _EXECUTE | _READ_FILE | _WRITE_FILE
        rule = struct.pack("=Qi", rights, descriptor)
        if _LIBC.syscall(_ADD_RULE, ctypes.c_int(ruleset), _PATH_BENEATH, rule, ctypes.c_uint(0)) != 0:
            number = ctypes.get_errno()
            if number != errno.EINVAL:
                raise OSError(number, os.strerror(number))
    finally:
        os.close(descriptor)


def _installation() -> Sequence[str]:
    """Where Python and its modules are."""
    places = {sys.prefix, sys.base_prefix, sys.exec_prefix, *(path for path in sys.path if os.path.isdir(path))}
    if not os.path.isdir(os.path.join(_BEGAN, "workers", "runner")):
        places.discard(_BEGAN)
    places.update(path for path in os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep) if path)
    return sorted(places - {"/"})


def _seccomp() -> None:
    program = filters.program()
    buffer = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(buffer))
    if _LIBC.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, header, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
