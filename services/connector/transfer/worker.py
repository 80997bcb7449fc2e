"""One thread of a copy: runs from seeds and spans from holders, verified in memory and then written."""

import errno
from collections.abc import Sequence
from typing import Final, Protocol

from connector.transfer.chunks import ALIGN, buffer, digest, placed
from connector.transfer.fetching import Fetching
from connector.transfer.holders import HolderFailed
from connector.transfer.plan import Run
from connector.transfer.schedule import Errand
from connector.transfer.writer import DiskWriter
from contracts.manifest import CHUNK

LINGER: Final = 4.0
"""Seconds that one request may take under the operator's limits: what is on its way when a copy pauses or ends."""


class Tally(Protocol):
    """Told what happened to bytes: ``done`` of the disk, ``network`` received from ``pod``, ``reused`` found here."""

    def add(self, *, done: int = 0, network: int = 0, reused: int = 0, pod: str = "") -> None: ...


class Worker:
    """One thread: does what `Fetching` hands out until there is nothing more."""

    def __init__(self, fetching: Fetching, target: DiskWriter, tally: Tally) -> None:
        self._fetching = fetching
        self._session = fetching.session
        self._grid = fetching.index.grid
        self._target = target
        self._tally = tally

    def run(self) -> None:
        """Raises Refused when nobody is left who has what is missing, Cancelled, OSError."""
        with buffer() as view:
            while (work := self._fetching.next()) is not None:
                if isinstance(work, Run):
                    self._copy(work, view)
                else:
                    self._fetch(work, view)

    def _copy(self, run: Run, view: memoryview) -> None:
        """Take from a seed what is still right in it."""
        assert run.seed is not None  # noqa: S101 - for the type checker
        cuts = self._grid.cuts(run.first, run.first + run.chunks)
        room = placed(view, cuts[0])[: cuts[-1] - cuts[0]]
        try:
            got = self._fetching.seeds.read(run.seed, room)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            got = 0  # the disk cannot read it any more: as good as rotten
        at = 0
        while at < run.chunks:
            good = self._verified(run, at, run.chunks, cuts, cuts[0], room[:got])
            if good:
                self._tally.add(reused=self._write(run, at, good, cuts, cuts[0], room))
            at += good
            if at < run.chunks:
                self._fetching.rot(run, at)
                at += 1
        self._fetching.tried(run)

    def _fetch(self, errand: Errand, view: memoryview) -> None:
        """Fetch what is missing of a span, in one request where the holder knows how."""
        used = self._session.grant.ticket
        runs = self._fetching.missing(errand.span)
        known, error = self._ask_all(errand, runs, view) if self._together(errand, runs) else (False, None)
        if not known:
            for run in runs:
                error = self._ask(errand, run, view)
                if error is not None:
                    break
        self._fetching.ended(errand, error, used)

    def _together(self, errand: Errand, runs: Sequence[Run]) -> bool:
        """Whether to ask for all runs at once: not where the operator's limit asks for smaller requests."""
        holder = errand.standing.holder
        if len(runs) < 2 or not self._session.wire.parts(holder.pod):
            return False
        chunks = sum(run.chunks for run in runs)
        return chunks <= self._most(chunks, self._session.throttles.link(holder.pod).lowest)

    def _ask_all(self, errand: Errand, runs: Sequence[Run], view: memoryview) -> tuple[bool, HolderFailed | None]:
        """Fetch several runs of a span in one request: whether the holder knows how, and what ended it early."""
        holder = errand.standing.holder
        link = self._session.throttles.link(holder.pod)
        cuts = [self._grid.cuts(run.first, run.first + run.chunks) for run in runs]
        rooms: list[tuple[int, memoryview]] = []
        at = 0
        for begin, *_, end in cuts:
            # As `placed`, one after the other; between two runs there is a chunk that is not fetched, so there is room.
            at += (begin - at) % ALIGN
            rooms.append((begin, view[at : at + end - begin]))
            at += end - begin
        with self._session.lent(errand.standing) as connection:
            self._fetching.began(errand, connection)
            got, error = connection.ranges(holder, self._fetching.disk, rooms, link if link.lowest else None)
            self._tally.add(network=connection.received, pod=holder.pod)
        if not got and error is None:
            return False, None
        for run, cut, (base, room) in zip(runs, cuts, rooms, strict=True):
            here, got = min(got, len(room)), max(0, got - len(room))
            whole = sum(to - base <= here for to in cut[1:])
            good = self._verified(run, 0, whole, cut, base, room)
            if good:
                errand.got += self._write(run, 0, good, cut, base, room)
            if good < whole:
                text = f"chunk {run.first + good} of disk {self._fetching.disk.lun} is not the version's"
                return True, HolderFailed("digest_mismatch", text)
        return True, error

    def _ask(self, errand: Errand, run: Run, view: memoryview) -> HolderFailed | None:
        """Fetch a run from the errand's holder; what ended it early."""
        holder = errand.standing.holder
        link = self._session.throttles.link(holder.pod)
        cuts = self._grid.cuts(run.first, run.first + run.chunks)
        at = 0
        with self._session.lent(errand.standing) as connection:
            self._fetching.began(errand, connection)
            while at < run.chunks:
                rate = link.lowest
                end = at + self._most(run.chunks - at, rate)
                base, size = cuts[at], cuts[end] - cuts[at]
                room = placed(view, base)[:size]
                got, error = connection.range(holder, self._fetching.disk, base, room, link if rate else None)
                self._tally.add(network=connection.received, pod=holder.pod)
                whole = end if got == size else next(chunk for chunk in range(at, end) if cuts[chunk + 1] - base > got)
                good = self._verified(run, at, whole, cuts, base, room)
                if good:
                    errand.got += self._write(run, at, good, cuts, base, room)
                if good < whole - at:
                    text = f"chunk {run.first + at + good} of disk {self._fetching.disk.lun} is not the version's"
                    return HolderFailed("digest_mismatch", text)
                if error is not None:
                    return error
                at = end
        return None

    def _most(self, chunks: int, rate: int | None) -> int:
        return chunks if rate is None else max(1, min(chunks, int(rate * LINGER) // CHUNK))

    def _verified(self, run: Run, at: int, end: int, cuts: list[int], base: int, room: memoryview) -> int:
        """How many of the chunks ``at`` to ``end`` of a run are what the index names, up to the first that is not.

        ``room`` holds the bytes from offset ``base`` on.
        """
        good = at
        while good < end:
            # A seed that was cut off gives fewer bytes, which have another digest.
            if digest(room[cuts[good] - base : cuts[good + 1] - base]) != run.digest(good):
                break
            good += 1
        return good - at

    def _write(self, run: Run, at: int, chunks: int, cuts: list[int], base: int, room: memoryview) -> int:
        """Write verified chunks and note them; their bytes."""
        begin, end = cuts[at], cuts[at + chunks]
        self._target.write(room[begin - base : end - base], begin)
        self._fetching.arrived(run.first + at, chunks)
        self._tally.add(done=end - begin)
        return end - begin
