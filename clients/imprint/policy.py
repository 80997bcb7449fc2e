"""``imprint policy``: where versions belong, also on pods that join later."""

import click
import msgspec

from contracts.terms import Policy
from contracts.views import PolicyView
from imprint.client import Client
from imprint.options import current, run, shared
from imprint.output import print_json, print_table, show, when
from imprint.terms import Pair, selector


@click.group(name="policy")
@shared
def command() -> None:
    """Placement policies: the newest versions of images belong on the pods with certain labels."""


@command.command(name="list")
@shared
def list_() -> None:
    """All policies."""
    policies = run(lambda client: client.policies())
    rows = [
        (one.name, one.policy.kind, _labels(one.policy), one.policy.versions, one.policy.replicas,
         "suspended" if one.policy.suspended else "", len(one.pods), when(one.updated))
        for one in policies
    ]  # fmt: skip
    columns = ("POLICY", "KIND", "PODS WITH", "VERSIONS", "REPLICAS", "", "PODS", "UPDATED")
    show(policies, columns, rows, empty="There are no policies yet.")


def _labels(policy: Policy) -> str:
    joint = " and " if policy.selector.match == "all" else " or "
    return joint.join(f"{key}={'|'.join(values)}" for key, values in sorted(policy.selector.labels.items()))


@command.command(name="show")
@click.argument("name")
@shared
def show_(name: str) -> None:
    """A policy, and the pods that match it now."""
    _show(run(lambda client: client.policy(name)))


@command.command(name="set")
@click.argument("name")
@click.option(
    "--select",
    type=Pair(),
    multiple=True,
    required=True,
    metavar="KEY=VALUE",
    help="The pods with this label; may be repeated, values of one key are alternatives.",
)
@click.option("--match", type=click.Choice(["all", "any"]), help="All keys must match [default], or any.")
@click.option("--image", "images", multiple=True, metavar="ID", help="Only of this image; may be repeated.")
@click.option("--hard", is_flag=True, help="The versions may be nowhere else.")
@click.option("--versions", type=click.IntRange(1, 100), default=1, show_default=True, help="How many, the newest.")
@click.option("--replicas", type=click.IntRange(1, 16), default=1, show_default=True, help="Copies on each pod.")
@click.option("--suspended", is_flag=True, help="Leave it out of account until it is resumed.")
@click.option("--if-match", type=int, metavar="REVISION", help="Only if nobody changed it since; 0: only a new one.")
@shared
def set_(
    name: str,
    select: tuple[tuple[str, str], ...],
    match: str | None,
    images: tuple[str, ...],
    hard: bool,
    versions: int,
    replicas: int,
    suspended: bool,
    if_match: int | None,
) -> None:
    """Make a policy, or say it anew: what the options do not name is as by default."""
    fields = {
        "images": images, "selector": selector(select, match), "kind": "HARD" if hard else "SOFT",
        "versions": versions, "replicas": replicas, "suspended": suspended,
    }  # fmt: skip
    try:
        policy = msgspec.convert(fields, Policy)
    except msgspec.ValidationError as error:
        raise click.UsageError(str(error)) from None

    async def act(client: Client) -> PolicyView:
        found = [(await client.image(image)).id if "/" in image else image for image in images]
        return await client.set_policy(name, msgspec.structs.replace(policy, images=tuple(found)), if_match)

    _show(run(act))


@command.command()
@click.argument("name")
@shared
def suspend(name: str) -> None:
    """Leave a policy out of account until it is resumed."""
    _show(run(lambda client: client.suspend_policy(name)))


@command.command()
@click.argument("name")
@shared
def resume(name: str) -> None:
    """Heed a policy again, also for what happened meanwhile."""
    _show(run(lambda client: client.suspend_policy(name, resume=True)))


@command.command()
@click.argument("name")
@shared
def drop(name: str) -> None:
    """Remove a policy; the copies that it made stay."""
    run(lambda client: client.drop_policy(name))
    if current().json:
        print_json({"policy": name, "dropped": True})
    else:
        click.echo(f"policy {name} is gone; the copies that it made stay")


def _show(view: PolicyView) -> None:
    if current().json:
        print_json(view)
        return
    policy = view.policy
    click.echo(f"{view.name}  {policy.kind}{'  suspended' if policy.suspended else ''}  (revision {view.revision})")
    rows = [
        ("pods with", _labels(policy)),
        ("now", ", ".join(view.pods) or "no pod"),
        ("images", ", ".join(policy.images) or "all"),
        ("versions", str(policy.versions)),
        ("replicas", str(policy.replicas)),
    ]
    print_table(("", "VALUE"), rows)
