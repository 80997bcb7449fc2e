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
@click.option("--kind", type=click.Choice(["import", "publish", "unpublish"]), help="Only jobs of this kind.")
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
    follow.say(view)
    click.echo(f"asked for by {view.actor}, {when(view.created)}")
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
    view = run(lambda client: follow.watched(client, job, timeout=timeout, quiet=current().json))
    if current().json:
        print_json(view)
    else:
        follow.say(view)
    follow.verdict(view)


@command.command()
@click.argument("job")
@click.option("--wait", "-w", is_flag=True, help="Follow it to its end.")
@click.option("--timeout", type=click.FloatRange(min=0), metavar="SECONDS", help="With --wait: how long.")
@shared
def cancel(job: str, wait: bool, timeout: float | None) -> None:
    """Give up what a job does: a publish keeps what is AVAILABLE, an import leaves nothing."""

    async def act(client: Client) -> JobView:
        view = await client.cancel_job(job)
        return await follow.watched(client, job, timeout=timeout, quiet=current().json) if wait else view

    view = run(act)
    if current().json:
        print_json(view)
    else:
        follow.say(view)
    if wait:
        follow.verdict(view, follow.GIVEN_UP)
