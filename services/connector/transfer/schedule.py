"""Who fetches which span of a disk from whom, decided from what is known. No I/O, no clock, no lock.

The source is to upload about once, whatever the number of pods. So the pods that receive a disk at the same time share
its spans out among themselves, without a word: for each span they stand in an order that comes from its number and
their names alone (rendezvous hashing). The first of them fetches it from a complete holder, the others wait until that
one has it. Whoever has waited for a while with nothing to do stands in for the next one in the order, then for one
further still.
"""

from dataclasses import dataclass
from typing import Final

from blake3 import blake3

from connector.transfer.holders import SLOW, Holders, Standing
from connector.transfer.shelf import SPAN_BYTES

STALL: Final = 1.0
"""Seconds idle, over all threads, after which a pod stands in for the one before it in a span's order."""
EASE: Final = 0.05
"""How much of the time spent fetching is taken off the time spent idle."""
GRACE: Final = 3.0
"""Seconds in which a pod that is to receive the same disk may still begin."""
SOONEST: Final = 0.1
CALM: Final = 0.5
LATEST: Final = 1.0
"""Seconds between two questions to a peer what it has: while threads wait for it, while none does, and at most."""
ORPHANED: Final = 10.0
"""Seconds without any progress, here or with the peers, after which a disk without a complete holder is given up."""


@dataclass(eq=False)
class Errand:
    """A span to be fetched from a holder."""

    span: int
    standing: Standing
    began: float
    got: int = 0
    """Good bytes so far."""


@dataclass
class _Peer:
    """What a pod that receives the same disk was last heard to have."""

    bits: int = 0
    here: bool | None = None
    """Whether it receives the disk at present; None: it was not asked yet."""
    asked: float = 0.0
    pause: float = SOONEST
    """Seconds until it is asked again; more while it has nothing new."""


class Schedule:
    """The spans of one disk that are to be fetched, and what the peers have of it. ``me`` is this pod's name."""

    def __init__(self, root: str, spans: int, me: str, threads: int, holders: Holders, now: float) -> None:
        self._root = root
        self._all = (1 << spans) - 1
        self._me = me
        self._threads = threads
        self._holders = holders
        self._began = now
        self._wanted = 0
        self._under_way: dict[int, Errand] = {}
        self._peers: dict[str, _Peer] = {}
        self._members: tuple[str, ...] = ()
        self._ranks: list[int] = [0]
        self._offset = int.from_bytes(blake3(f"{root}/{me}".encode()).digest(4), "little") % max(spans, 1)
        self._idle = 0.0
        self._moved = now

    # --- what is to be done ----------------------------------------------------------------------------------------

    @property
    def finished(self) -> bool:
        """Nothing is wanted and nothing on its way."""
        return not self._wanted and not self._under_way

    @property
    def errands(self) -> list[Errand]:
        """What is on its way."""
        return list(self._under_way.values())

    def want(self, span: int) -> None:
        """Chunks of ``span`` are missing."""
        self._wanted |= 1 << span
        self._ranks[self._rank(span)] |= 1 << span

    def take(self, now: float) -> Errand | None:
        """What a thread that is free may fetch now; None when there is nothing, or nothing yet."""
        self._holders.refresh(now)
        self._count_members(now)
        if not self._wanted:
            return None
        complete, offers = self._askable(now, slow=False)
        if not complete and not offers:
            complete, offers = self._askable(now, slow=True)
        offered = 0
        for _, bits in offers:
            offered |= bits
        own = self._ranks[0] & self._wanted & ~offered
        # One thread always draws on a complete holder while there is a part of one's own; the others feed on peers.
        if own and complete and not (offers and any(one.under_way for one in complete)):
            return self._go(_lowest(own), self._holders.best(complete), now)
        if offers:
            best = self._holders.best(one for one, _ in offers)
            return self._go(self._turned(next(bits for one, bits in offers if one is best)), best, now)
        if complete:
            for bits in self._ranks[1 : 1 + int(self._idle / STALL)]:
                # From the other end than he whom they belong to, should he be on his way after all.
                if bits & self._wanted:
                    return self._go((bits & self._wanted).bit_length() - 1, self._holders.best(complete), now)
        return None

    def ended(self, errand: Errand, now: float, *, whole: bool) -> None:
        """An errand is over; the span is wanted still unless it is ``whole``."""
        del self._under_way[errand.span]
        errand.standing.under_way -= 1
        self._idle = max(0.0, self._idle - (now - errand.began) * EASE / self._threads)
        if errand.got:
            errand.standing.served(errand.got, now - errand.began)
            self._moved = now
        if not whole:
            self.want(errand.span)

    def idled(self, seconds: float) -> None:
        """A thread had nothing to do for so long."""
        self._idle += seconds / self._threads

    def overdue(self, now: float, patience: float) -> list[Errand]:
        """Errands that take so long that another holder would be done with them several times over."""
        found = []
        for errand in self._under_way.values():
            others = self._others(errand, now)
            # One that was never asked gets its turn when this one shows no end.
            paces = [2 * patience / SPAN_BYTES / SLOW if one.pace is None else one.pace for one in others]
            if paces and now - errand.began > max(patience, SLOW * min(paces) * SPAN_BYTES):
                found.append(errand)
        return found

    def orphaned(self, now: float) -> bool:
        """No complete holder is left, and nothing has come or will come from anywhere else."""
        if not self._wanted or self._under_way or self._holders.all(complete=True):
            return False
        return not self._holders.all(complete=False) or now - self._moved > ORPHANED

    # --- what the peers have ---------------------------------------------------------------------------------------

    def whom(self, now: float, *, hungry: bool) -> Standing | None:
        """The peer to be asked now what it has, noted as asked; None when all were asked a moment ago."""
        due = [
            (peer.asked + (peer.pause if hungry else max(peer.pause, CALM)), one.order, one)
            for one in self._holders.usable(now, complete=False)
            if (peer := self._peer(one.pod)).bits != self._all
        ]
        at, _, found = min(due, key=lambda one: one[:2], default=(now + 1.0, 0, None))
        if found is None or at > now:
            return None
        self._peer(found.pod).asked = now
        return found

    def saw(self, pod: str, bitmap: bytes | None, now: float) -> bool:
        """``pod`` says what it has, None for all; whether that is more than it had."""
        peer = self._peer(pod)
        bits = self._all if bitmap is None else int.from_bytes(bitmap, "little") & self._all
        more = bool(bits & ~peer.bits)
        peer.bits, peer.here = bits, True
        if more:
            self._moved = now
        peer.pause = SOONEST if more else min(2 * peer.pause, LATEST)
        return more

    def missed(self, pod: str) -> None:
        """``pod`` has nothing of the disk, not yet or not any more."""
        peer = self._peer(pod)
        peer.bits, peer.here, peer.pause = 0, False, min(2 * peer.pause, LATEST)

    def lacks(self, pod: str, span: int) -> None:
        """``pod`` does not have ``span`` after all."""
        self._peer(pod).bits &= ~(1 << span)

    def _peer(self, pod: str) -> _Peer:
        return self._peers.setdefault(pod, _Peer())

    # --- inside ----------------------------------------------------------------------------------------------------

    def _go(self, span: int, standing: Standing, now: float) -> Errand:
        errand = Errand(span, standing, now)
        self._under_way[span] = errand
        standing.under_way += 1
        self._wanted &= ~(1 << span)
        for rank, bits in enumerate(self._ranks):
            self._ranks[rank] = bits & ~(1 << span)
        return errand

    def _askable(self, now: float, *, slow: bool) -> tuple[list[Standing], list[tuple[Standing, int]]]:
        """The complete holders, and the peers with what they have of what is wanted."""
        peers = self._holders.usable(now, complete=False, slow=slow)
        offers = [(one, bits) for one in peers if (bits := self._peer(one.pod).bits & self._wanted)]
        return self._holders.usable(now, complete=True, slow=slow), offers

    def _others(self, errand: Errand, now: float) -> list[Standing]:
        found = self._holders.usable(now, complete=True)
        bit = 1 << errand.span
        found += [one for one in self._holders.usable(now, complete=False) if self._peer(one.pod).bits & bit]
        return [one for one in found if one is not errand.standing]

    def _turned(self, bits: int) -> int:
        """One of ``bits``: each pod begins at another place, so that they have something for each other."""
        high = bits >> self._offset
        return self._offset + _lowest(high) if high else _lowest(bits)

    def _count_members(self, now: float) -> None:
        """Who shares the spans with this pod: peers at work, and those who may still begin."""
        late = now - self._began > GRACE
        members = []
        for one in self._holders.all(complete=False):
            peer = self._peer(one.pod)
            if peer.here or (not late and not one.stumbles):
                members.append(one.pod)
        if tuple(members) != self._members:
            self._members = tuple(members)
            self._ranks = [0] * (len(members) + 1)
            left = self._wanted
            while left:
                span = _lowest(left)
                left &= left - 1
                self._ranks[self._rank(span)] |= 1 << span

    def _rank(self, span: int) -> int:
        """How many pods come before this one in the order of ``span``."""
        if not self._members:
            return 0
        mine = self._weight(span, self._me)
        return sum(self._weight(span, pod) > mine for pod in self._members)

    def _weight(self, span: int, pod: str) -> bytes:
        return blake3(f"{self._root}/{span}/{pod}".encode()).digest(8)


def _lowest(bits: int) -> int:
    return (bits & -bits).bit_length() - 1
