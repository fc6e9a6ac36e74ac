"""What the analysing process can't do, whoever's code runs in it: each fence alone, and all in the real child."""

import asyncio
import os
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from hostile import hostile_pack
from postil.lint.change import Change
from postil.sandbox import Analyst

LINUX = sys.platform == "linux"
TRIES = """
import ctypes, os, socket, subprocess, sys
from pathlib import Path
from postil import fence

libc = ctypes.CDLL(None, use_errno=True)

def fails(call, *arguments):
    return call(*arguments) == -1

def refused(action):
    try:
        action()
    except OSError:
        return True
    return False

def connect():
    socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=5).close()

secret = Path(sys.argv[2])
home = Path(sys.argv[3])
"""


@pytest.fixture
def port() -> Iterator[int]:
    """A port of this machine where somebody listens, as a database or a metadata service would."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that may be read, beside a file that may not."""
    (tmp_path / "secret").write_text("the key")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "page").write_text("a page")
    return tmp_path


def tried(fenced: str, port: int, folder: Path) -> list[str]:
    """What a process of its own prints when it runs `fenced`."""
    program = TRIES + textwrap.dedent(fenced)
    arguments = [str(port), str(folder / "secret"), str(folder / "home")]
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    if done.stdout.startswith("not here"):
        pytest.skip("the kernel, or the container around, forbids this fence")
    return done.stdout.split()


def test_the_port_answers_without_a_fence(port: int, folder: Path) -> None:
    """Else the refusals below would prove nothing."""
    assert tried("print(refused(connect), refused(secret.read_text))", port, folder) == ["False", "False"]


def test_a_network_namespace_holds_nothing_to_connect_to(port: int, folder: Path) -> None:
    """It holds for code of any language."""
    fenced = """
    held = fence.leave_network()
    print(refused(connect) if held else "not here")
    """

    assert tried(fenced, port, folder) == ["True"]


def test_the_filter_refuses_sockets_and_processes_to_any_code(port: int, folder: Path) -> None:
    """Asked of the C library itself: what Python would say doesn't matter."""
    fenced = """
    if not fence.filter_system_calls():
        sys.exit(print("not here"))
    print(fails(libc.socket, socket.AF_INET, socket.SOCK_STREAM, 0), fails(libc.socket, socket.AF_UNIX, 1, 0))
    print(refused(lambda: subprocess.run(["true"])), fails(libc.fork), fails(libc.execv, b"/bin/true", None))
    print(fails(libc.ptrace, 16, os.getppid(), None, None), fails(libc.kill, os.getppid(), 0))
    """

    assert tried(fenced, port, folder) == ["True"] * 7


def test_the_filter_leaves_what_the_child_needs(port: int, folder: Path) -> None:
    """It limits its own time for each file, and ends itself when memory is short."""
    fenced = """
    if not fence.filter_system_calls():
        sys.exit(print("not here"))
    import resource, signal
    resource.setrlimit(resource.RLIMIT_CPU, (10, resource.RLIM_INFINITY))
    signal.signal(signal.SIGABRT, lambda *_: print("heard"))
    signal.raise_signal(signal.SIGABRT)
    print(libc.kill(os.getpid(), 0), secret.read_text())
    """

    assert tried(fenced, port, folder) == ["heard", "0", "the", "key"]


def test_landlock_leaves_reading_below_the_given_folders(port: int, folder: Path) -> None:
    """The parent's environment holds the private key, and /proc shows it to every process of the same user."""
    fenced = """
    environ = Path(f"/proc/{os.getppid()}/environ")
    before = refused(environ.read_bytes)
    if not fence.restrict_files([home, Path(sys.prefix), home / "missing"]):
        sys.exit(print("not here"))
    page = home / "page"
    print(before, page.read_text(), refused(secret.read_text), refused(environ.read_bytes))
    print(libc.open(bytes(page), os.O_WRONLY), libc.unlink(bytes(page)), libc.truncate(bytes(page), 0))
    print(libc.rename(bytes(page), bytes(home / "other")), libc.mkdir(bytes(home / "new"), 0o700))
    """

    assert tried(fenced, port, folder) == ["False", "a", "page", "True", "True", *["-1"] * 5]


def test_python_refuses_what_the_kernel_can_not(port: int, folder: Path) -> None:
    """On a system without namespaces, filters and Landlock this is what is left, and it works everywhere."""
    fenced = """
    fence.refuse_in_python()
    page = home / "page"
    print(refused(connect), refused(lambda: subprocess.run(["true"])), refused(os.fork))
    print(refused(lambda: os.kill(os.getppid(), 0)), refused(lambda: os.system("true")))
    print(refused(lambda: page.write_text("")), refused(lambda: page.open("a")), refused(page.unlink))
    print(refused(lambda: os.open(page, os.O_RDWR)), refused(lambda: page.rename(home / "other")))
    print(page.read_text())
    """

    assert tried(fenced, port, folder) == [*["True"] * 10, "a", "page"]


CHECK = '''"""A check that does what the file tells it to, as a fault in the parser might let it."""

import libcst as cst
from postil.lint import Note, Notes, SourceFile


def check(call: cst.Call, file: SourceFile) -> Notes:
    """Obey."""
    if file.code(call.func) == "run":
        told = {}
        exec(call.args[0].value.evaluated_value, told)
        yield Note(call, str(told["came"]))
'''
TRY = """
def attempt(action):
    try:
        action()
    except OSError as error:
        return type(error).__name__
    return "done"
"""


@pytest.fixture
def obedient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pack whose only check runs what the reviewed file says."""
    return hostile_pack(tmp_path, "obedient_checks", CHECK, monkeypatch)


def obeyed(pack: Path, code: str) -> str:
    """What came of `code`, run where the analysis runs."""

    async def story() -> list[str]:
        async with Analyst([pack]) as analyst:
            text = f"run({TRY + textwrap.dedent(code)!r})\n"
            analysis = await analyst.analyse([Change("a.py", text, None)], {}, {})
            assert analysis.problems == ()
            return [each.finding.message for each in analysis.introduced]

    (message,) = asyncio.run(story())
    return message


def test_code_inside_the_child_reaches_no_server(obedient: Path, port: int) -> None:
    """A listening server on this very machine, for Python's own sockets."""
    code = f"""
    import socket
    came = attempt(lambda: socket.create_connection(("127.0.0.1", {port}), timeout=5))
    """

    assert obeyed(obedient, code) == "PermissionError"


@pytest.mark.skipif(not LINUX, reason="the other systems have only Python's own refusals")
def test_code_inside_the_child_can_not_go_around_python(obedient: Path, port: int) -> None:
    """The C library makes no connection either, by whichever of the kernel's fences."""
    code = f"""
    import ctypes, socket, struct
    libc = ctypes.CDLL(None)
    one = libc.socket(2, 1, 0)
    address = struct.pack("=H", 2) + struct.pack("!H", {port}) + bytes([127, 0, 0, 1]) + bytes(8)
    came = libc.connect(one, address, 16)
    """

    assert obeyed(obedient, code) == "-1"


def test_code_inside_the_child_changes_no_file(obedient: Path) -> None:
    """Not even to make one shorter, which a limit on what is written allows."""
    victim = obedient / "pack.toml"
    code = f"""
    import os
    came = [attempt(lambda: open({str(victim)!r}, "w")), attempt(lambda: os.remove({str(victim)!r}))]
    """
    before = victim.read_text()

    assert obeyed(obedient, code) == "['PermissionError', 'PermissionError']"
    assert victim.read_text() == before


def test_code_inside_the_child_starts_no_process(obedient: Path) -> None:
    """What it started would outlive it, and its limits."""
    code = """
    import os, subprocess
    came = [attempt(os.fork), attempt(lambda: subprocess.run(["true"]))]
    """

    assert obeyed(obedient, code) == "['PermissionError', 'PermissionError']"


def test_what_holds_is_logged_once(obedient: Path) -> None:
    """An operator who wants the kernel's fences sees whether the container allows them."""

    async def story() -> None:
        async with Analyst([obedient]) as analyst:
            for _ in range(2):
                await analyst.analyse([Change("a.py", "x = 1\n", None)], {}, {})

    with structlog.testing.capture_logs() as logged:
        asyncio.run(story())
    (fences,) = [line for line in logged if line["event"] == "fence"]

    assert set(fences) - {"event", "log_level"} == {"network", "files", "processes"}
    assert all(fences[what] for what in ("network", "files", "processes"))
