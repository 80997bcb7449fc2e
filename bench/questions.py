"""What people and machines ask a catalog, each time about something else, and how long the answers take."""

import random
import time
from collections.abc import Callable
from typing import Any

from bench.hoard import ACTOR, Hoard
from contracts.errors import Problem
from contracts.requests import GetImage, GetVersion, ListImages, ListJobs, ListVersions, Request
from runtime.requests import Requests


def questions(of: Hoard, chance: random.Random) -> dict[str, Callable[[], Request]]:
    """What people and machines ask, each time about something else."""

    def any_image() -> str:
        return of.images[chance.randrange(len(of.images) // 100 * 99 or 1) // 100 * 100]

    def by_name() -> str:
        n = chance.randrange(len(of.images)) // 100 * 100
        return f"{of.gallery(n)}/{of.name(n)}"

    def number() -> str:
        return of.number(chance.randrange(of.versions))

    def team() -> str:
        return f"team-{chance.randrange(of.teams)}"

    def lists(**given: Any) -> Callable[[], Request]:
        return lambda: ListImages(actor=ACTOR, **{key: made() for key, made in given.items()})

    return {
        "list, first page": lists(),
        "list of a gallery": lists(gallery=lambda: of.gallery(chance.randrange(len(of.images)))),
        "list by age": lists(sort=lambda: "-created"),
        "search: tag": lists(tags=lambda: {"team": team()}),
        "search: OS and tag": lists(tags=lambda: {"tier": "gold"}, where=lambda: {"os_type": "windows"}),
        "search: text": lists(text=lambda: f"image-{chance.randrange(len(of.images)):05d}"),
        "search: pod": lists(pod=lambda: chance.choice(of.pods)),
        "search: state": lists(state=lambda: "AVAILABLE"),
        "list of versions": lambda: ListVersions(actor=ACTOR, image=any_image()),
        "list of jobs": lambda: ListJobs(actor=ACTOR, state="SUCCESS"),
        "latest": lambda: GetVersion(actor=ACTOR, image=any_image(), number="latest"),
        "latest on a pod": lambda: GetVersion(
            actor=ACTOR, image=by_name(), number="latest", pod=chance.choice(of.pods)
        ),
        "get an image": lambda: GetImage(actor=ACTOR, image=by_name()),
        "get a version": lambda: GetVersion(actor=ACTOR, image=any_image(), number=number()),
    }


async def answers(requests: Requests, of: Hoard, rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each question, asked ``rounds`` times in turn; lists of images also at later pages."""
    chance = random.Random(4)
    took: dict[str, list[float]] = {}
    cursors: list[str] = []
    for _ in range(rounds):
        for name, made in questions(of, chance).items():
            page = await timed(requests, name, made(), took)
            if name == "list, first page" and page.next is not None and len(cursors) < 50:
                cursors.append(page.next)
        if cursors:
            later = ListImages(actor=ACTOR, cursor=chance.choice(cursors))
            page = await timed(requests, "list, later page", later, took)
            if page.next is not None and len(cursors) < 50:
                cursors.append(page.next)
    return took


async def timed(requests: Requests, name: str, request: Request, took: dict[str, list[float]]) -> Any:
    """The answer to a question; its milliseconds are added to ``took``. Raises TypeError when it is refused."""
    start = time.perf_counter()
    found = await requests.ask(request, timeout=60)
    took.setdefault(name, []).append((time.perf_counter() - start) * 1000)
    if isinstance(found, Problem):
        raise TypeError(f"{name}: {found.detail}")
    return found
