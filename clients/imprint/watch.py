"""Following a job to its end, with a bar for each pod while its copies are made."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING

import click
import msgspec

from contracts.requests import Accepted
from contracts.views import CopyView, JobView, Progress
from imprint.client import Client
from imprint.copies import WAITS, name
from imprint.exits import JOB_EXITS, CommandFailure, Exit, UnfinishedError
from imprint.options import current
from imprint.output import print_json, when

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import TaskID

REFRESH = 0.2
"""Seconds between two looks at the copies while bytes move."""
COPYING = frozenset({"publish", "unpublish"})
"""Kinds of jobs that are about copies."""
SUCCEEDED = frozenset({"SUCCESS"})
GIVEN_UP = frozenset({"SUCCESS", "CANCELLED", "PARTIAL"})
"""Ends of a job that are as wanted by whoever cancels it: what was AVAILABLE stays."""

waiting = click.option("--wait", "-w", is_flag=True, help="Follow the job to its end; the exit code tells how it went.")
patience = click.option("--timeout", type=click.FloatRange(min=0), metavar="SECONDS", help="With --wait: how long.")


@dataclass
class Sight:
    """What there is to see of a job: its copies when it is about copies, its progress when it is an import."""

    job: JobView
    copies: list[CopyView]
    progress: Progress | None = None


class _Ear:
    """Listens to what happens in a job's saga, so that nobody waits for the next look."""

    def __init__(self, client: Client, job: str) -> None:
        self._client, self._job = client, job
        self.stirred = asyncio.Event()
        self.progress: Progress | None = None

    async def listen(self) -> None:
        async with aclosing(self._client.events({"job": self._job})) as events:
            async for event in events:
                if event.event == "progress":
                    self.progress = msgspec.json.decode(event.data, type=Progress)
                self.stirred.set()

    @asynccontextmanager
    async def listening(self) -> AsyncGenerator["_Ear", None]:
        listener = asyncio.create_task(self.listen(), name="job-events")
        try:
            yield self
        finally:
            listener.cancel()
            # Without its events the job is still looked at: that they broke off changes nothing here.
            await asyncio.gather(listener, return_exceptions=True)


async def follow(client: Client, job: str, look: Callable[[Sight], None], *, timeout: float | None = None) -> JobView:
    """Show ``look`` each change of a job until it is over, and return it.

    Raises:
        UnfinishedError: the job is not over after ``timeout`` seconds; it goes on without us.
    """
    try:
        async with asyncio.timeout(timeout), _Ear(client, job).listening() as ear:
            while True:
                ear.stirred.clear()
                view = await client.job(job)
                copies = await client.copies(view.image, view.number) if view.kind in COPYING else []
                look(Sight(view, copies, ear.progress))
                if view.state in JOB_EXITS:
                    return view
                with suppress(TimeoutError):
                    await asyncio.wait_for(ear.stirred.wait(), REFRESH)
                    await asyncio.sleep(REFRESH / 10)  # many events come together: one look serves them all
    except TimeoutError:
        raise UnfinishedError(
            f"Job {job} is not over after {timeout:g} s; it goes on.", f"Watch it: imprint job watch {job}"
        ) from None


class Bars:
    """A bar for each pod (or for the import), drawn on stderr; a context manager, to be handed to `follow`."""

    def __init__(self, console: "Console | None" = None) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, TextColumn, TransferSpeedColumn
        from rich.progress import Progress as Display

        self.display = Display(
            TextColumn("{task.description:<10}"),
            BarColumn(bar_width=32),
            DownloadColumn(binary_units=True),
            TransferSpeedColumn(),
            TextColumn("{task.fields[state]}"),
            console=console or Console(stderr=True),
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> "Bars":
        self.display.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.display.stop()

    def __call__(self, sight: Sight) -> None:
        """Draw what there is to see."""
        job, progress = sight.job, sight.progress
        if job.kind not in COPYING:
            over = JOB_EXITS.get(job.state) is Exit.DONE
            total = progress.bytes_total if progress is not None else 1 if over else None
            done = total if over and total else progress.bytes_done if progress is not None else 0
            self._bar(job.kind, f"{job.state}{in_line(job)}", done, total)
        for copy in sight.copies:
            done = copy.bytes_total if copy.state == "AVAILABLE" else copy.bytes_done
            self._bar(name(copy), _words(copy), done, copy.bytes_total)

    def _bar(self, name: str, state: str, done: int, total: int | None) -> None:
        if name not in self._tasks:
            self._tasks[name] = self.display.add_task(name, total=total, state=state)
        self.display.update(self._tasks[name], completed=done, total=total, state=state)


def _words(copy: CopyView) -> str:
    if copy.failure is not None and copy.state != "AVAILABLE":
        return f"{copy.state} ({copy.failure.code})"
    return f"{copy.state} ({WAITS.get(copy.reason, copy.reason)})" if copy.reason else copy.state


async def watched(client: Client, job: str, *, timeout: float | None = None, quiet: bool = False) -> JobView:
    """Follow a job with bars, where there is a terminal to draw them on."""
    if quiet or not sys.stderr.isatty():
        return await follow(client, job, lambda _: None, timeout=timeout)
    with Bars() as bars:
        return await follow(client, job, bars, timeout=timeout)


def in_line(job: JobView) -> str:
    """What is before an import that waits for its pod, as the end of a phrase."""
    return "" if job.position is None else f", number {job.position} in line"


def say(job: JobView) -> None:
    """How a job stands, in a line; a warning goes to stderr."""
    expected = f", expected {when(job.estimate)}" if job.estimate is not None and job.state not in JOB_EXITS else ""
    click.echo(f"{job.kind} of {job.gallery}/{job.name} {job.number}: {job.state}{in_line(job)}{expected}")
    if job.warning is not None:
        click.echo(f"Warning: {job.warning.text} ({job.warning.code}) {job.warning.hint}".rstrip(), err=True)


async def finish(client: Client, accepted: Accepted, *, wait: bool, timeout: float | None) -> Accepted | JobView:
    """With ``wait`` follow the job that was accepted to its end."""
    if not wait:
        return accepted
    quiet = current().json
    return await watched(client, accepted.job, timeout=timeout, quiet=quiet)


def report(result: Accepted | JobView, wanted: frozenset[str] = SUCCEEDED) -> None:
    """Print what was accepted, or how the job ended; the exit code follows from the latter."""
    if current().json:
        print_json(result)
    elif isinstance(result, Accepted):
        click.echo(f"version {result.number} accepted: job {result.job}")
    else:
        say(result)
    if isinstance(result, JobView):
        verdict(result, wanted)


def verdict(job: JobView, wanted: frozenset[str] = SUCCEEDED) -> None:
    """Return when the job ended as wanted.

    Raises:
        CommandFailure: with the exit code of its state, and why.
    """
    if job.state in wanted:
        return
    code = JOB_EXITS[job.state]
    title = f"{job.kind} of {job.gallery}/{job.name} {job.number}: {job.state}"
    if job.failure is None:
        counts = job.copies
        detail = f"{counts.available} available, {counts.failed} failed, {counts.skipped} skipped"
        detail += f", {counts.cancelled} cancelled." if counts.cancelled else "."
        hint = f"imprint image show {job.gallery}/{job.name}:{job.number} tells which pods."
        raise CommandFailure(code, title, detail=detail, hint=hint, printed=True)
    failure = job.failure
    raise CommandFailure(code, title, detail=failure.text, hint=failure.hint, code=failure.code, printed=True)
