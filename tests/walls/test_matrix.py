"""The walls between tenants: what anybody asks about a thing, in any role, is answered as the oracle says."""

import asyncio
import itertools
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
import pytest
import pytest_asyncio

from contracts import requests as r
from contracts.requests import Actor
from contracts.rights import NEEDS
from walls.about import ABOUT, About
from walls.land import PEOPLE, Land, Thing, ghost, looked_at
from walls.oracle import ROLES, Outcome, became, expected

pytestmark = pytest.mark.asyncio(loop_scope="package")
AT_ONCE = 50
SHARE = 7
"""One in so many of all combinations is asked; all of those with what is offered, and of whom nothing is expected."""


class Case(NamedTuple):
    """One cell of the matrix."""

    about: About
    person: str
    actor: Actor
    thing: Thing

    @property
    def expected(self) -> set[Outcome]:
        """What may become of it."""
        found = expected(self.about.kind, self.actor, self.person, self.thing, on=self.about.on)
        if self.person == "granted a version" and found != {Outcome.HIDDEN}:
            # He may know of this version alone: of another number, and of the image for sharing, it may be said that
            # there is none.
            found = found | {Outcome.HIDDEN} if self.about.on == "version" else found
        return found

    def __str__(self) -> str:
        about = f"{self.about.kind.__name__} ({self.about.on})"
        return f"{about} of {self.thing.name} by {'/'.join(self.actor.roles) or 'nobody'} {self.person}"


def cases(land: Land) -> Iterator[Case]:
    """A part of the matrix that is the same at every run, and in which everything occurs."""
    for about, (person, who), role in itertools.product(ABOUT, PEOPLE.items(), ("", *ROLES)):
        actor = who.bearer(*([role] if role else []))
        for thing in land.things.values():
            place = zlib.crc32(f"{about.kind.__name__} {about.on} {person} {role} {thing.name}".encode())
            if place % SHARE == 0 or (thing.name == "shared" and role in ("owner", "reader")):
                yield Case(about, person, actor, thing)


async def asked(land: Land, found: Sequence[Case]) -> list[Any]:
    """The replies to the requests of cases, in their order."""
    replies: list[Any] = []
    for at in range(0, len(found), AT_ONCE):
        requests = [
            case.about.of(case.actor, case.thing, allowed=Outcome.ALLOWED in case.expected)
            for case in found[at : at + AT_ONCE]
        ]
        replies += await asyncio.gather(*(land.home.ask(request) for request in requests))
    return replies


def told(reply: Any, thing: Thing) -> str:
    """A reply in words, without the texts by which the thing was named in the question."""
    words = msgspec.json.encode(reply).decode()
    for n, text in enumerate(thing.texts()):
        words = words.replace(text, f"<{n}>")
    return words


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def answered(land: Land) -> dict[Case, Any]:
    """The replies to all cases."""
    found = list(cases(land))
    return dict(zip(found, await asked(land, found), strict=True))


async def test_every_request_about_a_thing_is_answered_as_the_table_of_rights_says(
    land: Land, answered: dict[Case, Any]
) -> None:
    wrong = []
    for case, reply in answered.items():
        outcome = became(reply, case.about.hidden)
        if outcome not in case.expected:
            wrong.append(f"{case}: {outcome.value}, not {[one.value for one in case.expected]}: {str(reply)[:300]}")
    assert not wrong, f"{len(wrong)} of {len(answered)}:\n" + "\n".join(wrong)
    seen = Counter(next(iter(case.expected)) for case in answered if len(case.expected) == 1)
    assert min(seen[outcome] for outcome in Outcome) > len(answered) // 20, seen
    await looked_at(land)


async def test_what_is_not_to_be_known_of_is_answered_word_for_word_as_what_never_was(
    land: Land, answered: dict[Case, Any]
) -> None:
    never = ghost()
    hidden = {case: reply for case, reply in answered.items() if case.expected == {Outcome.HIDDEN}}
    twins = {(case.about, case.actor): case._replace(thing=never) for case in hidden}
    ghosts = dict(zip(twins, await asked(land, list(twins.values())), strict=True))
    wrong = [
        f"{case}:\n  {there}\n  {not_there}"
        for case, reply in hidden.items()
        if (there := told(reply, case.thing)) != (not_there := told(ghosts[case.about, case.actor], never))
    ]
    assert not wrong, f"{len(wrong)} of {len(hidden)}:\n" + "\n".join(wrong)


async def test_every_request_about_an_image_a_version_or_a_gallery_is_in_the_matrix() -> None:
    about = {case.kind for case in ABOUT}
    missing = {kind.__name__ for kind, (_, scope) in NEEDS.items() if scope in ("image", "version", "gallery")}
    assert not missing - {kind.__name__ for kind in about}
    assert {r.GetShare, r.AnswerOffer, r.ListMembers, r.CreateAssignment} <= about
