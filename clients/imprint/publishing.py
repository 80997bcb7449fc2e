"""``imprint image publish``, ``republish``, ``publish-many``, ``unpublish`` and ``cancel``."""

from typing import Any

import click
import msgspec

from contracts.requests import Accepted, PlanPage
from contracts.views import JobView
from imprint import watch
from imprint.client import Client, Published
from imprint.exits import CommandFailure, Exit
from imprint.naming import image_and_number, version_of
from imprint.options import current, run, shared
from imprint.output import lasting, print_json, print_table, show
from imprint.terms import body, names, term_options
from imprint.watch import finish, patience, report, waiting

planning = click.option("--plan", is_flag=True, help="Only show what it would do, pod by pod.")


@click.command()
@click.argument("image", metavar="IMAGE[:VERSION]")
@click.option("--again", "--republish", is_flag=True, help="Make the copies that are not AVAILABLE; touch no other.")
@planning
@term_options
@waiting
@patience
@shared
def publish(image: str, again: bool, plan: bool, wait: bool, timeout: float | None, **terms: Any) -> None:
    """Publish a version to the pods: the newest that is ready, unless one is named."""
    _publish(image, body(**terms), again=again, plan=plan, wait=wait, timeout=timeout)


@click.command()
@click.argument("image", metavar="IMAGE[:VERSION]")
@click.option("--more", multiple=True, metavar="POD,...", help="To these pods beside those of the last time.")
@planning
@term_options
@waiting
@patience
@shared
def republish(image: str, more: tuple[str, ...], plan: bool, wait: bool, timeout: float | None, **terms: Any) -> None:
    """Publish a version as the last time: make the copies that are not AVAILABLE, touch no other."""
    wanted = body(**terms)
    if more:
        wanted["more"] = names(more, "--more")
    _publish(image, wanted, again=True, plan=plan, wait=wait, timeout=timeout)


@click.command(name="publish-many")
@click.argument("images", nargs=-1, required=True, metavar="IMAGE:VERSION...")
@click.option("--again", is_flag=True, help="Make the copies that are not AVAILABLE; touch no other.")
@term_options
@shared
def publish_many(images: tuple[str, ...], again: bool, **terms: Any) -> None:
    """Publish up to 100 versions on the same terms; each is accepted or refused by itself."""
    wanted = body(**terms)
    items = []
    for name, number in map(image_and_number, images):
        items.append({"image": name, "version": number or "latest", "again": again, **wanted})
    results = run(lambda client: client.publish_many(items))
    rows = [(f"{one.image}:{one.version}", one.accepted.job if one.accepted else "", _why(one)) for one in results]
    show(results, ("VERSION", "JOB", "REFUSED"), rows)
    refused = [one.problem for one in results if one.problem is not None]
    if not refused:
        return
    code = Exit.PARTIAL if len(refused) < len(results) else Exit.REFUSED
    title = f"{len(refused)} of {len(results)} publishes were refused"
    raise CommandFailure(code, title, hint=refused[0].hint, printed=True)


def _why(one: Published) -> str:
    return "" if one.problem is None else f"{one.problem.code}: {one.problem.detail}"


@click.command()
@click.argument("image", metavar="IMAGE:VERSION")
@waiting
@patience
@shared
def unpublish(image: str, wait: bool, timeout: float | None) -> None:
    """Remove every copy of a version; the version and its source stay."""
    name, number = version_of(image)

    async def act(client: Client) -> Accepted | JobView:
        return await finish(client, await client.unpublish(name, number), wait=wait, timeout=timeout)

    report(run(act))


@click.command()
@click.argument("image", metavar="IMAGE:VERSION")
@waiting
@patience
@shared
def cancel(image: str, wait: bool, timeout: float | None) -> None:
    """Give up the publish under way: what is AVAILABLE stays, the rest is freed."""
    name, number = version_of(image)

    async def act(client: Client) -> Accepted | JobView:
        return await finish(client, await client.cancel(name, number), wait=wait, timeout=timeout)

    report(run(act), wanted=watch.GIVEN_UP)


def _publish(image: str, terms: dict[str, Any], *, again: bool, plan: bool, wait: bool, timeout: float | None) -> None:
    name, number = image_and_number(image)

    async def act(client: Client) -> Accepted | JobView | PlanPage:
        version = number or await newest(client, name)
        if plan:
            return await client.plan(name, version, await _as_before(client, name, version, terms) if again else terms)
        accepted = await client.publish(name, version, terms, again=again)
        return await finish(client, accepted, wait=wait, timeout=timeout)

    result = run(act)
    if isinstance(result, PlanPage):
        show_plan(result)
    else:
        report(result)


async def _as_before(client: Client, name: str, number: str, terms: dict[str, Any]) -> dict[str, Any]:
    """What a republish on these terms comes to: what they leave out is as the last time."""
    last = await client.placement(name, number)
    given = {key: value for key, value in terms.items() if key != "more"}
    kept = {key: value for key, value in msgspec.to_builtins(last.terms).items() if value is not None}
    if kept.keys() & given.keys():
        kept = {}  # terms belong together
    targets = msgspec.to_builtins(last.targets)
    if "more" in terms:
        targets = {"kind": "list", "pods": [*last.pods, *terms["more"]]}
    return {"targets": targets, "replicas": last.replicas, **kept, **given}


async def newest(client: Client, image: str) -> str:
    """The highest number of which there is content to publish.

    Raises:
        CommandFailure: the image has no such version.
    """
    for version in await client.versions(image):
        if version.manifest is not None:
            return version.number
    hint = f"Import one: imprint image import {image} --pod POD --vm VM --wait"
    raise CommandFailure(Exit.REFUSED, f"{image} has no version that is ready to publish", hint=hint)


def show_plan(plan: PlanPage) -> None:
    """What a publish would do on each pod, and how long it would take."""
    if current().json:
        print_json(plan)
        return
    rows = [
        (row.pod if row.replica == 0 else f"{row.pod}/{row.replica}", row.action, row.reason,
         ", ".join(row.sources), lasting(row.estimate))
        for row in plan.items
    ]  # fmt: skip
    print_table(("POD", "WOULD", "WHY", "FROM", "DONE IN"), rows, empty="It would be on no pod.")
    if plan.estimate is not None:
        click.echo(f"All of it would take {lasting(plan.estimate)}.")
    if plan.warning:
        click.echo(f"Warning: {plan.warning}", err=True)
