"""Checking copies at rest: each is read and hashed again within a period, and one that changed is quarantined.

It works in a thread of its own, with the lowest priority there is, in small steps at the rate that
`connector.domain.scrubbing` asks for. How far it came is kept in the item's folder, so a restart goes on where it was.
"""

import asyncio
import ctypes
import os
import platform
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import structlog

from connector.backends.base import Backend, Checked, Corrupt, Item, Placed, Spot
from connector.domain import scrubbing
from connector.domain.scrubbing import Check, Rest, Standing
from connector.examine import Examination, to_read
from connector.failures import HINTS, Cancel, Cancelled
from contracts.errors import FAILURES, Failure

SLICE: Final = 10.0
"""Seconds after which the plan is made anew, for what has changed meanwhile."""
LOOK: Final = 1.0
"""Seconds between two looks, while it waits, at whether something is more urgent; longer waits are planned anew."""
AFTER_ERROR: Final = 60.0
PUT_OFF: Final = 3600.0
"""Seconds for which an item that cannot be checked is passed over: it must not keep the others from being checked."""
DAY: Final = 86_400.0
_IOPRIO_SET: Final = {"x86_64": 251, "aarch64": 30}
_IDLE: Final = 3 << 13
"""IOPRIO_CLASS_IDLE: the disk's time that nobody else wants (ioprio_set(2))."""

log = structlog.get_logger()


@dataclass(frozen=True)
class Rotten:
    """An item that was quarantined."""

    item: Item
    datastore: str
    corrupt: Corrupt

    @property
    def failure(self) -> Failure:
        """What is told about it."""
        parts = [(disk.lun, "its index" if disk.index else f"{disk.wrong} chunks") for disk in self.corrupt.disks]
        where = "; ".join(f"disk {lun}: {what}" for lun, what in parts)
        text = f"{FAILURES['bit_rot']} ({where})" if where else FAILURES["bit_rot"]
        return Failure(code="bit_rot", step="scrub", text=text, hint=HINTS["io_error"], retry=True)


class Scrub:
    """Checks the items of a backend. ``days`` is the period (0 for never) and may change; ``busy`` tells whether other
    work runs; ``tell`` hears of each item that is quarantined, again at each start."""

    def __init__(
        self,
        backend: Backend,
        days: Callable[[], float],
        busy: Callable[[], bool],
        tell: Callable[[Rotten], Awaitable[None]],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._backend = backend
        self._days = days
        self._busy = busy
        self._tell = tell
        self._clock = clock
        self._cancel = Cancel()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="scrub", initializer=_step_back)
        self._debt = 0.0
        """Bytes that were read before their time."""
        self._paid = time.monotonic()
        self._put_off: dict[Spot, float] = {}
        """Until when (monotonic) items are passed over."""

    async def run(self) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        try:
            for placed in await loop.run_in_executor(self._pool, self._backend.items):
                # Its first word may have been lost in a crash; a repair may end while this one is said.
                if placed.corrupt is not None and (
                    rotten := await loop.run_in_executor(self._pool, self._rotten, placed)
                ):
                    await self._tell(rotten)
            while True:
                try:
                    for rotten in await loop.run_in_executor(self._pool, self.work):
                        await self._tell(rotten)
                except Cancelled:
                    raise asyncio.CancelledError from None
                except Exception as error:
                    # A part that dies for good would leave copies unchecked, and nobody would know.
                    log.exception("scrub_failed", error=repr(error))
                    await asyncio.sleep(AFTER_ERROR)
        finally:
            self._cancel.set()
            self._pool.shutdown(wait=True, cancel_futures=True)

    def work(self) -> list[Rotten]:
        """One slice of work, or of waiting; what was quarantined in it. Raises Cancelled."""
        items = self._standings()
        step = scrubbing.next_step(items, self._clock(), self._days() * DAY, busy=self._busy())
        match step:
            case Rest(seconds):
                self._rest(seconds)
                return []
            case Check() if not step.doubted and (wait := self._wait(step.rate)) > LOOK:
                self._rest(min(wait, scrubbing.IDLE))
                return []
            case Check():
                try:
                    return self._check(step)
                except OSError as error:
                    log.exception("check_failed", version=step.version, again_in=PUT_OFF, error=repr(error))
                    self._put_off[Spot(step.version, step.datastore or "")] = time.monotonic() + PUT_OFF
                    return []

    def check(self, version: str, datastore: str | None = None) -> list[Rotten]:
        """Check an item (of several the one that `Backend.find` finds) from its beginning to its end, at once."""
        return self._check(Check(version, float("inf"), doubted=True, datastore=datastore))

    def _wait(self, rate: float) -> float:
        """Seconds until what was read is paid for, at this rate."""
        now = time.monotonic()
        self._debt = max(0.0, self._debt - rate * (now - self._paid))
        self._paid = now
        return self._debt / rate if self._debt else 0.0

    def _rest(self, seconds: float) -> None:
        """Wait, but not while something comes into doubt."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and not self._urgent():
            self._cancel.pause(min(left, LOOK))

    def _standings(self) -> list[Standing]:
        doubted = self._backend.doubted()
        now = time.monotonic()
        self._put_off = {spot: until for spot, until in self._put_off.items() if until > now}
        found: dict[Spot, Standing] = {}
        for placed in self._backend.items():
            spot = placed.spot
            if spot in self._put_off:
                continue
            if placed.corrupt is not None or (folder := self._backend.folder(*spot)) is None:
                continue
            try:
                checked = self._backend.checked(folder)
                left = to_read(placed.item, folder, checked.place, checked.span)
            finally:
                os.close(folder)
            # An item with a file cut off or gone is not served already; the check says so for good.
            found[spot] = Standing(
                spot.version, checked.at, left, doubted=spot in doubted or not placed.intact, datastore=spot.datastore
            )
        for spot in doubted - found.keys() - self._put_off.keys():
            self._backend.trust(spot)  # it went away, or was quarantined
        return list(found.values())

    def _rotten(self, placed: Placed) -> Rotten | None:
        now = self._backend.find(*placed.spot)
        return Rotten(now.item, now.datastore, now.corrupt) if now is not None and now.corrupt is not None else None

    def _check(self, step: Check) -> list[Rotten]:
        placed = self._backend.find(step.version, step.datastore)
        folder = None if placed is None else self._backend.folder(*placed.spot)
        if placed is None or folder is None:
            return []
        try:
            checked = self._backend.checked(folder)
            if step.doubted or not checked.begun:
                # What is in doubt may lie before the place that was reached.
                checked = Checked(at=checked.at, begun=self._clock())
            examination = Examination(placed.item, folder, checked.place, checked.span, checked.rot)
            if not self._read(examination, step):
                self._note(folder, checked, examination)
                return []
            if examination.rot:
                return self._quarantine(step.version, folder, examination)
            self._backend.note_checked(folder, Checked(at=checked.begun))
        finally:
            os.close(folder)
        self._backend.trust(placed.spot)
        seconds = round(self._clock() - checked.begun, 1)
        log.info("copy_checked", version=step.version, datastore=placed.datastore, seconds=seconds)
        return []

    def _read(self, examination: Examination, step: Check) -> bool:
        """Read on for a slice, or to the end when it is in doubt; whether the item was read to its end."""
        end = time.monotonic() + SLICE
        for some in examination.steps():
            self._cancel.check()
            self._debt += some
            wait = self._wait(step.rate)
            if not step.doubted and (wait > LOOK or time.monotonic() > end or self._interrupted(step)):
                return False
            self._cancel.pause(wait)
        return True

    def _urgent(self) -> bool:
        return bool(self._backend.doubted() - self._put_off.keys())

    def _interrupted(self, step: Check) -> bool:
        return self._urgent() or (self._busy() and not step.late)

    def _note(self, folder: int, checked: Checked, examination: Examination) -> None:
        noted = Checked(
            at=checked.at, begun=checked.begun, place=examination.place, span=examination.span, rot=examination.rot
        )
        self._backend.note_checked(folder, noted)

    def _quarantine(self, version: str, folder: int, examination: Examination) -> list[Rotten]:
        corrupt = Corrupt(found=datetime.now(UTC), disks=examination.rot)
        placed = self._backend.quarantine(version, folder, corrupt)
        if placed is None or placed.corrupt is None:
            return []  # it went away or was replaced while it was read
        # As it is now: copies may have been made of it while it was read.
        rotten = Rotten(placed.item, placed.datastore, corrupt)
        log.error(
            "copy_corrupt", version=placed.item.version, datastore=placed.datastore, chunks=corrupt.wrong,
            why=rotten.failure.text, copies=placed.item.copies,
            repair="from another holder" if placed.item.copies else "none: only the source is here",
        )  # fmt: skip
        return [rotten]


def _step_back() -> None:
    """This thread takes what others leave, of the processor and (where the kernel is known) of the disk."""
    thread = threading.get_native_id()
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, thread, 19)
    number = _IOPRIO_SET.get(platform.machine())
    if number is not None:
        ctypes.CDLL(None).syscall(number, 1, 0, _IDLE)  # refused in some sandboxes; then the pace alone is polite
