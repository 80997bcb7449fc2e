"""What a listener may know of: asked for at once, believed for two seconds, and forgotten when something changes."""

from dataclasses import dataclass, field

import pytest

from contracts.errors import Problem
from contracts.requests import Actor, See, Seen
from gateway.hearing import NOTHING, Asked
from gateway.sight import KEPT, MOST, SOON, Sight, UnknownError

READER = Actor(tenant="acme", name="ben", roles=("reader",))


@dataclass
class Catalog:
    """Says what may be known, and remembers what it was asked; ``now`` is the time."""

    seen: set[str] = field(default_factory=set)
    asked: list[See] = field(default_factory=list)
    away: bool = False
    now: float = 100.0

    async def see(self, question: See) -> Seen | Problem:
        """Answer as the catalog does."""
        self.asked.append(question)
        if self.away:
            return Problem(code="unavailable", detail="Nobody answers.")
        images, versions, pods = (
            tuple(id for id in ids if id in self.seen) for ids in (question.images, question.versions, question.pods)
        )
        return Seen(images=images, versions=versions, pods=pods)


@pytest.fixture
def catalog() -> Catalog:
    """One that knows an image, a version and a pod."""
    return Catalog({"image", "version", "pod"})


@pytest.fixture
def sight(catalog: Catalog) -> Sight:
    """What the reader may know of."""
    return Sight(READER, catalog.see, lambda: catalog.now)


@pytest.mark.parametrize(
    ("asked", "allowed"),
    [
        (NOTHING, True),
        (Asked(image="image"), True),
        (Asked(image="other"), False),
        (Asked(version="version"), True),
        (Asked(image="other", version="version"), True),
        (Asked(image="image", version="other"), True),
        (Asked(image="other", version="other"), False),
        (Asked(pod="pod"), True),
        (Asked(pod="other"), False),
        (Asked("image", "version", "pod"), True),
        (Asked("image", "version", "other"), False),
        (Asked("other", "other", "pod"), False),
    ],
)
async def test_e5_the_image_or_the_version_must_be_known_and_the_pod_too(
    sight: Sight, asked: Asked, allowed: bool
) -> None:
    assert await sight.allows([asked]) == [allowed]


async def test_e5_nothing_is_asked_where_nothing_must_be_known(sight: Sight, catalog: Catalog) -> None:
    assert await sight.allows([NOTHING] * 3) == [True] * 3
    assert catalog.asked == []


async def test_e5_many_events_are_one_question_and_an_answer_holds_for_two_seconds(
    sight: Sight, catalog: Catalog
) -> None:
    events = [Asked("image", "version", "pod"), Asked(image="other"), Asked("image", "version", "pod")]
    assert await sight.allows(events) == [True, False, True]
    catalog.seen.add("other")
    catalog.now += KEPT - 0.1
    assert await sight.allows(events) == [True, False, True]
    assert len(catalog.asked) == 1
    catalog.now += 0.2
    assert await sight.allows(events) == [True, True, True]
    assert len(catalog.asked) == 2


async def test_e5_what_was_looked_at_lately_is_asked_about_together(sight: Sight, catalog: Catalog) -> None:
    for one in range(100):
        await sight.allows([Asked(version=str(one))])
    before = len(catalog.asked)
    catalog.now += KEPT
    for one in range(100):
        await sight.allows([Asked(version=str(one))])
    assert len(catalog.asked) == before + 1


async def test_e5_a_question_is_never_about_more_than_the_catalog_takes(sight: Sight, catalog: Catalog) -> None:
    events = [Asked(f"i{one}", f"v{one}", f"p{one % 3}") for one in range(3 * MOST + 1)]
    await sight.allows(events)
    assert {len(question.images) for question in catalog.asked} == {MOST, 1}
    assert sum(len(question.pods) for question in catalog.asked) == 3


async def test_e5_after_a_change_it_is_asked_again_and_for_a_while_sooner(sight: Sight, catalog: Catalog) -> None:
    event = [Asked(image="image")]
    assert await sight.allows(event) == [True]
    sight.changed()
    assert await sight.allows(event) == [True], "the catalog has not heard of it yet"
    catalog.seen.clear()
    catalog.now += SOON
    assert await sight.allows(event) == [False]
    assert len(catalog.asked) == 3


async def test_e5_other_roles_are_asked_for_anew(sight: Sight, catalog: Catalog) -> None:
    await sight.allows([Asked(image="image")])
    sight.turn(READER)
    await sight.allows([Asked(image="image")])
    assert len(catalog.asked) == 1
    other = Actor(tenant="acme", name="ben")
    sight.turn(other)
    await sight.allows([Asked(image="image")])
    assert catalog.asked[-1].actor == other


async def test_e5_what_nobody_says_is_not_taken_for_a_yes_or_a_no(sight: Sight, catalog: Catalog) -> None:
    catalog.away = True
    with pytest.raises(UnknownError, match="unavailable"):
        await sight.allows([Asked(image="image")])
    catalog.away = False
    assert await sight.allows([Asked(image="image")]) == [True]
