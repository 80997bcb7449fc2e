"""The `imprint` command with disk files, against a running house: sent, imported, exported, cut and gone on."""

import asyncio
import os
import random
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from gateway.server import Gateway, gateway
from harness.digests import sha256_of
from harness.house import TOKEN, House
from imprint import files
from imprint.client import Client
from imprint.exits import CommandFailure
from saga.disks import raw, sparse_raw

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def door(home: House, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    async with gateway(home.door_settings(tmp_path_factory.mktemp("gateway"))) as found:
        yield found


async def imprint(door: Gateway, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "imprint", *arguments, "--server", door.url]
    return await asyncio.to_thread(
        subprocess.run,
        command,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "IMPRINT_TOKEN": TOKEN},
    )


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def read(path: Path) -> tuple[bytes, int]:
    """Content, and bytes on disk."""
    return path.read_bytes(), path.stat().st_blocks * 512


async def test_a_file_is_sent_and_imported_in_one_go_and_comes_back_sparse(
    home: House, door: Gateway, tmp_path: Path
) -> None:
    content = sparse_raw(40)
    source = written(tmp_path / "golden.raw", content)
    done = await imprint(door, "image", "import", "default/cli", "--pod", "pod-1", "--upload", str(source), "--wait")
    assert done.returncode == 0, done.stderr
    done = await imprint(door, "image", "publish", "default/cli", "--wait")
    assert done.returncode == 0, done.stderr
    await home.quiet()
    assert [name for name in os.listdir(home.site("pod-1").root / "incoming") if not name.startswith(".")] == []
    target = tmp_path / "back.raw"
    done = await imprint(door, "image", "export", "default/cli", "1.0.0", "--to", str(target))
    assert done.returncode == 0, done.stderr
    assert sha256_of(content) in done.stdout
    found, taken = read(target)
    assert found == content
    assert taken < len(content) * 0.6
    again = await imprint(door, "image", "export", "default/cli", "1.0.0", "--to", str(target))
    assert again.returncode == 3
    assert "exists" in again.stderr
    forced = await imprint(door, "image", "export", "default/cli", "1.0.0", "--to", str(target), "--force")
    assert forced.returncode == 0, forced.stderr
    assert sorted(os.listdir(tmp_path)) == ["back.raw", "golden.raw"]


async def test_an_interrupted_export_goes_on_with_what_is_there(home: House, door: Gateway, tmp_path: Path) -> None:
    content = raw(100, seed=5)
    home.site("pod-1").file("resume.raw", content)
    version = await home.imported("default/resume", kind="file", name="resume.raw")
    await home.published("1.0.0", "default/resume", pods=["pod-2"])
    target = tmp_path / "back.raw"
    part = written(tmp_path / f"back.raw.{sha256_of(content)[:16]}.part", content[:3_333_333])
    seen: list[int] = []
    async with Client(door.url, token=TOKEN) as client:
        got = await files.export(
            client, version.image, "1.0.0", None, target, force=False, advance=lambda done, _: seen.append(done)
        )
        assert got.sha256 == sha256_of(content)
        assert seen[0] == 3_333_333
        assert read(target)[0] == content
        # A part that is not one of this disk is found out at the end, and nothing is left of it.
        written(part, bytes(1000))
        with pytest.raises(CommandFailure, match="not the disk"):
            await files.export(client, version.image, "1.0.0", None, target, force=True, advance=lambda _, __: None)
    assert read(target)[0] == content
    assert os.listdir(tmp_path) == ["back.raw"]


class Cutting:
    """A way to the gateway that breaks off each connection after some bytes."""

    def __init__(self, port: int, after: int) -> None:
        self._port, self._after = port, after
        self.cuts = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._port)
        left = self._after

        async def pass_on(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
            nonlocal left
            while left > 0 and (data := await source.read(65536)):
                left -= len(data)
                target.write(data)
                await target.drain()

        await asyncio.wait(
            {asyncio.create_task(pass_on(reader, back)), asyncio.create_task(pass_on(there, writer))},
            return_when=asyncio.FIRST_COMPLETED,
        )
        self.cuts += left <= 0
        for end in (back, writer):
            end.transport.abort()


async def test_a_connection_that_breaks_again_and_again_costs_time_and_nothing_else(
    home: House, door: Gateway, tmp_path: Path
) -> None:
    content = random.Random(1).randbytes(9_000_000)
    source = written(tmp_path / "cut.raw", raw(1)[:512] + content[512:])
    cutting = Cutting(int(door.url.rsplit(":", 1)[1]), 2_500_000)
    server = await asyncio.start_server(cutting.serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, Client(url, token=TOKEN) as client:
        sent = await files.upload(client, source, "pod-1", "cut.raw", lambda _, __: None)
        assert sent.sha256 == sha256_of(read(source)[0])
        assert cutting.cuts >= 3
        version = await home.imported("default/cut", kind="file", name="cut.raw")
        await home.published("1.0.0", "default/cut", pods=["pod-1"])
        cutting.cuts = 0
        target = tmp_path / "back.raw"
        await files.export(client, version.image, "1.0.0", 0, target, force=False, advance=lambda _, __: None)
        assert read(target)[0] == read(source)[0]
        assert cutting.cuts >= 3


async def test_a_file_sent_again_after_the_command_was_killed_goes_on(
    home: House, door: Gateway, tmp_path: Path
) -> None:
    content = random.Random(2).randbytes(6_000_000)
    source = written(tmp_path / "killed.raw", content)
    seen: list[int] = []

    def stop(done: int, _: int) -> None:
        if done > 3_000_000:
            raise KeyboardInterrupt

    async with Client(door.url, token=TOKEN) as client:
        with pytest.raises(KeyboardInterrupt):
            await files.upload(client, source, "pod-1", "killed.raw", stop)
    await asyncio.sleep(0.3)
    async with Client(door.url, token=TOKEN) as client:
        sent = await files.upload(client, source, "pod-1", "killed.raw", lambda done, _: seen.append(done))
    assert seen[0] > 0
    assert sent.sha256 == sha256_of(content)
    assert (home.site("pod-1").root / "incoming" / "killed.raw").stat().st_size == len(content)
