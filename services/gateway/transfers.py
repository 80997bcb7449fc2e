"""Bodies of images that pass through the gateway: through which doors, and how many at a time."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.outbound import Doors
from gateway.problems import refuse

MOST = 32


class Transfers:
    """At most ``most`` at a time: each takes a connection and some hundred KiB, and all share one network."""

    def __init__(self, doors: Doors | None = None, most: int = MOST) -> None:
        self.doors = doors or Doors()
        self._room = most

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Room for one. Raises RefusedError (busy)."""
        if not self._room:
            raise refuse("busy", "Too many files are under way.", "Try again in a few seconds.")
        self._room -= 1
        try:
            yield
        finally:
            self._room += 1
