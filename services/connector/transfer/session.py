"""What the threads of one copy share: holders, connections to them, limits, and a flag that stops them all."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Final

from connector.failures import Cancel, Cancelled, Refused
from connector.transfer.client import Connection
from connector.transfer.holders import STEP, HolderFailed, Holders, LiveGrant, Standing
from connector.transfer.identity import Identity
from connector.transfer.throttle import Throttles
from connector.transfer.wire import Wire
from contracts.errors import Failure

IDLE: Final = 16
"""Connections kept open for the next request, over all holders."""
RENEWAL: Final = 60.0
"""Seconds that a copy whose ticket expired waits for another one."""


class Session:
    """Open for the length of a copy; when ``cancel`` is set, whatever waits for bytes is broken off.

    ``turn`` guards the holders and whatever is decided about them; threads that wait for something to do wait on it.
    """

    def __init__(
        self,
        grant: LiveGrant,
        cancel: Cancel,
        *,
        me: str = "",
        throttles: Throttles | None = None,
        identity: Identity | None = None,
        wire: Wire | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.me = me
        self.grant = grant
        self.holders = Holders(grant, me, clock())
        self.turn = threading.Condition()
        self.throttles = throttles if throttles is not None else Throttles()
        self.cancel = cancel
        self.stop = Cancel()
        self.clock = clock
        self._identity = identity
        self.wire = wire or Wire("plain")
        self._guard = threading.Lock()
        self._lent: set[Connection] = set()
        self._idle: list[tuple[str, Connection]] = []
        self._stack = ExitStack()

    @contextmanager
    def lent(self, standing: Standing) -> Iterator[Connection]:
        """A connection for requests to one holder, for the length of a block; it is kept for the next one."""
        address = standing.holder.address
        with self._guard:
            place = next((place for place, (to, _) in enumerate(self._idle) if to == address), None)
            found = None if place is None else self._idle.pop(place)[1]
        connection = found or Connection(lambda: self.grant.ticket, self.stop, self._identity, self.wire)
        with self._guard:
            self._lent.add(connection)
        surplus: list[Connection] = []
        try:
            yield connection
        finally:
            with self._guard:
                self._lent.discard(connection)
                self._idle.append((address, connection))
                if len(self._idle) > IDLE:
                    surplus.append(self._idle.pop(0)[1])
            for one in surplus:
                one.close()

    def wait_open(self) -> None:
        """Return when bytes may be moved, at once inside the operator's hours; no connection is held meanwhile."""
        if not self.throttles.is_open():
            self._close_idle()
            self.throttles.wait_open(self.stop)

    def renewed(self, used: str) -> None:
        """Wait until the ticket is another one than ``used``.

        Raises:
            Refused: ``ticket_expired``, when none came in time.
            Cancelled: the session was stopped.
        """
        if not self.grant.wait(used, RENEWAL, self.stop):
            raise Refused(
                Failure(
                    code="ticket_expired",
                    step=STEP,
                    text="The ticket ended before the copy, and no other came",
                    hint="Check that the hub can be reached; the copy resumes where it stopped.",
                    retry=True,
                )
            )

    def choose(self) -> Standing:
        """The holder to ask for what any of them has, complete ones first; waits while all rest.

        Raises:
            Refused: none is left.
            Cancelled: the session was stopped.
        """
        while True:
            with self.turn:
                self.stop.check()
                now = self.clock()
                self.holders.refresh(now)
                for complete in (True, False):
                    if usable := self.holders.usable(now, complete=complete, slow=True):
                        return self.holders.best(usable)
                left = self.holders.all(complete=True) or self.holders.all(complete=False)
                if left:
                    self.turn.wait(0.05)
            if not left:
                self.bereft()

    def bereft(self) -> None:
        """Nobody is left to be asked: wait for another ticket if that brings somebody back.

        Raises:
            Refused: it would not, or none came in time (``ticket_expired``).
            Cancelled: the session was stopped.
        """
        with self.turn:
            ticket, refusal = self.holders.awaited, self.holders.exhausted()
        if ticket is None:
            raise refusal
        self.renewed(ticket)

    def failed(self, standing: Standing, error: HolderFailed, used: str) -> None:
        """Note that a holder did not give what it was asked for with the ticket ``used``."""
        with self.turn:
            if error.code == "ticket_expired":
                self.holders.expired(standing, error, used)
            else:
                self.holders.failed(standing, error, self.clock())
            self.turn.notify_all()

    def run(self, jobs: Sequence[Callable[[], None]]) -> None:
        """Run ``jobs`` in threads; when one fails, all stop at once.

        Raises:
            Cancelled: ``cancel`` was set. Otherwise what the first job raised that failed by itself.
        """
        with ThreadPoolExecutor(len(jobs), thread_name_prefix="fetch") as pool:
            futures = [pool.submit(job) for job in jobs]
            done, _ = wait(futures, return_when=FIRST_EXCEPTION)
            if any(future.exception() for future in done):
                self._break_off()
        self.cancel.check()
        errors = [error for future in futures if (error := future.exception()) is not None]
        for error in sorted(errors, key=lambda error: isinstance(error, Cancelled)):
            raise error  # the first that is a cause, not a consequence

    def _break_off(self) -> None:
        self.stop.set()
        with self._guard:
            lent = list(self._lent)
        for connection in lent:
            connection.interrupt()
        with self.turn:
            self.turn.notify_all()

    def _close_idle(self) -> None:
        with self._guard:
            idle, self._idle = self._idle, []
        for _, connection in idle:
            connection.close()

    def __enter__(self) -> "Session":
        self._stack.enter_context(self.cancel.calling(self._break_off))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
        self._close_idle()
