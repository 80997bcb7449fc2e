"""``imprint share``: images that are offered to others, and those that others offer."""

from datetime import datetime

import click

from contracts.views import JobView, ShareView
from imprint.client import Client
from imprint.options import current, run, shared
from imprint.output import print_json, print_table, show, when
from imprint.plain import plain
from imprint.saying import said
from imprint.sharing import MEMBER, delivered, each, show_status
from imprint.terms import Moment, names
from imprint.watch import patience, say, verdict, waiting


@click.group(name="share")
@shared
def command() -> None:
    """Sharing of images. A MEMBER is a tenant (acme), an account (account:x), an organisation or a unit of one
    (org:corp/europe). A SHARE, which somebody else offers, is named by the id of its image."""


@command.command()
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@click.option("--to", "members", type=MEMBER, multiple=True, required=True, metavar="MEMBER", help="May be repeated.")
@click.option(
    "--acknowledge", "--no-secrets", "acknowledged", is_flag=True,
    help="You looked: no keys, passwords or histories are on its disks, which every member can read.",
)  # fmt: skip
@click.option("--until", type=Moment(), metavar="TIME", help="The offers end then.")
@click.option("--message", default="", help="A word to the members.")
@shared
def offer(
    images: tuple[str, ...], members: tuple[str, ...], acknowledged: bool, until: datetime | None, message: str
) -> None:
    """Offer images to members, each to each. Members use it at once by its id, and list it when they accepted."""
    each(
        run(
            lambda client: client.offer_images(images, members, acknowledged=acknowledged, until=until, message=message)
        )
    )


@command.command()
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@click.option("--from", "members", type=MEMBER, multiple=True, required=True, metavar="MEMBER", help="May be repeated.")
@click.option(
    "--grace", type=click.FloatRange(min=0), default=0.0, metavar="HOURS", help="For so long the offers still hold."
)
@shared
def remove(images: tuple[str, ...], members: tuple[str, ...], grace: float) -> None:
    """Take offers back. What members run from it goes on running, but cannot be rebuilt."""
    each(run(lambda client: client.revoke_offers(images, members, grace=grace)))


@command.command()
@click.argument("image")
@click.option("--state", help="Only those in this state; REVOKED: those that were removed.")
@shared
def members(image: str, state: str | None) -> None:
    """Whom an image is offered to, and how they answered."""
    found = run(lambda client: client.members(image, state and state.upper()))
    rows = [
        (one.member, one.state, _counts(one.accepted, one.rejected), when(one.updated), when(one.until), one.message)
        for one in found
    ]
    columns = ("MEMBER", "STATE", "TENANTS", "UPDATED", "UNTIL", "MESSAGE")
    show(found, columns, rows, empty="It is offered to nobody.")


def _counts(accepted: int, rejected: int) -> str:
    parts = [f"{accepted} accepted" if accepted else "", f"{rejected} rejected" if rejected else ""]
    return ", ".join(filter(None, parts))


@command.command()
@click.argument("image", required=False)
@click.option("--gallery", help="Of all that is in this gallery.")
@shared
def status(image: str | None, gallery: str | None) -> None:
    """Where what is shared can be used, pod by pod."""
    if (image is None) == (gallery is None):
        raise click.UsageError("Name an IMAGE, or a --gallery.")
    show_status(run(lambda client: client.sharing_status(image, gallery=gallery)))


@command.command()
@click.argument("image")
@shared
def suspend(image: str) -> None:
    """Make an image private for now; its offers are kept."""
    run(lambda client: client.set_sharing(image, suspended=True))
    said(f"{image} is private until it is shared again", image=image, suspended=True)


@command.command()
@click.argument("image")
@shared
def resume(image: str) -> None:
    """Share an image again, with those that it was offered to."""
    run(lambda client: client.set_sharing(image, suspended=False))
    said(f"{image} is shared again", image=image, suspended=False)


@command.command(name="list")
@click.option(
    "--state", type=click.Choice(["pending", "accepted", "rejected"], case_sensitive=False), help="Only those."
)
@shared
def list_(state: str | None) -> None:
    """What others offer to the tenant, to its account or to a unit of its organisation; the newest first."""
    found = run(lambda client: client.shares(state and state.upper()))
    rows = [
        (one.image, f"{one.owner}: {one.gallery}/{one.name}", one.state, one.via, when(one.offered), when(one.until))
        for one in found
    ]
    columns = ("SHARE", "IMAGE", "STATE", "TO", "OFFERED", "UNTIL")
    show(found, columns, rows, empty="Nothing is offered to you.")


@command.command(name="show")
@click.argument("share")
@shared
def show_(share: str) -> None:
    """An offer. The platform vouches for nothing in it but where it came from."""
    view = run(lambda client: client.share(share))
    if current().json:
        print_json(view)
        return
    click.echo(plain(f"{view.gallery}/{view.name} of {view.owner}  {view.state}  id {view.image}"))
    rows = [
        ("offered to", view.via),
        ("offered", when(view.offered)),
        ("until", when(view.until)),
        ("message", view.message),
    ]
    print_table(("", "VALUE"), [(name, text) for name, text in rows if text])


@command.command()
@click.argument("share")
@click.option("--pod", "pods", multiple=True, metavar="POD,...", help="Deliver it to these pods of yours.")
@click.option("--number", default="", metavar="NUMBER", help="With --pod: this version [default: the latest].")
@waiting
@patience
@shared
def accept(share: str, pods: tuple[str, ...], number: str, wait: bool, timeout: float | None) -> None:
    """Accept an offer: it is listed among your images. With --pod a version is copied there, as a job."""
    wanted = names(pods, "--pod") if pods else []
    if (number or wait) and not wanted:
        raise click.UsageError("--number and --wait are about a delivery: name a --pod.")

    async def act(client: Client) -> tuple[ShareView, JobView | None]:
        view = await client.accept_offer(share, pods=wanted, number=number)
        return view, await delivered(client, view.job, timeout=timeout) if wait else None

    view, job = run(act)
    if current().json:
        print_json(view if job is None else {"share": view, "job": job})
    else:
        _say(view)
        if job is not None:
            say(job)
        elif view.job:
            click.echo(f"job {view.job} delivers it")
    if job is not None:
        verdict(job)


@command.command()
@click.argument("share")
@shared
def reject(share: str) -> None:
    """Reject an offer: it is not listed."""
    view = run(lambda client: client.reject_offer(share))
    if current().json:
        print_json(view)
    else:
        _say(view)


def _say(view: ShareView) -> None:
    click.echo(plain(f"{view.gallery}/{view.name} of {view.owner} is {view.state}"))
