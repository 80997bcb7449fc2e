"""A disk of a version, read from who holds it: range after range, from another holder where one fails."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing
from itertools import cycle

import structlog

from contracts.manifest import Disk
from contracts.views import ExportGrantView
from gateway.frames import stored, zeros
from gateway.holes import SPAN, Spans, spans_with_data
from gateway.outbound import DoorError, Doors, Line
from gateway.problems import refuse

PIECE = SPAN
"""Bytes of a range; a pod's door gives 8 MiB at the most."""
TRIES = 2
"""How often every holder may fail in a row."""

log = structlog.get_logger()


class _ExpiredError(Exception):
    """The ticket has ended; the hub gives another one."""


class Export:
    """The bytes of ``disk`` from ``begin`` to ``end``. ``admit`` asks the hub who holds them, and for a ticket."""

    def __init__(self, doors: Doors, disk: Disk, admit: Callable[[], Awaitable[ExportGrantView]]) -> None:
        self._doors = doors
        self._disk = disk
        self._admit = admit
        self._data: Spans | None = None
        self._looked = False

    async def body(self, begin: int, end: int, *, packed: bool) -> AsyncGenerator[bytes, None]:
        """The bytes; ``packed``: as Zstandard frames one after the other, which pods' doors make where it is worth it.

        Raises:
            RefusedError: ``export_unavailable``: no holder gives them; the hub's own refusals.
        """
        grant = await self._admit()
        holders, failures, renewed = cycle(grant.holders), 0, False
        while begin < end:
            holder = next(holders)
            try:
                async with (
                    self._doors.line(holder.pod, holder.address) as line,
                    aclosing(self._from(line, grant, begin, end, packed=packed)) as pieces,
                ):
                    async for size, piece in pieces:
                        begin, failures, renewed = begin + size, 0, False
                        yield piece
            except _ExpiredError:
                if renewed:
                    raise refuse("export_unavailable", "The hub's tickets open no door.") from None
                grant, renewed = await self._admit(), True
                holders = cycle(grant.holders)
            except DoorError as error:
                failures += 1
                log.warning("holder_failed", pod=holder.pod, disk=self._disk.root, at=begin, why=str(error))
                if failures >= TRIES * len(grant.holders):
                    detail = f"Every pod that holds the version failed; the last one, {holder.pod}: {error}."
                    raise refuse("export_unavailable", detail, "Try again; see whether the pods are well.") from None

    async def _from(
        self, line: Line, grant: ExportGrantView, begin: int, end: int, *, packed: bool
    ) -> AsyncGenerator[tuple[int, bytes], None]:
        """Bytes of the disk, and what goes to the client for them."""
        if not self._looked:
            self._data = await spans_with_data(self._disk, lambda first, last: self._index(line, grant, first, last))
            self._looked = True
        for first, last in _ranges(begin, end):
            if self._data is not None and first // SPAN not in self._data:
                yield last - first, zeros(last - first) if packed else bytes(last - first)
                continue
            headers = {"Authorization": f"Bearer {grant.ticket}", "Range": f"bytes={first}-{last - 1}"}
            if packed:
                headers["Imprint-Wire"] = "zstd"
            found = await self._ask(line, "data", headers)
            if found.get("content-range") != f"bytes {first}-{last - 1}/{self._disk.size}":
                raise DoorError("it answered with another range")
            if packed:
                # A frame goes out whole or not at all: half of one could not be followed by another holder's.
                frame = await line.whole(PIECE + 64 * 1024)
                yield last - first, frame if found.get("imprint-wire") == "zstd" else stored(frame)
                continue
            left = last - first
            async for piece in line.pieces():
                left -= len(piece)
                if left < 0:
                    raise DoorError("it sent more than was asked for")
                yield len(piece), piece
            if left:
                raise DoorError("its answer ended early")

    async def _index(self, line: Line, grant: ExportGrantView, begin: int, end: int) -> bytes:
        headers = {"Authorization": f"Bearer {grant.ticket}", "Range": f"bytes={begin}-{end - 1}"}
        await self._ask(line, "index", headers)
        data = await line.whole(end - begin)
        if len(data) != end - begin:
            raise DoorError("its index ended early")
        return data

    async def _ask(self, line: Line, part: str, headers: dict[str, str]) -> dict[str, str]:
        """Ask for a range; the headers of the answer."""
        answer = await line.ask("GET", f"/v1/disks/{self._disk.root}/{part}", headers)
        if answer.status_code == 401:
            raise _ExpiredError
        if answer.status_code != 206:
            raise DoorError(f"it answered {answer.status_code}")
        return {name.decode().lower(): value.decode("latin-1") for name, value in answer.headers}


def _ranges(begin: int, end: int) -> Iterator[tuple[int, int]]:
    """Ranges cut at multiples of a piece, so that the page cache and the chunks of a pod are read once."""
    while begin < end:
        until = min((begin // PIECE + 1) * PIECE, end)
        yield begin, until
        begin = until
