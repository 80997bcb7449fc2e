"""A thread beside those that fetch: asks the peers what they have by now, and sees to it that none waits too long."""

from connector.transfer.fetching import Fetching
from connector.transfer.holders import NOT_YET, HolderFailed, Standing


class Scout:
    """Works until the disk is here. Never in the way of the data: what it learns is used when it is there."""

    def __init__(self, fetching: Fetching) -> None:
        self._fetching = fetching
        self._session = fetching.session

    def run(self) -> None:
        """Raises Cancelled."""
        while True:
            self._session.wait_open()
            while (standing := self._fetching.whom()) is not None:
                self._ask(standing)
            if not self._fetching.rest():
                return
            self._fetching.watch()

    def _ask(self, standing: Standing) -> None:
        used = self._session.grant.ticket
        try:
            with self._session.lent(standing) as connection:
                if not self._fetching.asks(connection):
                    return
                try:
                    bitmap = connection.holding(standing.holder, self._fetching.disk)
                finally:
                    needed = self._fetching.asked(connection)
        except HolderFailed as error:
            if not needed:
                return
            if error.absent or error.code == NOT_YET:
                self._fetching.missed(standing)
            else:
                self._session.failed(standing, error, used)
        else:
            self._fetching.saw(standing, bitmap)
