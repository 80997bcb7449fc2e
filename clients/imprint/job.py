"""``imprint job``: what is under way, and what became of it."""

import click

from contracts.requests import Accepted
from contracts.views import JobView, TimelineView
from imprint import watch as follow
from imprint.client import Client
from imprint.copies import standing
from imprint.options import current, run, shared
from imprint.output import lasting, print_json, print_table, show, size, when
from imprint.terms import Pair

KINDS = ("import", "publish", "unpublish", "delete", "assign", "deliver")


@click.group(name="job")
@shared
def command() -> None:
    """Jobs: an import, a publish, a deletion, an update of a desktop pool, from its acceptance to its end."""


@command.command(name="list")
@click.option("--state", help="Only jobs in this state, such as PROCESSING.")
@click.option("--kind", type=click.Choice(KINDS), help="Only jobs of this kind.")
@click.option("--image", help="Only those about this image.")
@click.option(
    "--where", type=Pair(), multiple=True, metavar="FIELD=VALUE",
    help="Only those with this value: actor=admin, created_after=TIME, …; may be repeated.",
)  # fmt: skip
@click.option("--sort", metavar="[-]FIELD", help="By this field, with - downwards [default: -created].")
@shared
def list_(
    state: str | None, kind: str | None, image: str | None, where: tuple[tuple[str, str], ...], sort: str | None
) -> None:
    """All jobs, newest first."""
    jobs = run(lambda client: client.jobs(state, kind, image=image, where=dict(where), sort=sort))
    rows = [
        (j.id, j.kind, f"{j.gallery}/{j.name} {j.number}", j.state, f"{j.percent:.0f} %", when(j.created), _why(j))
        for j in jobs
    ]
    show(jobs, ("JOB", "KIND", "VERSION", "STATE", "DONE", "CREATED", "WHY"), rows, empty="There are no jobs yet.")


def _why(job: JobView) -> str:
    return job.failure.code if job.failure is not None else follow.in_line(job).removeprefix(", ")


@command.command(name="show")
@click.argument("job")
@shared
def show_(job: str) -> None:
    """A job: how far it is, target by target, and the events of its saga in order."""

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
    _say_progress(view)
    start = view.created
    rows = [(f"+{(entry.at - start).total_seconds():.3f} s", entry.event, entry.speaker) for entry in timeline]
    print_table(("AFTER", "EVENT", "SAID BY"), rows)


def _say_progress(view: JobView) -> None:
    """Percent, bytes, rate and the rest of the way, as far as they are known; and a line for each target."""
    done = [f"{view.percent:.0f} %"]
    if view.total:
        done.append(f"{size(view.bytes)} of {size(view.total)}")
    if view.rate:
        done.append(f"{size(view.rate)}/s")
    if view.eta is not None:
        done.append(f"{lasting(view.eta)} to go")
    click.echo(", ".join(done))
    if view.retried:
        click.echo(f"tried again as job {view.retried}")
    rows = [
        (one.pod if one.replica == 0 else f"{one.pod}/{one.replica}", one.state,
         f"{size(one.bytes)} of {size(one.total)}" if one.total else "", f"{size(one.rate)}/s" if one.rate else "",
         lasting(one.eta), standing(one))
        for one in view.rows
    ]  # fmt: skip
    if rows:
        print_table(("TARGET", "STATE", "DONE", "RATE", "LEFT", "WHY"), rows)


@command.command()
@click.argument("job")
@follow.waiting
@follow.patience
@shared
def retry(job: str, wait: bool, timeout: float | None) -> None:
    """Do again what a failed or cancelled job was to do; there is a new job for it."""

    async def act(client: Client) -> Accepted | JobView:
        return await follow.finish(client, await client.retry_job(job), wait=wait, timeout=timeout)

    follow.report(run(act))


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
    """Give up what a job does.

    \b
    import   leaves nothing
    publish  keeps what is AVAILABLE
    assign   pools that did not follow yet keep what they have
    delete   is taken back, before its copies went
    """

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
