"""Both sagas, simulated: catalog and replicator as they are, pods as models, and a bus that does its worst.

A history is decided by its seed alone: who says what when, what comes twice, late or in another order, which process
dies before its commit or between commit and acknowledgement, which pod fails. Time is virtual; deadlines fire in it.
Nothing is waited for, so a history takes milliseconds.
"""

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from catalog.config import Config as CatalogConfig
from catalog.documents import ALL_PODS, FLEET, JOB
from catalog.domain import job as jobs
from catalog.handlers import reactions as catalog_reactions
from catalog.settings import CatalogSettings
from contracts.errors import Problem
from contracts.events import SPEAKER_OF, Speaker
from contracts.events.from_pods import CopyCorrupted, PodReported
from contracts.events.hub import Targets
from contracts.keeping import SoftDelete
from contracts.manifest import Source
from contracts.requests import (
    Accepted,
    Actor,
    CancelJob,
    CancelPublish,
    Command,
    CreateGallery,
    DeleteVersion,
    EditPlacement,
    ImportVersion,
    PausePlacement,
    PublishVersion,
    RemoveCopy,
    RepairCopy,
    RestoreVersion,
    SetDataAccess,
    SetEnabled,
    UnpublishVersion,
    command_id,
)
from contracts.terms import Terms
from contracts.topology import HEARS, STREAM_OF
from core import truth
from core.catalog_world import vouched
from core.driver import START, Driver
from core.simulated_pod import INTERVAL, TICKET, Say, SimulatedPod, Temper
from core.truth import ENDED, Violation
from replicator.documents import COPY
from replicator.domain import copy as copies
from replicator.domain.retry import Policy
from replicator.handlers import Config
from replicator.handlers import reactions as replicator_reactions
from runtime.work import Emitted, Message

PODS = 3
HORIZON = 4 * 3600.0
"""Virtual seconds by which every saga has ended."""
STEPS = 20_000
ACTOR = Actor(tenant="acme", name="ann", roles=("owner",))
SETTINGS = CatalogSettings(data="", import_deadline=200.0, publish_deadline=300.0)
CATALOG = CatalogConfig(SETTINGS, vouched)


@dataclass(frozen=True)
class Weather:
    """How the bus and the processes behave: probabilities, and the longest delay of a message in seconds."""

    duplicate: float = 0.1
    drop: float = 0.05
    crash_before_commit: float = 0.05
    crash_before_ack: float = 0.05
    delay: float = 4.0
    meddle: int = 0
    """What people do to a publish while it is under way, at most so many things."""
    mark: int = 0
    """How often at most they disable, enable, delete or restore the version meanwhile."""
    deny: int = 0
    """How often at most they deny its data, or allow it again; in the end it is allowed."""
    temper: Temper = field(default_factory=Temper)


CALM = Weather(duplicate=0, drop=0, crash_before_commit=0, crash_before_ack=0, delay=0.01)
UNRULY = Weather(temper=Temper(repeat=0.2))
"""Everything goes wrong on the way, nothing on the pods."""
STORM = Weather(
    temper=Temper(
        reject=0.25, refuse=0.05, corrupt=0.1, hang=0.05, slow=0.08, vanish=0.3, forge=0.15, rot=0.8, repeat=0.2
    )
)


MEDDLING = Weather(
    meddle=4,
    temper=Temper(
        reject=0.2, refuse=0.05, hang=0.05, slow=0.05, vanish=0.3, rot=0.1, wipe=0.15, revive=0.2, repeat=0.1
    ),
)
"""People change their minds, pods lose what they had and find what they dropped."""
MARKING = replace(MEDDLING, mark=4)
"""They also disable and delete what is published, softly or for good, and bring some of it back."""
DENYING = replace(MEDDLING, deny=4)
"""They also deny the data of what is copied, and allow it again."""


@dataclass(order=True)
class Due:
    """Something that happens at a virtual time. ``idle`` things do not keep a history going."""

    time: float
    order: int
    act: Callable[[], None] = field(compare=False)
    idle: bool = field(compare=False, default=False)


class Simulation:
    """One history. `run` plays it and raises `Violation` when it breaks a rule."""

    def __init__(self, seed: int, weather: Weather, *, dedupe: bool = True) -> None:
        self.seed = seed
        self.weather = weather
        self.rng = random.Random(seed)
        self.time = 0.0
        self.steps = 0
        self._order = itertools.count()
        self._agenda: list[Due] = []
        self._busy = 0
        self._ids = itertools.count(1)
        policy = Policy(max_attempts=3, backoff=(5.0, 20.0))
        config = Config(sign=lambda ticket: f"ticket of {ticket.pod}", policy=policy, ticket_seconds=TICKET)
        self.hub: dict[Speaker, Driver] = {
            Speaker.CATALOG: Driver(catalog_reactions(CATALOG), ids="c1", dedupe=dedupe),
            Speaker.REPLICATOR: Driver(replicator_reactions(config), ids="e1", dedupe=dedupe),
        }
        self.catalog, self.replicator = self.hub[Speaker.CATALOG], self.hub[Speaker.REPLICATOR]
        self.pods = {
            f"pod-{number}": SimulatedPod(f"pod-{number}", weather.temper, self.rng) for number in range(1, PODS + 1)
        }
        self.commands: list[Command] = []
        self.accepted: dict[str, Accepted] = {}
        self.refused: dict[str, str] = {}
        self._said_so: list[Command] = []
        """What people asked for beside imports and publishes."""
        self._counted = truth.Counted()
        self._held: dict[str, list[Callable[[], None]]] = {name: [] for name in self.pods}

    # --- time ---------------------------------------------------------------------------------------------------------

    def later(self, delay: float, act: Callable[[], None], *, idle: bool = False) -> None:
        """Let ``act`` happen after ``delay`` seconds."""
        self._busy += not idle
        heapq.heappush(self._agenda, Due(self.time + delay, next(self._order), act, idle))

    def run(self) -> "Simulation":
        """Play the history to its end."""
        for name in self.pods:
            self._wake(name)
        while not self._over():
            self.steps += 1
            if self.steps > STEPS or self.time > HORIZON:
                raise Violation(f"a saga does not end: {list(self.catalog.all(JOB).values())}")
            self._step()
        truth.check_end(self.catalog, self.replicator, self.pods, commands=len(self._jobs()))
        return self

    def _jobs(self) -> set[str]:
        """The jobs that were to be made."""
        return {one.job for one in self.accepted.values()}

    def outcome(self) -> tuple[Any, ...]:
        """The end state without what may differ between orders: ids, times, revisions."""
        return truth.outcome(self.catalog, self.replicator, self.pods)

    def _step(self) -> None:
        reminder = min(
            (
                ((one.due - START) / timedelta(seconds=1), str(speaker), name)
                for speaker, driver in self.hub.items()
                for name, one in driver.reminders.items()
                if one.due is not None
            ),
            default=None,
        )
        if reminder is not None and (not self._agenda or reminder[0] <= self._agenda[0].time):
            self._at(max(reminder[0], self.time))
            self._remind(Speaker(reminder[1]), reminder[2])
            return
        due = heapq.heappop(self._agenda)
        self._at(due.time)
        self._busy -= not due.idle
        due.act()

    def _at(self, time: float) -> None:
        self.time = time
        for driver in self.hub.values():
            driver.now = START + timedelta(seconds=time)

    def _over(self) -> bool:
        """Whether the user has what he waited for, and nothing is on its way any more."""
        if self._busy or any(self._held.values()) or any(not pod.online for pod in self.pods.values()):
            return False
        stored = self.replicator.all(COPY)
        if any(self._to_come(copy) for copy in stored.values()):
            return False
        if any(truth.differs(id, copy, self.pods[copy.pod]) for id, copy in stored.items()):
            return False  # the next inventory tells
        return bool(self.commands) and not self._user_waits()

    def _to_come(self, copy: copies.Copy) -> bool:
        """Whether it is still on its way, and can arrive; or is to go, and will."""
        return copies.leaving(copy) or (copies.unfinished(copy) and not truth.hopeless(self.replicator, copy))

    # --- the hub ------------------------------------------------------------------------------------------------------

    def _remind(self, speaker: Speaker, name: str) -> None:
        driver = self.hub[speaker]
        reminder = driver.reminders[name]
        message = driver.message(reminder.body, "self", saga=reminder.saga)
        if self._chance(self.weather.crash_before_commit):
            driver.deliver(message, crash=True)  # the row is still there: it comes again
            return
        del driver.reminders[name]
        self._said(driver.deliver(message))

    def _deliver(self, to: Speaker, message: Message[Any]) -> None:
        driver = self.hub[to]
        if self._chance(self.weather.crash_before_commit):
            driver.deliver(message, crash=True)
            self._redeliver(to, message)
            return
        said = driver.deliver(message)
        self._heard(to, message)
        self._said(said)
        if isinstance(driver.reply, Accepted):
            self.accepted.setdefault(message.id, driver.reply)
        elif isinstance(driver.reply, Problem) and self.weather.meddle:
            self.refused.setdefault(message.id, driver.reply.code)
        elif isinstance(driver.reply, Problem):
            raise Violation(f"a command was refused: {driver.reply}")
        if self._chance(self.weather.crash_before_ack):
            self._redeliver(to, message)
        if to is Speaker.CATALOG:
            self._user()

    def _heard(self, to: Speaker, message: Message[Any]) -> None:
        """A service has taken a message in."""

    def _redeliver(self, to: Speaker, message: Message[Any]) -> None:
        self.later(self.rng.uniform(0.1, 30), lambda: self._deliver(to, message))

    def _said(self, said: list[Emitted]) -> None:
        for one in said:
            truth.check_word(one.event, self.pods, self._counted)
            truth.check_access(one.event, self.replicator)
            kind = type(one.event)
            message = Message(one.id, str(SPEAKER_OF[kind]), one.at, one.saga, one.event)
            if STREAM_OF[kind] == "TO_PODS":
                self._send(lambda m=message: self._to_pod(m))  # type: ignore[misc]
            else:
                self._to_hub(message)

    def _to_hub(self, message: Message[Any]) -> None:
        for to in self.hub:
            if type(message.body) in HEARS[to]:
                self._send(lambda to=to: self._deliver(to, message))  # type: ignore[misc]

    def _send(self, act: Callable[[], None]) -> None:
        """Across the bus: late, twice, or only when it is delivered again."""
        delay = self.rng.uniform(0, self.weather.delay)
        if self._chance(self.weather.drop):
            delay += 30
        self.later(delay, act)
        if self._chance(self.weather.duplicate):
            self.later(delay + self.rng.uniform(0, 2 * self.weather.delay), act)

    # --- pods ---------------------------------------------------------------------------------------------------------

    def _wake(self, name: str) -> None:
        pod = self.pods[name]
        self._report(name, Say(0, pod.announced()), "")
        self.later(self.rng.uniform(1, INTERVAL), lambda: self._beat(name), idle=True)
        if self._chance(pod.temper.vanish):
            self.later(self.rng.uniform(1, 120), lambda: self._leave(name))

    def _beat(self, name: str) -> None:
        if self.pods[name].online:
            self._report(name, Say(0, self.pods[name].reported()), "")
        self.later(INTERVAL, lambda: self._beat(name), idle=True)

    def _leave(self, name: str) -> None:
        self.pods[name].online = False
        self.later(self.rng.choice((5, 60, 200, 600)), lambda: self._return(name))

    def _return(self, name: str) -> None:
        pod = self.pods[name]
        pod.online = True
        if self._chance(0.5):
            resumed = pod.restart()
            self._report(name, Say(0, pod.announced()), "")
            for say in resumed:
                self._plan(name, say, "")
        held, self._held[name] = self._held[name], []
        for act in held:
            self._send(act)

    def _to_pod(self, message: Message[Any]) -> None:
        name = message.body.pod
        if not self.pods[name].online:
            self._held[name].append(lambda: self._to_pod(message))
            return
        for say in self.pods[name].hear(message.body):
            self._plan(name, say, message.saga)

    def _plan(self, name: str, say: Say, saga: str) -> None:
        self.later(say.delay, lambda: self._report(name, say, saga))

    def _report(self, name: str, say: Say, saga: str) -> None:
        if isinstance(say.body, CopyCorrupted) and not self.pods[name].online:
            self.later(100, lambda: self._report(name, say, saga))  # it looks again when it is back
            return
        body = self.pods[name].says(say)
        if body is None:
            return
        at = START + timedelta(seconds=self.time)
        message = Message(f"{next(self._ids):030x}ff", f"pod:{name}", at, saga, body)
        if self.pods[name].online:
            self._to_hub(message)
        elif not isinstance(body, PodReported):
            self._held[name].append(lambda: self._to_hub(message))

    # --- the user -----------------------------------------------------------------------------------------------------

    def _user(self) -> None:
        """Import once all pods are known, publish what was imported, publish again what did not arrive everywhere."""
        if self.weather.mark and not self._said_so:
            self._tell(CreateGallery(actor=ACTOR, id=self._id(), name="default", soft_delete=SoftDelete(enabled=True)))
        if not self.commands:
            fleet = self.catalog.get(FLEET, ALL_PODS)
            if fleet is not None and fleet.pods == PODS:
                source = Source(pod="pod-1", name="golden")
                self._ask(ImportVersion(actor=ACTOR, id=self._key(), image="default/win", create=True, source=source))
            return
        if self._user_waits():
            return
        last = self.commands[-1]
        accepted = self.accepted.get(last.id)
        job = None if accepted is None else self.catalog.get(JOB, accepted.job)
        again = isinstance(last, PublishVersion)
        if len(self.commands) >= 4 or (isinstance(job, jobs.Success) if again else not isinstance(job, jobs.Success)):
            return
        if not self.weather.meddle:
            terms: dict[str, Any] = {"again": again}
        elif self._chance(0.5):
            terms = {"again": again}
        else:
            terms = {"terms": Terms(all_or_nothing=self._chance(0.5))}
            if self._chance(0.5):
                terms["targets"] = Targets(kind="list", pods=tuple(self.rng.sample(self._targets(), 2)))
        self._ask(PublishVersion(actor=ACTOR, id=self._key(), image="default/win", number=self._number(), **terms))
        if self.weather.meddle:
            self._meddle()

    def _targets(self) -> list[str]:
        """The pods that the user may publish to."""
        return sorted(self.pods)

    def _number(self) -> str:
        return self.accepted[self.commands[0].id].number

    def _meddle(self) -> None:
        """Do something to the publish at times that suit nobody; in the end let what was paused go on."""
        for _ in range(self.rng.randint(0, self.weather.meddle)):
            self.later(self.rng.uniform(0, 200), self._change_mind)
        for _ in range(self.rng.randint(0, self.weather.mark) if self.weather.mark else 0):
            self.later(self.rng.uniform(0, 600), self._mark)
        for _ in range(self.rng.randint(0, self.weather.deny) if self.weather.deny else 0):
            self.later(self.rng.uniform(0, 600), lambda: self._deny(active=self._chance(0.3)))
        self.later(400, lambda: self._steer(PausePlacement, resume=True))  # after the last of them has arrived
        if self.weather.deny:
            self.later(800, lambda: self._deny(active=True))

    def _mark(self) -> None:
        """Disable, enable, delete or restore the version, or cancel its deletion."""
        told: dict[str, Any] = {"actor": ACTOR, "id": self._id(), "image": "default/win", "number": self._number()}
        match self.rng.randint(0, 5):
            case 0 | 1:
                self._tell(SetEnabled(**told, enabled=self._chance(0.7)))
            case 2 | 3:
                self._tell(DeleteVersion(**told, bypass_soft_delete=self._chance(0.4)))
            case 4:
                self._tell(RestoreVersion(**told))
            case 5:
                for job in [id for id, one in self.catalog.all(JOB).items() if one.kind == "delete"]:
                    self._tell(CancelJob(actor=ACTOR, id=self._id(), job=job))

    def _deny(self, *, active: bool) -> None:
        """Deny the data of the version, or allow it again."""
        told: dict[str, Any] = {"actor": ACTOR, "id": self._id(), "image": "default/win", "number": self._number()}
        self._tell(SetDataAccess(**told, active=active))

    def _change_mind(self) -> None:
        pod = self.rng.choice(sorted(self.pods))
        number = self._number()
        match self.rng.randint(0, 8):
            case 0:
                self._tell(CancelPublish(actor=ACTOR, id=self._id(), image="default/win", number=number))
            case 1:
                self._tell(UnpublishVersion(actor=ACTOR, id=self._id(), image="default/win", number=number))
            case 2:
                self._steer(EditPlacement, add=(pod,))
            case 3:
                self._steer(EditPlacement, remove=(pod,))
            case 4:
                self._steer(PausePlacement)
            case 5:
                self._steer(PausePlacement, resume=True)
            case 6:
                self._steer(RemoveCopy, pod=pod)
            case 7:
                self._steer(RepairCopy, pod=pod)
            case 8:
                self._steer(EditPlacement, priority=self.rng.choice(("low", "urgent")))

    def _steer(self, kind: type[Command], **fields: Any) -> None:
        """Say something about the version to the replicator."""
        version = self.accepted[self.commands[0].id].version
        command = kind(actor=ACTOR, id=self._id(), **{"version": version} | fields)
        self._tell(command, Speaker.REPLICATOR)

    def _tell(self, command: Command, to: Speaker = Speaker.CATALOG) -> None:
        self._said_so.append(command)
        message = self.hub[to].message(command, "request", id=command.id)
        self._send(lambda: self._deliver(to, message))

    def _id(self) -> str:
        return command_id(ACTOR, f"{self.seed}/meddling/{len(self._said_so)}")

    def _key(self) -> str:
        return command_id(ACTOR, f"{self.seed}/{len(self.commands)}")

    def _ask(self, command: Command) -> None:
        """Send a command; a client that gets no answer sends it again under the same id."""
        self.commands.append(command)
        message = self.catalog.message(command, "request", id=command.id)
        self._send(lambda: self._deliver(Speaker.CATALOG, message))

    def _user_waits(self) -> bool:
        last = self.commands[-1].id
        if last not in self.accepted and last not in self.refused:
            return True
        found = {one.job for one in self.accepted.values()}
        return not all(isinstance(self.catalog.get(JOB, job), ENDED) for job in found)

    def _chance(self, probability: float) -> bool:
        return probability > 0 and self.rng.random() < probability
