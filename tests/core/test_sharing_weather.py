"""Any order of offers, answers, revocations, ends, suspensions: sharing, whoever listens to it, and a model agree."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.errors import Problem
from contracts.requests import Actor
from core.driver import Driver
from core.sharing_world import BASE, World, actor
from runtime import access
from sharing.documents import ANSWER, HELD, IMAGE, OFFER
from sharing.domain.offer import Standing
from sharing.settings import SharingSettings

SETTINGS = SharingSettings(data="", max_members=3)
PARTIES = (
    actor("beta", account="group", unit="corp/eu"),
    actor("delta", account="group", unit="corp/eu"),
    actor("eta", account="other", unit="corp"),
    actor("theta"),
)
MEMBERS = ("beta", "delta", "theta", "account:group", "org:corp", "org:corp/eu")
VERBS = ("offer", "offer for an hour", "revoke", "revoke with a grace", "accept", "reject", "suspend", "resume", "wait")
STEPS = st.lists(
    st.tuples(st.sampled_from(VERBS), st.sampled_from(MEMBERS), st.sampled_from(PARTIES)), min_size=1, max_size=40
)


@dataclass
class Model:
    """What is said in the documents, in its simplest form."""

    made: dict[str, datetime] = field(default_factory=dict)
    until: dict[str, datetime | None] = field(default_factory=dict)
    answers: dict[str, tuple[datetime, str]] = field(default_factory=dict)
    suspended: bool = False

    def pass_to(self, now: datetime) -> None:
        for member in [one for one, end in self.until.items() if end is not None and end <= now]:
            del self.made[member], self.until[member]

    def state(self, who: Actor) -> str:
        made = [] if self.suspended else [self.made[one] for one in who.all if one in self.made]
        if not made:
            return ""
        at, answer = self.answers.get(who.tenant, (None, ""))
        return answer if at is not None and any(one <= at for one in made) else "PENDING"


def step(world: World, model: Model, verb: str, member: str, who: Actor) -> None:
    """Do it, and tell the model what must come of it."""
    hour = timedelta(hours=1)
    model.pass_to(world.now + timedelta(seconds=1))  # commands are a second apart
    now = world.now + timedelta(seconds=1)
    match verb:
        case "offer" | "offer for an hour":
            until = now + hour if verb != "offer" else None
            pair = world.offer(member, until=until).items[0]
            known = member in model.made
            if known and model.until[member] == until:
                assert pair.code == "member_exists"
            elif not known and model.suspended:
                assert pair.code == "not_shareable"
            elif not known and len(model.made) >= SETTINGS.max_members:
                assert pair.code == "member_limit"
            else:
                assert not pair.code
                model.made.setdefault(member, now)
                model.until[member] = until
        case "revoke" | "revoke with a grace":
            grace = verb != "revoke"
            pair = world.revoke(member, grace=0.5 if grace else 0.0).items[0]
            assert pair.code == ("" if member in model.made else "member_not_found")
            if member in model.made and grace:
                model.until[member] = min(model.until[member] or now + hour, now + hour / 2)
            elif member in model.made:
                del model.made[member], model.until[member]
        case "accept" | "reject":
            state = model.state(who)
            reply: Any = world.accept(who) if verb == "accept" else world.reject(who)
            wanted = "ACCEPTED" if verb == "accept" else "REJECTED"
            assert (reply.code if isinstance(reply, Problem) else reply.state) == (
                wanted if state else "share_not_found"
            )
            if state not in ("", wanted):
                model.answers[who.tenant] = (now, wanted)
        case "suspend" | "resume":
            world.suspend() if verb == "suspend" else world.resume()
            model.suspended = verb == "suspend"
        case "wait":
            world.pass_time(2000)
            model.pass_to(world.now)


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_b4_sharing_and_whoever_listens_agree_with_the_rules(steps: list[tuple[str, str, Actor]]) -> None:
    world, listener, model, heard, revision = World(settings=SETTINGS), Driver(access.reactions()), Model(), 0, 0
    for verb, member, who in steps:
        step(world, model, verb, member, who)
        for one in world.emitted[heard:]:
            listener.now = one.at
            listener.say(one.event, "sharing")
            now: int = one.event.revision  # type: ignore[attr-defined]
            assert now > revision, "the revisions of an image only rise"
            revision = now
        heard = len(world.emitted)
        assert listener.all(access.ACCESS) == world.all(access.ACCESS)
        known = world.get(access.ACCESS, access.image_key(BASE))
        for party in PARTIES:
            assert access.answered(known, party) == model.state(party)
        standing = {offer.member: offer for offer in world.all(OFFER).values() if isinstance(offer, Standing)}
        assert standing.keys() == model.made.keys()
        assert {one: offer.until for one, offer in standing.items()} == model.until
        named = {one for one in standing if ":" in one}
        assert {one: held.count for one, held in world.all(HELD).items()} == dict.fromkeys(named, 1)
        image = world.get(IMAGE, BASE)
        assert image is not None
        assert (image.members, image.revision) == (len(standing), revision)
        answers = world.all(ANSWER).values()
        for one, offer in standing.items():
            to = [answer.accepted for answer in answers if answer.to.get(one) == offer.since]
            assert (offer.accepted, offer.rejected) == (to.count(True), to.count(False))
