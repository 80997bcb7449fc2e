"""A catalog with models of a replicator and of pods; what those say arrives out of order, twice, or after a crash."""

import random
from collections import Counter
from dataclasses import replace
from typing import Any

from contracts.desktops import Seat
from contracts.errors import Failure, Problem
from contracts.events.from_pods import (
    AssignmentReported,
    SourceInspected,
    SourcePrepared,
    SourceRejected,
    SourceStarted,
)
from contracts.events.hub import (
    PlacementRefused,
    PodConnected,
    VersionCancelRequested,
    VersionPublishRequested,
    VersionUnpublishRequested,
)
from contracts.events.to_pods import AssignmentRequested, AssignmentWithdrawn, SourceDiscarded, SourceRequested
from contracts.keeping import SoftDelete
from contracts.requests import CreateGallery
from core import catalog_invariants as invariants
from core.catalog_world import (
    ADA,
    World,
    announced,
    available,
    cancelled,
    copying,
    disk,
    failed,
    lost,
    manifest,
    planned,
    removed,
    retired,
)
from core.lives_world import OPS
from core.pools_world import BROKEN
from runtime.work import Emitted, Message

PODS = ("pod-1", "pod-2", "pod-3")
REFUSED = Failure(code="no_targets", step="plan", text="no pod is there")
GOING = ("ABSENT", "DELETING")
"""Copies that are no part of what is wanted."""


class Bus(World):
    """`World` with a replicator and pods at the other end of a bus; each step is held against the invariants."""

    def __init__(self, seed: int) -> None:
        self.revisions = invariants.Revisions()
        self.held: dict[str, Any] = {}
        super().__init__()
        self.chance = random.Random(seed)
        self.met: Counter[str] = Counter()
        self.on_the_way: list[Message[Any]] = []
        self.listened = len(self.emitted)
        self.copies: dict[tuple[str, str], list[Any]] = {}
        """(version, pod) -> revision and state, as the replicator has them."""
        self.called_off: Counter[str] = Counter()
        self.published_as: Counter[str] = Counter()
        self.sources: dict[str, tuple[SourceRequested, int]] = {}
        self.discarded: set[str] = set()
        self.wished: dict[tuple[str, str], AssignmentRequested | AssignmentWithdrawn] = {}
        for pod in PODS:
            self.say(PodConnected(pod=pod, labels={}, revision=2), "replicator")
        self.order(CreateGallery, name="lab", soft_delete=SoftDelete(enabled=True, retention_days=2, grace_days=1))

    def deliver(self, message: Message[Any], *, crash: bool = False) -> list[Emitted]:
        before, count = dict(self.documents), len(self.emitted)
        said = super().deliver(message, crash=crash)
        self.revisions.check(self.emitted[count:])
        if self.documents != before:
            assert not isinstance(self.reply, Problem), self.reply
            invariants.check_usage(self)
            invariants.check_removals(self, before, message)
            now = invariants.usages(self)
            invariants.check_quotas(self.held, now)
            self.held = now
        return said

    def order(self, kind: type, /, **given: Any) -> Any:
        """A command of somebody, heard once or twice, or when the process is back."""
        command = kind(id=self.command_id(), actor=self.chance.choice((ADA, ADA, OPS)), **given)
        message = self.message(command, "request", id=command.id)
        if self.chance.random() < 0.1:
            self.deliver(message, crash=True)
        self.deliver(message)
        reply = self.reply
        self.met[reply.code if isinstance(reply, Problem) else kind.__name__] += 1
        if self.chance.random() < 0.1:
            self.deliver(message)
        self.listen()
        return reply

    # --- what pods and replicator do ----------------------------------------------------------------------------------

    def listen(self) -> None:
        """Pods and replicator hear what was said to them."""
        news, self.listened = self.emitted[self.listened :], len(self.emitted)
        for event in (one.event for one in news):
            match event:
                case VersionPublishRequested():
                    self._publish(event)
                case VersionCancelRequested() | VersionUnpublishRequested():
                    self._take_back(event)
                case SourceRequested():
                    self.sources.setdefault(event.version, (event, 0))
                case SourceDiscarded():
                    self.discarded.add(event.version)
                    self.sources.pop(event.version, None)
                case AssignmentRequested() | AssignmentWithdrawn():
                    known = self.wished.get((event.assignment, event.pod))
                    if known is None or event.attempt >= known.attempt:
                        self.wished[event.assignment, event.pod] = event

    def send(self, event: Any, speaker: str = "replicator") -> None:
        message = self.message(event, speaker)
        self.on_the_way += [message] * (1 + (self.chance.random() < 0.15))

    def _copy(self, word: Any, version: str, pod: str, becomes: str, /, **given: Any) -> None:
        row = self.copies[version, pod]
        row[:] = [row[0] + 1, becomes]
        self.send(word(version, pod, revision=row[0], **given))

    def _publish(self, event: VersionPublishRequested) -> None:
        id, number = event.version, event.publication
        if number <= max(self.called_off[id], self.published_as[id]):
            return
        if self.chance.random() < 0.05:
            self.send(PlacementRefused(version=id, publication=number, failure=REFUSED))
            return
        self.published_as[id] = number
        there = {pod for (version, pod), row in self.copies.items() if version == id and row[1] not in GOING}
        pods = set(PODS if event.targets.kind != "list" else (*event.targets.pods, *event.more))
        pods |= there if event.again else set()
        self.send(announced(id, len(pods | there), publication=number, revision=number))
        for pod in sorted(pods):
            row = self.copies.setdefault((id, pod), [0, "ABSENT"])
            state = "AVAILABLE" if row[1] == "AVAILABLE" else "PENDING"
            dark = event.terms.excluded_on(pod)
            self._copy(planned, id, pod, state, wanted=len(pods), state=state, publication=number, excluded=dark)

    def _take_back(self, event: VersionCancelRequested | VersionUnpublishRequested) -> None:
        all_of = isinstance(event, VersionUnpublishRequested)
        if all_of:
            self.called_off[event.version] = max(self.called_off[event.version], event.publication)
        for (version, pod), (_, state) in list(self.copies.items()):
            if version != event.version or state in GOING:
                continue
            if not all_of and state in ("PENDING", "REPLICATING"):
                self._copy(cancelled, version, pod, "CANCELLED")
            elif all_of and state == "AVAILABLE":
                self._copy(retired, version, pod, "DELETING")
            elif all_of:
                self._copy(cancelled, version, pod, "ABSENT", wanted=False)

    def work(self, *, calm: bool = False) -> None:
        """Pods and replicator go on with what they have to do; ``calm``: with all of it, and all goes well."""
        lucky = self.chance.random
        for id, (asked, step) in list(self.sources.items()):
            if calm or lucky() < 0.5:
                self._prepare(id, asked, step, fails=not calm and lucky() < 0.15)
        for (version, pod), (_, state) in list(self.copies.items()):
            if not calm and lucky() < 0.5:
                continue
            if state == "PENDING":
                self._copy(copying, version, pod, "REPLICATING")
            elif state == "REPLICATING":
                bad = not calm and lucky() < 0.15
                self._copy(*((failed, version, pod, "FAILED") if bad else (available, version, pod, "AVAILABLE")))
            elif state == "DELETING":
                self._copy(removed, version, pod, "ABSENT")
            elif state == "AVAILABLE" and not calm and lucky() < 0.03:
                self._copy(lost, version, pod, "REPLICATING")
        for (id, pod), wish in sorted(self.wished.items()):
            if calm or lucky() < 0.4:
                self._make(id, pod, wish, fails=not calm and lucky() < 0.2, used=not calm and lucky() < 0.3)

    def _prepare(self, id: str, asked: SourceRequested, step: int, *, fails: bool) -> None:
        pod, size = f"pod:{asked.pod}", 4096 * (1 + int(id, 16) % 3)
        match step:
            case 0:
                self.send(SourceStarted(version=id, attempt=asked.attempt), pod)
            case 1:
                self.send(SourceInspected(version=id, attempt=asked.attempt, size=size), pod)
            case 2 if fails:
                self.send(SourceRejected(version=id, attempt=asked.attempt, failure=BROKEN), pod)
            case 2:
                content = manifest(disk(size=size - self.chance.choice((0, 1000))), source=asked.source)
                self.send(SourcePrepared(version=id, attempt=asked.attempt, manifest=content, datastore="main"), pod)
        self.sources[id] = (asked, step + 1)

    def _make(
        self, id: str, pod: str, wish: AssignmentRequested | AssignmentWithdrawn, *, fails: bool, used: bool
    ) -> None:
        if isinstance(wish, AssignmentWithdrawn):
            state, version, seats = "REMOVED", "", ()
        else:
            state, version = "UPDATE_FAILED" if fails else "IN_SYNC", wish.wanted.version
            seats = (Seat(name="desk-1", state="READY", version=version, user="bob" if used else ""),)
        failure = BROKEN if state == "UPDATE_FAILED" else None
        told = {"state": state, "version": version, "seats": seats, "failure": failure}
        self.send(AssignmentReported(assignment=id, attempt=wish.attempt, **told), f"pod:{pod}")

    def arrive(self, count: int) -> None:
        """Up to so many messages arrive, in any order; some find a process that dies before its commit."""
        for _ in range(min(count, len(self.on_the_way))):
            message = self.on_the_way.pop(self.chance.randrange(len(self.on_the_way)))
            message = replace(message, at=self.now)
            if self.chance.random() < 0.05:
                self.deliver(message, crash=True)
            self.deliver(message)
            self.listen()
