"""What the analysing process takes from itself before it sees a stranger's text: network, files and other processes.

Nothing in here runs what was pushed; these fences are for the day when a fault in the parser or in a check lets it run
after all. The kernel's fences bear that. The audit hook bears only Python code that doesn't try to get around it, and
is there for kernels without the others.

Numbers are those of Linux's own headers: asm/unistd.h, linux/{seccomp,filter,audit,landlock,prctl,sched}.h.
"""

import contextlib
import ctypes
import errno
import os
import platform
import resource
import struct
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_PR_SET_SECCOMP = 22
_PR_SET_NO_NEW_PRIVS = 38
_SECCOMP_MODE_FILTER = 2

_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
"""By the name of the machine: the column of the tables below, and how the kernel names it (AUDIT_ARCH)."""
_REFUSED: dict[str, tuple[int, int | None]] = {
    # Sockets also of the local kind, which a network namespace leaves: a database's, or Docker's.
    "socket": (41, 198),
    "socketpair": (53, 199),
    # Other programs and processes. Threads are made by the same calls, and the analysis has none.
    "execve": (59, 221),
    "execveat": (322, 281),
    "fork": (57, None),
    "vfork": (58, None),
    "clone": (56, 220),
    "clone3": (435, 435),
    # The memory and the open files of processes of the same user, above all of the parent, which holds the secrets.
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    # Ways around this filter, and parts of the kernel that are known for faults.
    "io_uring_setup": (425, 425),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "open_by_handle_at": (304, 265),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
}
_OWN_ONLY: dict[str, tuple[int, int]] = {
    # Allowed where the process that the first argument names is this one: `abort` and `setrlimit` need them.
    "kill": (62, 129),
    "tkill": (200, 130),
    "tgkill": (234, 131),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "prlimit64": (302, 261),
}

_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446  # the same on every architecture
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
_FILE_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
"""All rights that a version of Landlock knows: 2 adds links across folders, 3 truncation, 5 device commands."""
_TCP_RIGHTS = {4: 0b11}
_SCOPES = {6: 0b11}
"""Abstract sockets, and signals to processes outside."""

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_REFUSED_EVENTS = frozenset(
    {
        # What changes files.
        "os.chflags",
        "os.chmod",
        "os.chown",
        "os.link",
        "os.mkdir",
        "os.remove",
        "os.removexattr",
        "os.rename",
        "os.rmdir",
        "os.setxattr",
        "os.symlink",
        "os.truncate",
        "os.utime",
        # What reaches other processes.
        "os.exec",
        "os.fork",
        "os.forkpty",
        "os.kill",
        "os.killpg",
        "os.posix_spawn",
        "os.putenv",
        "os.spawn",
        "os.system",
        "pty.spawn",
        "resource.prlimit",
        "subprocess.Popen",
    }
)
_OTHER_DOORS = ("socket.", "shutil.", "tempfile.", "sqlite3.", "ftplib.", "http.client.", "urllib.", "smtplib.")


def put_up(readable: Iterable[Path]) -> dict[str, str]:
    """Put up every fence that this platform has. Files below `readable` can be read afterwards, and no others.

    Call it in a process with one thread, once all modules are loaded. Returns what now keeps the process from the
    network, from files and from other processes, for the log.
    """
    limited = os.getuid() != 0
    namespace = leave_network()
    landlock = restrict_files(readable)
    # Counts for everybody but root.
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    seccomp = filter_system_calls()
    # Python announces each `id()` as well, of which there are millions: the hook costs a tenth of an analysis.
    hook = not (landlock and seccomp)
    if hook:
        refuse_in_python()
    holds = {
        "network": (("network namespace", namespace), ("seccomp", seccomp), ("audit hook", hook)),
        "files": (("landlock", landlock), ("no file may grow", True), ("audit hook", hook)),
        "processes": (("seccomp", seccomp), ("limit of none", limited), ("audit hook", hook)),
    }
    return {what: ", ".join(name for name, held in fences if held) for what, fences in holds.items()}


def leave_network() -> bool:
    """Enter a network namespace of one's own, with nothing in it. False where kernel or container forbids it."""
    if sys.platform != "linux":
        return False
    return ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0


def filter_system_calls() -> bool:
    """Have the kernel refuse sockets, other processes and ways to them (EPERM). False where it can't."""
    if sys.platform != "linux" or platform.machine() not in _ARCHITECTURES or sys.byteorder != "little":
        return False
    column, architecture = _ARCHITECTURES[platform.machine()]
    program = _filter(
        architecture,
        [number for numbers in _REFUSED.values() if (number := numbers[column]) is not None],
        [numbers[column] for numbers in _OWN_ONLY.values()],
    )
    code = ctypes.create_string_buffer(program, len(program))
    # struct sock_fprog: how many instructions, and where they are.
    described = ctypes.create_string_buffer(struct.pack("@HP", len(program) // 8, ctypes.addressof(code)))
    return _no_new_rights() and _prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(described)) == 0


def _filter(architecture: int, refused: Iterable[int], own_only: Iterable[int]) -> bytes:
    """The filter as a program of the classic BPF: instructions of code, jump if true, jump if false, operand."""
    load, equal, at_least, answer = 0x20, 0x15, 0x35, 0x06
    number_at, architecture_at, first_argument_at = 0, 4, 16  # struct seccomp_data
    refuse = (answer, 0, 0, 0x00050000 | errno.EPERM)
    allow = (answer, 0, 0, 0x7FFF0000)
    program = [
        # The calls of another architecture have other numbers; x32, which shares the name, has them from 2^30.
        *((load, 0, 0, architecture_at), (equal, 1, 0, architecture), refuse),
        *((load, 0, 0, number_at), (at_least, 0, 1, 1 << 30), refuse),
    ]
    for number in refused:
        program += [(equal, 0, 1, number), refuse]
    for number in own_only:
        own = [(load, 0, 0, first_argument_at), (equal, 1, 0, 0), (equal, 0, 1, os.getpid()), allow, refuse]
        program += [(equal, 0, len(own), number), *own]
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in [*program, allow])


def restrict_files(readable: Iterable[Path]) -> bool:
    """Have the kernel's Landlock refuse all of the file system but reading below `readable`. False where it can't.

    Reading is refused as well, for /proc/<parent>/environ and the database are files too. Where its version knows
    them, TCP and signals to processes outside are refused with it.
    """
    if sys.platform != "linux":
        return False
    call = ctypes.CDLL(None, use_errno=True).syscall
    version = call(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), 1)
    if version < 1:
        return False

    def newest(rights: dict[int, int]) -> int:
        return max((each for since, each in rights.items() if since <= version), default=0)

    handled = newest(_FILE_RIGHTS)
    # struct landlock_ruleset_attr, which grew with the versions; what an older kernel doesn't know must be zero.
    wanted = struct.pack("=QQQ", handled, newest(_TCP_RIGHTS), newest(_SCOPES))
    ruleset = call(_LANDLOCK_CREATE, wanted, ctypes.c_size_t(len(wanted)), 0)
    if ruleset < 0:
        # Kernels of distributions name versions of which they have only the part about files.
        ruleset = call(_LANDLOCK_CREATE, wanted, ctypes.c_size_t(8), 0)
    if ruleset < 0:
        return False
    try:
        for path in readable:
            with contextlib.suppress(OSError):
                beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
                rights = _READ_FILE | (_READ_DIR if path.is_dir() else 0)
                # struct landlock_path_beneath_attr, which is packed.
                call(_LANDLOCK_ADD, ruleset, 1, struct.pack("=Qi", rights, beneath), 0)
                os.close(beneath)
        return _no_new_rights() and call(_LANDLOCK_RESTRICT, ruleset, 0) == 0
    finally:
        os.close(ruleset)


def refuse_in_python() -> None:
    """Have Python itself refuse what its modules announce: sockets, other processes, files opened for writing."""

    # What it needs are its own defaults, where no change of a module's globals reaches them.
    def hook(
        event: str,
        arguments: tuple[Any, ...],
        named: frozenset[str] = _REFUSED_EVENTS,
        begun: tuple[str, ...] = _OTHER_DOORS,
        writing: int = _WRITING,
    ) -> None:
        if event == "open":
            if isinstance(arguments[2], int) and arguments[2] & writing:
                raise PermissionError(errno.EPERM, "the analysing process may not write files")
        elif event in named or event.startswith(begun):
            raise PermissionError(errno.EPERM, f"the analysing process may not use {event}")

    sys.addaudithook(hook)


def _no_new_rights() -> bool:
    """Give up whatever rights a program could bring; the kernel asks for it before it takes filters."""
    return _prctl(_PR_SET_NO_NEW_PRIVS, 1) == 0


def _prctl(option: int, *arguments: int) -> int:
    words = [ctypes.c_ulong(each) for each in (*arguments, 0, 0, 0, 0)][:4]
    return ctypes.CDLL(None, use_errno=True).prctl(option, *words)
