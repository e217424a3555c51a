"""The system calls that a runner does not get: those that make sockets, reach other processes, or change the machine.

A program for the kernel's own filter (seccomp, classic BPF): it looks at the number of the call only, and answers
EACCES, as if there were no right to it. ``socketpair`` stays: its two ends lead nowhere but to each other.
"""

from __future__ import annotations

import errno
import platform
import struct

_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000
_LOAD, _EQUAL, _ABOVE, _RETURN = 0x20, 0x15, 0x25, 0x06

#: Audit's number of the processor, and the numbers of the calls.
_X86 = {
    "socket": 41, "connect": 42, "accept": 43, "bind": 49, "listen": 50, "accept4": 288,
    "ptrace": 101, "process_vm_readv": 310, "process_vm_writev": 311, "kcmp": 312,
    "mount": 165, "umount2": 166, "pivot_root": 155, "chroot": 161, "unshare": 272, "setns": 308,
    "init_module": 175, "finit_module": 313, "delete_module": 176, "kexec_load": 246, "kexec_file_load": 320,
    "bpf": 321, "perf_event_open": 298, "userfaultfd": 323, "add_key": 248, "request_key": 249, "keyctl": 250,
    "open_by_handle_at": 304, "reboot": 169, "swapon": 167, "acct": 163, "settimeofday": 164, "clock_settime": 227,
}  # fmt: skip
_ARM = {
    "socket": 198, "connect": 203, "accept": 202, "bind": 200, "listen": 201, "accept4": 242,
    "ptrace": 117, "process_vm_readv": 270, "process_vm_writev": 271, "kcmp": 272,
    "mount": 40, "umount2": 39, "pivot_root": 41, "chroot": 51, "unshare": 97, "setns": 268,
    "init_module": 105, "finit_module": 273, "delete_module": 106, "kexec_load": 104, "kexec_file_load": 294,
    "bpf": 280, "perf_event_open": 241, "userfaultfd": 282, "add_key": 217, "request_key": 218, "keyctl": 219,
    "open_by_handle_at": 265, "reboot": 142, "swapon": 224, "acct": 89, "settimeofday": 170, "clock_settime": 112,
}  # fmt: skip
#: With one number on both: io_uring makes sockets without the calls above; descriptors of other processes.
_BOTH = {"io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "pidfd_getfd": 438,
         "open_tree": 428, "move_mount": 429, "fsopen": 430, "mount_setattr": 442}  # fmt: skip
_MACHINES = {"x86_64": (0xC000003E, _X86), "aarch64": (0xC00000B7, _ARM)}
_X32 = 0x40000000
"""Calls of x86-64's other interface have this bit."""


def supported() -> str:
    """Why there is no filter for this machine; empty if there is one."""
    if platform.system() != "Linux":
        return f"{platform.system()} has no seccomp"
    return "" if platform.machine() in _MACHINES else f"no filter is known for {platform.machine()}"


def program() -> bytes:
    """The filter, eight bytes for each instruction."""
    audit, calls = _MACHINES[platform.machine()]
    numbers = sorted({*calls.values(), *_BOTH.values()})
    refuse = _ERRNO | errno.EACCES
    count = len(numbers)
    # load the processor; another one's calls are refused; load the call; refuse those of the list
    lines = [(_LOAD, 0, 0, 4), (_EQUAL, 1, 0, audit), (_RETURN, 0, 0, refuse), (_LOAD, 0, 0, 0)]
    lines.append((_ABOVE, count + 1, 0, _X32 - 1))
    lines += [(_EQUAL, count - k, 0, number) for k, number in enumerate(numbers)]
    lines += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, refuse)]
    return b"".join(struct.pack("HBBI", *line) for line in lines)
