"""What a process may use, what it uses, and how it ended; all by Linux's own means."""

from __future__ import annotations

import ctypes
import os
import re
import resource
import signal

_PAGE = os.sysconf("SC_PAGE_SIZE")
_MEBIBYTE = 1 << 20
_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15

#: Read by libraries when they are loaded, or when they first start threads.
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "RAYON_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)

#: Signals that mean a fault of the code that ran, which would come again.
FAULTS = frozenset(
    {signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT, signal.SIGTRAP, signal.SIGSYS}
)

#: What C and C++ libraries write before they give up for want of memory.
_OUT_OF_MEMORY_WORDS = (
    "bad_alloc",
    "out of memory",
    "cannot allocate memory",
    "memory allocation of",
    "insufficient memory",
)


def usage(pid: int) -> tuple[int, int]:
    """Virtual size and resident set of a process in bytes; zeros if it is gone."""
    try:
        with open(f"/proc/{pid}/statm", "rb", buffering=0) as file:
            words = file.read(128).split()
        return int(words[0]) * _PAGE, int(words[1]) * _PAGE
    except (OSError, IndexError):
        return 0, 0


def cap_memory(size: int | None) -> None:
    """Let this process have at most ``size`` bytes of address space: an allocation beyond fails. None lifts the cap."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    soft = resource.RLIM_INFINITY if size is None else size
    if hard != resource.RLIM_INFINITY and (soft == resource.RLIM_INFINITY or soft > hard):
        soft = hard
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def set_threads(count: int) -> None:
    """Tell libraries that start their threads later how many to take."""
    for name in THREAD_VARIABLES:
        os.environ[name] = str(count)


def die_with_parent(parent: int, name: str) -> None:
    """Make the kernel kill this process when its parent dies, and give it a name that ``ps`` shows."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    libc.prctl(_PR_SET_NAME, name.encode()[:15], 0, 0, 0)
    if os.getppid() != parent:  # it died before the call
        os._exit(1)


def death_words(status: int | None) -> str:
    """How a process ended, from its wait status, as the end of a sentence that begins "the runner"."""
    if status is None:
        return "disappeared together with the process that started it"
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        try:
            name = signal.Signals(number).name
        except ValueError:
            name = f"signal {number}"
        what = {
            "SIGSEGV": "invalid memory access",
            "SIGABRT": "it gave up by itself",
            "SIGBUS": "invalid memory access",
            "SIGFPE": "arithmetic fault",
            "SIGILL": "an instruction that this processor does not have",
            "SIGKILL": "killed from outside, perhaps because the machine ran out of memory",
            "SIGXCPU": "limit on processor time",
        }.get(name)
        return f"died of {name}" + (f" ({what})" if what else "")
    return f"ended by itself with exit code {os.waitstatus_to_exitcode(status)}"


def death_signal(status: int | None) -> signal.Signals | None:
    """The signal that ended a process; None if it was none, or not known."""
    if status is None or not os.WIFSIGNALED(status):
        return None
    try:
        return signal.Signals(os.WTERMSIG(status))
    except ValueError:
        return None


def speaks_of_memory(text: str) -> bool:
    """True if the last words of a process say that it lacked memory."""
    text = text.lower()
    return any(words in text for words in _OUT_OF_MEMORY_WORDS)


def machine_memory() -> int:
    """Bytes of memory that this machine, or the control group that this process is in, has."""
    total = os.sysconf("SC_PHYS_PAGES") * _PAGE
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            with open(path, encoding="ascii") as file:
                total = min(total, int(file.read()))
        except (OSError, ValueError):
            continue
    return total


def machine_cores() -> int:
    """Cores that this process may use, by affinity and by the control group's quota."""
    cores = len(os.sched_getaffinity(0))
    try:
        with open("/sys/fs/cgroup/cpu.max", encoding="ascii") as file:
            quota, period = file.read().split()[:2]
        cores = min(cores, max(1, int(quota) // int(period)))
    except (OSError, ValueError):
        return cores
    return cores


def machine_gpus() -> int:
    """NVIDIA devices that this process may use, without asking their driver."""
    devices = len([name for name in os.listdir("/dev") if re.fullmatch(r"nvidia\d+", name)])
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return devices
    return min(devices, len([name for name in visible.split(",") if name.strip() not in ("", "-1")]))
