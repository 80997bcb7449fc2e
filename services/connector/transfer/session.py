"""What the threads of one copy share: the holders, connections to them, and one flag that stops them all."""

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import ExitStack
from types import TracebackType

from connector.failures import Cancel, Cancelled
from connector.transfer.client import Connection
from connector.transfer.holders import Holders
from contracts.events.to_pods import Holder


class Session:
    """Open for the length of a copy; when ``cancel`` is set, whatever waits for bytes is broken off."""

    def __init__(self, holders: Sequence[Holder], ticket: str, cancel: Cancel) -> None:
        self.holders = Holders(holders)
        self.cancel = cancel
        self.stop = Cancel()
        self._ticket = ticket
        self._connections: list[Connection] = []
        self._idle: list[Connection] = []
        self._stack = ExitStack()

    def connection(self) -> Connection:
        """A connection for one thread; `give_back` it, so that the next disk uses it again."""
        if self._idle:
            return self._idle.pop()
        connection = Connection(self._ticket, self.stop)
        self._connections.append(connection)
        return connection

    def give_back(self, connection: Connection) -> None:
        self._idle.append(connection)

    def run(self, jobs: Sequence[Callable[[], None]]) -> None:
        """Run ``jobs`` in threads (a single one in this one); when one fails, all stop at once.

        Raises:
            Cancelled: ``cancel`` was set. Otherwise what the first job raised that failed by itself.
        """
        if len(jobs) == 1:
            self.cancel.check()
            try:
                jobs[0]()
            finally:
                self.cancel.check()
            return
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
        for connection in list(self._connections):
            connection.interrupt()

    def __enter__(self) -> "Session":
        self._stack.enter_context(self.cancel.calling(self._break_off))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
        for connection in self._connections:
            connection.close()
