"""The operator's limits at work: read from the document that the hub's word left, and put in force at once."""

from collections.abc import Awaitable, Callable

import structlog

from connector.domain.limits import PodLimits
from connector.transfer.throttle import Throttles
from contracts.limits import Limits

log = structlog.get_logger()


class LiveLimits:
    """The limits in force at any moment. ``read`` loads what was told last; `throttles` are what copies and door
    obey."""

    def __init__(self, throttles: Throttles, read: Callable[[], Awaitable[PodLimits]]) -> None:
        self.throttles = throttles
        self._read = read
        self._told = PodLimits()
        self._current = Limits()

    @property
    def current(self) -> Limits:
        """What the operator allows now."""
        return self._current

    @property
    def open(self) -> bool:
        """Whether copies may move bytes at this hour."""
        return self.throttles.is_open()

    async def refresh(self) -> None:
        """Put in force what was told last, unless it is already."""
        told = await self._read()
        if told == self._told:
            return
        self._told = told
        try:
            self.throttles.apply(told.limits)
        except ValueError as error:
            # The hub knows the zone, this machine's time zone data does not: the earlier limits are safer than none.
            log.error("limits_not_applied", revision=told.revision, error=str(error))
        else:
            self._current = told.limits
            log.info("limits_applied", revision=told.revision)
