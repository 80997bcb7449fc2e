"""Large files through real processes: neither gateway nor connector holds them, whatever their size."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from harness.installed import http_of
from imprint import files
from imprint.local import ports
from imprint.local.installation import Installation
from imprint.watch import follow
from saga.disks import raw

MIB = 2**20
SIZE = 2 * 2**30
MOST = 40 * MIB
"""What a process may grow by while gigabytes pass through it: its buffers, and what the allocator keeps."""
BLOCK = random.Random(1).randbytes(MIB)
HEAD = raw(16)


def piece(number: int) -> bytes:
    """Number ``number`` of the disk's MiBs: all different, none of them zero."""
    return HEAD if number == 0 else BLOCK[:-8] + number.to_bytes(8, "big")


def resident(pid: int, name: str) -> int:
    """``VmRSS`` or ``VmHWM`` of a process, in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise LookupError(name)


class Watched:
    """How much a process grows within a block."""

    def __init__(self, pid: int | None) -> None:
        assert pid is not None
        self.pid, self.grown, self.peak = pid, 0, 0

    def __enter__(self) -> "Watched":
        self._before = resident(self.pid, "VmRSS")
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")  # the peak begins anew
        return self

    def __exit__(self, *_: object) -> None:
        self.peak = resident(self.pid, "VmHWM")
        self.grown = self.peak - self._before


async def body() -> AsyncIterator[bytes]:
    for number in range(SIZE // MIB):
        yield piece(number)


@pytest.mark.slow
@pytest.mark.needs_root
@pytest.mark.timeout(600)
async def test_gigabytes_pass_through_the_gateway_and_leave_its_memory_as_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = []
    async with Installation(tmp_path / "all", pods=1, port=ports.any_free()) as running:
        door, pod = running.children["gateway"].pid, running.children["pod-1"].pid
        async with http_of(running, timeout=120) as http:
            begun = await http.post(
                "/v1/uploads", json={"pod": "pod-1", "name": "large.raw"}, headers={"Upload-Length": str(SIZE)}
            )
            assert begun.status_code == 201, begun.text
            headers = {"Content-Length": str(SIZE)}
            with Watched(door) as one, Watched(pod) as two:
                since = time.monotonic()
                sent = await http.put(begun.headers["location"], content=body(), headers=headers)
                taken = time.monotonic() - since
            assert sent.status_code == 200, sent.text
        said.append(f"upload {SIZE / taken / 1e6:.0f} MB/s, peak {one.peak / MIB:.0f} and {two.peak / MIB:.0f} MiB")
        assert one.grown < MOST
        assert two.grown < MOST
        async with running.client() as client:
            accepted = await client.import_version(
                "default/large", pod="pod-1", name="large.raw", kind="file", mode="convert"
            )
            assert (await follow(client, accepted.job, lambda _: None)).state == "SUCCESS"
            accepted = await client.publish("default/large", "1.0.0")
            assert (await follow(client, accepted.job, lambda _: None)).state == "SUCCESS"
            with Watched(door) as one, Watched(pod) as two:
                since = time.monotonic()
                url = "/v1/images/default%2Flarge/versions/1.0.0/disks/0/content"
                size = 0
                async with client.stream("GET", url) as answer:
                    async for data in answer.aiter_raw(MIB):
                        size += len(data)
                taken = time.monotonic() - since
            assert size == SIZE
            said.append(f"export {SIZE / taken / 1e6:.0f} MB/s, peak {one.peak / MIB:.0f} and {two.peak / MIB:.0f} MiB")
            assert one.grown < MOST
            assert two.grown < MOST
            with Watched(door) as one, Watched(pod) as two:
                since = time.monotonic()
                target = tmp_path / "back.raw"
                got = await files.export(
                    client, "default/large", "1.0.0", 0, target, force=False, advance=lambda _, __: None
                )
                taken = time.monotonic() - since
            assert got.sha256 == sent.json()["sha256"]
            said.append(f"`image export` {SIZE / taken / 1e6:.0f} MB/s, verified")
            assert one.grown < MOST
            assert two.grown < MOST
    await asyncio.to_thread((tmp_path / "back.raw").unlink)
    with capsys.disabled():
        print("\n" + "\n".join(said))
