"""Reading a disk from those who hold it, some of whom lie: real sockets, and doors that say what a test wants."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from contracts.manifest import Blocks, Disk
from contracts.views import ExportGrantView, HolderView, UploadGrantView
from gateway import exporting
from gateway.exporting import Export
from gateway.outbound import DoorError, Doors
from gateway.problems import RefusedError
from gateway.routes import uploads
from gateway.transfers import Transfers
from runtime.signing import PrivateKey
from runtime.upload_tickets import Upload as UploadName
from runtime.upload_tickets import UploadSigner

CONTENT = bytes(range(256)) * 40
DISK = Disk(
    role="os", lun=0, format="raw", size=len(CONTENT), virtual_size=len(CONTENT), root="a" * 64, sha256="b" * 64,
    grid=Blocks(begin=512, lead=512, block=65536),
)  # fmt: skip
Said = tuple[int, dict[str, str], bytes]


@asynccontextmanager
async def pod(say: Callable[[str, int, int], Said]) -> AsyncIterator[str]:
    """The address of a door that answers ``say(ticket, begin, end)``."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                text = head.decode()
                wanted = re.search(r"bytes=(\d+)-(\d+)", text)
                begin, last = (int(wanted[1]), int(wanted[2])) if wanted else (0, -1)
                ticket = re.search(r"Bearer (\S+)", text)[1]  # type: ignore[index]
                status, headers, body = say(ticket, begin, last + 1)
                named = {"Content-Length": str(len(body))} | headers
                lines = "".join(f"{name}: {value}\r\n" for name, value in named.items())
                writer.write(f"HTTP/1.1 {status} X\r\n{lines}\r\n".encode() + body)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def part(begin: int, end: int) -> Said:
    return 206, {"Content-Range": f"bytes {begin}-{end - 1}/{DISK.size}"}, CONTENT[begin:end]


def grants(address: str) -> Callable[[], Any]:
    """A hub that names one holder, with tickets 1, 2, 3 …"""
    given = iter(range(1, 1000))

    async def admit() -> ExportGrantView:
        holders = (HolderView(pod="pod-1", address=address),)
        return ExportGrantView(holders=holders, ticket=str(next(given)), expires=datetime.now(UTC))

    return admit


async def read(export: Export, *, packed: bool = False) -> bytes:
    return b"".join([piece async for piece in export.body(0, DISK.size, packed=packed)])


async def test_an_export_may_outlive_any_number_of_tickets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "PIECE", 1000)
    used: dict[str, int] = {}

    def say(ticket: str, begin: int, end: int) -> Said:
        used[ticket] = used.get(ticket, 0) + 1
        return part(begin, end) if used[ticket] <= 2 else (401, {}, b"")

    async with pod(say) as address:
        assert await read(Export(Doors(), DISK, grants(address))) == CONTENT
    assert len(used) == 6


async def test_tickets_that_open_nothing_end_an_export() -> None:
    async with pod(lambda *_: (401, {}, b"")) as address:
        with pytest.raises(RefusedError, match="export_unavailable"):
            await read(Export(Doors(), DISK, grants(address)))


class Nobody:
    """An identity that is never to be needed."""

    def client(self) -> Any:
        raise AssertionError("no certificate is to be shown here")


@pytest.mark.parametrize("address", ["http://127.0.0.1:{port}", "http://127.0.0.1:99999", "ftp://x", "http://[::1"])
async def test_a_gateway_with_a_certificate_takes_no_door_without_one(address: str) -> None:
    asked: list[str] = []

    def say(ticket: str, begin: int, end: int) -> Said:
        asked.append(ticket)
        return part(begin, end)

    async with pod(say) as real:
        doors = Doors(Nobody())  # type: ignore[arg-type]
        with pytest.raises(DoorError):
            async with doors.line("pod-1", address.format(port=real.rsplit(":", 1)[1])) as line:
                await line.ask("GET", "/", {"Authorization": "Bearer 1", "Range": "bytes=0-1"})
    assert asked == []


@pytest.mark.parametrize("address", ["http://127.0.0.1:99999", "ftp://x", "", "http://[::1"])
async def test_an_address_that_is_none_is_a_door_that_fails(address: str) -> None:
    with pytest.raises(DoorError):
        async with Doors().line("pod-1", address):
            raise AssertionError("nobody can be there")


@pytest.mark.parametrize(
    ("status", "headers", "body", "code"),
    [
        (204, {"Upload-Offset": "many"}, b"", "unavailable"),
        (204, {"Upload-Offset": "-1"}, b"", "unavailable"),
        (204, {"Upload-Offset": "1", "Imprint-Sha256": "zz"}, b"", "unavailable"),
        (409, {"Upload-Offset": "1e3", "Content-Type": "application/json"}, b"{}", "unavailable"),
        (409, {"Content-Type": "application/json"}, b'{"code": "\xff"}', "unavailable"),
        (409, {"Content-Type": "application/json"}, b'{"code": "no such"}', "unavailable"),
        (409, {"Content-Type": "application/json"}, b"x" * 5000, "unavailable"),
        (409, {"Content-Type": "application/json"}, b'{"code": "file_exists"}', "file_exists"),
    ],
)
async def test_what_a_pod_says_of_an_upload_is_understood_or_refused(
    status: int, headers: dict[str, str], body: bytes, code: str
) -> None:
    signer = UploadSigner(PrivateKey.generate())
    name = signer.name(UploadName(tenant="t", pod="pod-1", name="x.raw", size=9, id="0" * 32))
    async with pod(lambda *_: (status, headers, body)) as address:
        grant = UploadGrantView(upload=name, pod="pod-1", address=address, ticket="1", expires=datetime.now(UTC))
        with pytest.raises(RefusedError) as refused:
            async with uploads._at(Here(), grant) as line:  # type: ignore[arg-type]
                await uploads._ask(line, grant, "DELETE", {})
    assert refused.value.problem.code == code


class Here:
    """As much of a door as is needed here."""

    transfers = Transfers()
