"""``imprint job``: what is under way, and what became of it."""

import click

from contracts.views import JobView, TimelineView
from imprint import watch as follow
from imprint.client import Client
from imprint.options import current, run, shared
from imprint.output import print_json, print_table, show, when


@click.group(name="job")
@shared
def command() -> None:
    """Jobs: an import or a publish, from its acceptance to its end."""


@command.command(name="list")
@click.option("--state", help="Only jobs in this state, such as PROCESSING.")
@click.option("--kind", type=click.Choice(["import", "publish"]), help="Only jobs of this kind.")
@shared
def list_(state: str | None, kind: str | None) -> None:
    """All jobs, newest first."""
    jobs = run(lambda client: client.jobs(state, kind))
    rows = [(j.id, j.kind, f"{j.gallery}/{j.name} {j.number}", j.state, when(j.created), _why(j)) for j in jobs]
    show(jobs, ("JOB", "KIND", "VERSION", "STATE", "CREATED", "WHY"), rows, empty="There are no jobs yet.")


def _why(job: JobView) -> str:
    return job.failure.code if job.failure is not None else ""


@command.command(name="show")
@click.argument("job")
@shared
def show_(job: str) -> None:
    """A job, and the events of its saga in order."""

    async def act(client: Client) -> tuple[JobView, list[TimelineView]]:
        return await client.job(job), await client.timeline(job)

    view, timeline = run(act)
    if current().json:
        print_json({"job": view, "events": timeline})
        return
    click.echo(f"{view.kind} of {view.gallery}/{view.name} {view.number}: {view.state}  by {view.actor}")
    if view.failure is not None:
        click.echo(f"{view.failure.text} ({view.failure.code}) {view.failure.hint}")
    start = view.created
    rows = [(f"+{(entry.at - start).total_seconds():.3f} s", entry.event, entry.speaker) for entry in timeline]
    print_table(("AFTER", "EVENT", "SAID BY"), rows)


@command.command()
@click.argument("job")
@click.option("--timeout", type=click.FloatRange(min=0), metavar="SECONDS", help="Give up watching after this long.")
@shared
def watch(job: str, timeout: float | None) -> None:
    """Follow a job to its end; the exit code tells how it went."""
    view = run(lambda client: follow.wait(client, job, timeout=timeout, quiet=current().json))
    if current().json:
        print_json(view)
    else:
        click.echo(f"{view.kind} of {view.gallery}/{view.name} {view.number}: {view.state}")
    follow.verdict(view)
