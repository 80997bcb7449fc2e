"""One thing to do, and what doing it needs: the steps that lead from what there is to what is wanted."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import msgspec

from contracts.requests import Accepted
from contracts.views import VersionView
from imprint.client import Client
from imprint.declared.difference import Change
from imprint.exits import HttpProblem, ImprintError, UnfinishedError
from imprint.watch import verdict, watched

T = TypeVar("T")
SETTLING = frozenset({"PENDING", "DEPLOYING_VM", "PUBLISHING", "REPLICATING"})
"""States of a version in which nothing can be said yet of where it can be used."""
REFRESH = 0.5
"""Seconds between two looks at what is waited for."""


@dataclass(frozen=True)
class Carrier:
    """With what steps are done. ``wait``: publishes are followed to their end. ``timeout``: seconds for each wait."""

    client: Client
    wait: bool = False
    timeout: float | None = None
    quiet: bool = False

    async def followed(self, accepted: Accepted) -> None:
        """Follow a job to its end. Raises UnfinishedError, CommandFailure (it did not end as wanted)."""
        verdict(await watched(self.client, accepted.job, timeout=self.timeout, quiet=self.quiet))

    async def version_out_of(self, image: str, number: str, states: frozenset[str]) -> VersionView:
        """A version once it is in none of these states. Raises UnfinishedError, ImprintError."""

        async def look() -> VersionView | None:
            view = await self.client.version(image, number)
            return None if view.state in states else view

        return await self.until(look, f"{image}:{number}")

    async def until(self, look: Callable[[], Awaitable[T | None]], what: str) -> T:
        """What ``look`` finds once it finds something. Raises UnfinishedError."""
        try:
            async with asyncio.timeout(self.timeout):
                while True:
                    if (found := await look()) is not None:
                        return found
                    await asyncio.sleep(REFRESH)
        except TimeoutError:
            raise UnfinishedError(
                f"{what} is not settled after {self.timeout:g} s; it goes on.", "Apply the file again later."
            ) from None


Act = Callable[[Carrier], Awaitable[None]]


@dataclass(frozen=True)
class Step:
    """Something that is to be made (``+``), to be changed (``~``) or that is as it is to be (``=``)."""

    sign: Literal["+", "~", "="]
    kind: str
    name: str
    changes: tuple[Change, ...] = ()
    act: Act | None = None

    def __str__(self) -> str:
        return f"{self.sign} {self.kind} {self.name}"

    def told(self) -> dict[str, Any]:
        """The step as JSON has it."""
        sign = {"+": "create", "~": "change", "=": "leave"}[self.sign]
        return {
            "action": sign, "kind": self.kind, "name": self.name, "changes": msgspec.to_builtins(self.changes)
        }  # fmt: skip


@dataclass
class Difference:
    """All steps in their order; ``conflicts`` are what no step can bring about, each with a hint."""

    steps: list[Step] = field(default_factory=list)
    conflicts: list[tuple[str, str]] = field(default_factory=list)

    @property
    def open(self) -> list[Step]:
        """The steps that there is something to do in."""
        return [step for step in self.steps if step.act is not None]


def changed_meanwhile(what: str) -> ImprintError:
    """The refusal of a step whose thing is not what the difference was computed against."""
    return ImprintError(
        HttpProblem(
            status=412,
            title=f"{what} was changed meanwhile",
            code="revision_mismatch",
            detail="Somebody changed it after the difference was computed.",
            hint="Look at the difference again: imprint apply --diff",
        )
    )
