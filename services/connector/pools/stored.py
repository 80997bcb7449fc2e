"""What each pool is to be, as it is stored."""

from connector.domain.pools import Pool
from connector.pools.reactions import POOL
from runtime.service import Service


class Stored:
    """The documents of the pools by assignment. They are read after each commit and change seldom, so only those that
    changed are decoded."""

    def __init__(self, running: Service) -> None:
        self._running = running
        self._known: dict[str, tuple[bytes, Pool]] = {}

    async def wanted(self) -> dict[str, Pool]:
        """As they are now."""
        rows = await self._running.reader.rows("SELECT id, body FROM documents WHERE kind = ?", (POOL.name,))
        before, self._known = self._known, {}
        for id, body in rows:
            known = before.get(id)
            self._known[id] = known if known is not None and known[0] == body else (body, POOL.decode(body))
        return {id: pool for id, (_, pool) in self._known.items()}
