"""One disk on its way, shared by the threads of its copy: what is here, what is planned, what each may do next."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import structlog

from connector.transfer.chunks import DIGEST
from connector.transfer.client import Connection
from connector.transfer.grid import SPAN
from connector.transfer.holders import NOT_YET, HolderFailed, Standing
from connector.transfer.index import Index
from connector.transfer.plan import Kept, Run, runs
from connector.transfer.schedule import Errand, Schedule
from connector.transfer.seeds import Seed, Seeds
from connector.transfer.session import Session
from contracts.manifest import Disk

LOOK: Final = 0.1
"""Seconds after which a thread with nothing to do looks again."""
PATIENCE: Final = 2.0
"""Seconds that any holder has for a span."""

log = structlog.get_logger()


class Fetching:
    """Hands out work and takes in what came of it; every method may be called by any thread.

    The plan is gone through once, in order: runs that a seed has are handed out as they come, and when all of a span's
    were tried, what it still lacks is for the schedule. So a rotten chunk of a seed comes from a holder like any other.
    """

    def __init__(
        self,
        disk: Disk,
        index: Index,
        kept: Kept,
        seeds: Sequence[Seed],
        session: Session,
        threads: int,
        held: Callable[[int], None],
    ) -> None:
        self.disk = disk
        self.index = index
        self.session = session
        self.rotten = 0
        """Chunks of local seeds that were not what they should be."""
        self._kept = kept
        self._held = held
        self._turn = session.turn
        self._schedule = Schedule(disk.root, index.grid.spans, session.me, threads, session.holders, session.clock())
        self.seeds = Seeds(seeds)
        self._runs: Iterator[Run] | None = runs(index, kept, self.seeds)
        self._local: dict[int, int] = {}
        self._connections: dict[Errand, Connection] = {}
        self._asking: set[Connection] = set()
        self._broken_off: set[Errand] = set()
        self._waiting = 0
        self._front = 0
        self.over = False

    # --- for workers -----------------------------------------------------------------------------------------------

    def next(self) -> Run | Errand | None:
        """What to do next: a run that a seed has, a span that a holder has; None when the disk is here.

        Raises:
            Refused: nobody is left who could give what is missing.
            Cancelled: the session was stopped.
        """
        while True:
            self.session.wait_open()
            with self._turn:
                self.session.stop.check()
                now = self.session.clock()
                if (errand := self._schedule.take(now)) is not None:
                    return errand
                if self._runs is not None:
                    if (run := self._planned()) is not None:
                        return run
                    continue
                if self._schedule.finished and not self._local:
                    self.over = True
                    for asking in self._asking:
                        asking.interrupt()  # a peer that does not answer holds up nobody who has all
                    self._turn.notify_all()
                    return None
                orphaned = self._schedule.orphaned(now)
                if not orphaned:
                    self._waiting += 1
                    self._turn.wait(LOOK)
                    self._waiting -= 1
                    self._schedule.idled(self.session.clock() - now)
            if orphaned:
                self.session.bereft()

    def tried(self, run: Run) -> None:
        """A run that a seed has was gone through."""
        with self._turn:
            for span in _touched(run):
                self._local[span] -= 1
            self._settle()

    def rot(self, run: Run, at: int) -> None:
        """Chunk number ``at`` of a run is not any more what the seed's index says."""
        assert run.seed is not None  # noqa: S101 - for the type checker
        seed, first = run.seed
        log.warning("seed_rotten", root=self.disk.root, disk=self.disk.lun, chunk=run.first + at, place=first + at)
        seed.rotten()
        with self._turn:
            self.rotten += 1

    def arrived(self, first: int, chunks: int) -> None:
        """These chunks are verified and written."""
        with self._turn:
            self._kept.add_run(first, chunks)
            for span in range(first // SPAN, (first + chunks - 1) // SPAN + 1):
                if self._complete(span):
                    self._held(span)

    def missing(self, number: int) -> list[Run]:
        """What is to be fetched of a span, as runs of neighbours."""
        span = self.index.span(number)
        if span is None:
            return []
        digests = self.index.span_digests(span)
        left = span.bits & ~self._kept.of(number)
        found, begin = [], 0
        while left >> begin:
            begin += _trailing(left >> begin)
            end = begin + _trailing(~(left >> begin))
            place = (span.bits & (1 << begin) - 1).bit_count()
            found.append(Run(number * SPAN + begin, digests[place * DIGEST : (place + end - begin) * DIGEST]))
            begin = end
        return found

    def began(self, errand: Errand, connection: Connection) -> None:
        """An errand is under way on this connection, to be broken off should it take too long."""
        with self._turn:
            self._connections[errand] = connection

    def ended(self, errand: Errand, error: HolderFailed | None, used: str) -> None:
        """An errand is over, perhaps by ``error``; it was asked for with the ticket ``used``."""
        with self._turn:
            self._connections.pop(errand, None)
            now = self.session.clock()
            self._schedule.ended(errand, now, whole=self._complete(errand.span))
            broken_off = errand in self._broken_off
            self._broken_off.discard(errand)
            self._turn.notify_all()
            if broken_off:
                self.session.holders.left(errand.standing, now)
                log.info("holder_left", pod=errand.standing.pod, why="slow")
                return
            if error is not None and error.code == NOT_YET:
                errand.standing.still_receives()
                self._schedule.lacks(errand.standing.pod, errand.span)
                return
            if error is not None and error.absent and not errand.standing.holder.complete:
                self._schedule.missed(errand.standing.pod)
                return
        if error is not None:
            log.info("holder_failed", pod=errand.standing.pod, code=error.code, text=error.text)
            self.session.failed(errand.standing, error, used)

    # --- for scouts ------------------------------------------------------------------------------------------------

    def rest(self) -> bool:
        """Wait a moment; False when there is nothing more to look after. Raises Cancelled."""
        with self._turn:
            if not self.over:
                self._turn.wait(LOOK)
            self.session.stop.check()
            return not self.over

    def watch(self) -> None:
        """Break off requests that another holder would have answered several times by now."""
        with self._turn:
            late = self._schedule.overdue(self.session.clock(), PATIENCE)
            connections = [self._connections[errand] for errand in late if errand in self._connections]
            self._broken_off.update(errand for errand in late if errand in self._connections)
        for connection in connections:
            connection.interrupt()

    def whom(self) -> Standing | None:
        """The peer that should be asked now what it has."""
        with self._turn:
            if self._runs is None and self._schedule.finished:
                return None
            return self._schedule.whom(self.session.clock(), hungry=self._waiting > 0)

    def asks(self, connection: Connection) -> bool:
        """A peer is about to be asked on this connection; False when there is no need any more."""
        with self._turn:
            if not self.over:
                self._asking.add(connection)
            return not self.over

    def asked(self, connection: Connection) -> bool:
        """It answered or failed; False when that does not matter any more."""
        with self._turn:
            self._asking.discard(connection)
            return not self.over

    def saw(self, standing: Standing, bitmap: bytes | None) -> None:
        """A peer says what it has; None is all."""
        with self._turn:
            if self._schedule.saw(standing.pod, bitmap, self.session.clock()):
                self._turn.notify_all()

    def missed(self, standing: Standing) -> None:
        """A peer has nothing of the disk at present."""
        with self._turn:
            self._schedule.missed(standing.pod)

    # --- inside ----------------------------------------------------------------------------------------------------

    def _planned(self) -> Run | None:
        """The next run for a seed, and what came before it settled; None when there is something else to look at."""
        assert self._runs is not None  # noqa: S101 - for the type checker
        run = next(self._runs, None)
        if run is None:
            self._runs = None
            self._settle()
            return None
        for span in _touched(run):
            self._local[span] = self._local.get(span, 0) + (run.seed is not None)
        self._settle(run.first // SPAN)
        return run if run.seed is not None else None

    def _settle(self, front: int | None = None) -> None:
        """Spans whose local runs were all tried: what they lack is to be fetched."""
        if front is not None:
            self._front = front
        for span in [span for span, tries in self._local.items() if not tries]:
            if self._runs is None or span < self._front:
                del self._local[span]
                if not self._complete(span):
                    self._schedule.want(span)
        self._turn.notify_all()

    def _complete(self, number: int) -> bool:
        span = self.index.span(number)
        return span is None or not span.bits & ~self._kept.of(number)


def _touched(run: Run) -> range:
    return range(run.first // SPAN, (run.first + run.chunks - 1) // SPAN + 1)


def _trailing(bits: int) -> int:
    """How many zeros ``bits`` (not 0) ends with."""
    return (bits & -bits).bit_length() - 1
