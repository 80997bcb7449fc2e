"""One thread of a copy: runs of chunks, from a seed or from a holder, verified in memory and then written."""

import os
from typing import Protocol

from connector.transfer.chunks import buffer, digest
from connector.transfer.holders import HolderFailed
from connector.transfer.plan import Plan, Run
from connector.transfer.session import Session
from connector.transfer.writer import DiskWriter
from contracts.manifest import CHUNK, Disk


class Tally(Protocol):
    """Told what happened to bytes: ``done`` of the disk, ``network`` received, ``reused`` found on this pod."""

    def add(self, *, done: int = 0, network: int = 0, reused: int = 0) -> None: ...


class Worker:
    """One thread: takes runs from the plan until there are none."""

    def __init__(self, disk: Disk, plan: Plan, target: DiskWriter, session: Session, tally: Tally) -> None:
        self._disk = disk
        self._plan = plan
        self._target = target
        self._session = session
        self._holders = session.holders
        self._connection = session.connection()
        self._tally = tally

    def run(self) -> None:
        """Raises Refused when no holder is left, Cancelled, OSError."""
        try:
            with buffer() as view:
                while (run := self._plan.next()) is not None:
                    self._session.stop.check()
                    self._make(run, view)
        finally:
            self._session.give_back(self._connection)

    def _make(self, run: Run, view: memoryview) -> None:
        at = 0
        while at < run.chunks:
            if run.seed is not None:
                at += self._from_seed(run, at, view)
                if at < run.chunks:  # this chunk of the seed has rotted
                    self._fetch(run, at, at + 1, view)
                    at += 1
            else:
                self._fetch(run, at, run.chunks, view)
                at = run.chunks

    def _from_seed(self, run: Run, at: int, view: memoryview) -> int:
        """Copy from the seed up to the first chunk that is not what it was; how many chunks."""
        assert run.seed is not None  # noqa: S101 - for the type checker
        seed, first = run.seed
        size = self._bytes(run, at, run.chunks)
        got = os.preadv(seed.fd, [view[:size]], (first + at) * CHUNK)
        good = self._verified(run, at, view[:got])
        if good:
            some = self._write(run, at, good, view)
            self._tally.add(done=some, reused=some)
        return good

    def _fetch(self, run: Run, at: int, end: int, view: memoryview) -> None:
        """Fetch chunks ``at`` to ``end`` of the run from whichever holder gives them."""
        while at < end:
            holder = self._holders.current()
            size = self._bytes(run, at, end)
            got, error = self._connection.range(holder, self._disk, (run.first + at) * CHUNK, view[:size])
            self._tally.add(network=got)
            whole = end - at if got == size else got // CHUNK
            good = self._verified(run, at, view[: size if got == size else whole * CHUNK])
            if good:
                self._tally.add(done=self._write(run, at, good, view))
                at += good
            if good < whole:
                text = f"chunk {run.first + at} of disk {self._disk.lun} is not the version's"
                self._holders.failed(holder, HolderFailed("digest_mismatch", text))
            elif error is not None:
                self._session.stop.pause(self._holders.failed(holder, error))
            else:
                self._holders.served(holder)

    def _verified(self, run: Run, at: int, view: memoryview) -> int:
        """How many chunks of ``view``, from its beginning, are those that the index names."""
        good = 0
        while good * CHUNK < len(view):
            if digest(view[good * CHUNK : (good + 1) * CHUNK]) != run.digest(at + good):
                break
            good += 1
        return good

    def _write(self, run: Run, at: int, chunks: int, view: memoryview) -> int:
        size = self._bytes(run, at, at + chunks)
        self._target.write(view[:size], (run.first + at) * CHUNK)
        return size

    def _bytes(self, run: Run, at: int, end: int) -> int:
        """Bytes of chunks ``at`` to ``end`` of a run: the disk's last chunk may be short."""
        return min((run.first + end) * CHUNK, self._disk.size) - (run.first + at) * CHUNK
