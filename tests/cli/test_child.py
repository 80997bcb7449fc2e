"""Child processes: kept running, stopped in the end, never left behind."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from harness.wait import until
from imprint.local import child as module
from imprint.local.child import Child, how

HELLO = "import os, time; print('hello', os.getpid(), flush=True); time.sleep(600)"
STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"


class Notices(list[str]):
    """What was said, and waiting until something is."""

    def __init__(self) -> None:
        super().__init__()
        self.news = asyncio.Event()

    def __call__(self, text: str) -> None:
        self.append(text)
        self.news.set()


@asynccontextmanager
async def running(code: str, folder: Path, notices: Notices, word: str = "") -> AsyncIterator[Child]:
    """A child that has said ``word``."""
    child = Child("toy", [sys.executable, "-c", code], dict(os.environ), folder / "toy.log", notices)
    await child.start()
    try:
        await until(lambda: word in child.tail())
        yield child
    finally:
        await child.stop()


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Restarts without the pauses of real life."""
    monkeypatch.setattr(module, "PAUSES", (0.0, 0.0))


@pytest.mark.usefixtures("quickly")
async def test_a_child_that_dies_is_started_again_and_that_is_said(tmp_path: Path) -> None:
    notices = Notices()
    async with running(HELLO, tmp_path, notices, "hello") as child:
        first = child.pid
        child.send(signal.SIGKILL)
        await notices.news.wait()
        await until(lambda: child.pid not in (None, first) and child.tail().count("hello") == 2)
        assert "toy was ended by SIGKILL; starting it again" in notices[0]
        assert str(child.log) in notices[0]
        assert child.deaths == 1


async def test_a_stopped_child_is_gone_and_is_not_started_again(tmp_path: Path) -> None:
    notices = Notices()
    async with running(HELLO, tmp_path, notices, "hello") as child:
        pid = child.pid
        assert pid is not None
        await child.stop()
        assert child.pid is None
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        with pytest.raises(ProcessLookupError):
            child.send(signal.SIGTERM)
    assert notices == []


async def test_a_child_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    notices = Notices()
    async with running(STUBBORN, tmp_path, notices, "deaf") as child:
        await child.stop(timeout=0.1)
        assert child.pid is None
    assert notices == ["toy did not end within 0.1 s and is killed"]


async def test_a_child_can_be_stopped_while_it_waits_to_be_started_again(tmp_path: Path) -> None:
    notices = Notices()
    async with running("raise SystemExit(3)", tmp_path, notices) as child:
        await notices.news.wait()
        await child.stop()
        assert child.pid is None
    assert len(notices) == 1
    assert "ended with code 3" in notices[0]


async def test_a_large_log_is_put_aside_at_the_next_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOG_LIMIT", 10)
    (tmp_path / "toy.log").write_text("from the time before\n")
    async with running(HELLO, tmp_path, Notices(), "hello") as child:
        assert "before" not in child.tail()
    assert (tmp_path / "toy.log.1").read_text() == "from the time before\n"


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux's")
async def test_a_child_does_not_outlive_a_parent_that_was_killed(tmp_path: Path) -> None:
    parent = f"""
import asyncio, sys
from pathlib import Path
from imprint.local.child import Child
async def main():
    child = Child("toy", [sys.executable, "-c", {HELLO!r}], {{}}, Path({str(tmp_path / "toy.log")!r}), print)
    await child.start()
    print(child.pid, flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", parent, stdout=subprocess.PIPE)
    assert process.stdout is not None
    pid = int(await process.stdout.readline())
    os.kill(pid, 0)
    process.kill()
    await process.wait()

    def gone() -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except FileNotFoundError:
            return True

    await until(gone)


@pytest.mark.parametrize(("code", "words"), [(0, "ended with code 0"), (-9, "was ended by SIGKILL")])
def test_an_end_is_told_in_words(code: int, words: str) -> None:
    assert how(code) == words
