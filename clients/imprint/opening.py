"""``imprint gallery share`` and ``sharing``: with whom a gallery is shared, and as what."""

from pathlib import Path
from typing import Any

import click

from contracts.views import GallerySharingView
from imprint.client import Client
from imprint.fields import if_match
from imprint.options import current, run, shared
from imprint.output import print_json, print_table
from imprint.sharing import MEMBER


@click.command()
@click.argument("gallery")
@click.option("--private", is_flag=True, help="With nobody.")
@click.option(
    "--with",
    "members",
    type=MEMBER,
    multiple=True,
    metavar="MEMBER",
    help="With these tenants (acme) and accounts (account:x), all of them; may be repeated.",
)
@click.option("--add", type=MEMBER, multiple=True, metavar="MEMBER", help="With these beside those of before.")
@click.option("--remove", type=MEMBER, multiple=True, metavar="MEMBER", help="No more with these.")
@click.option("--community", is_flag=True, help="With everybody, as what somebody publishes under a public name.")
@click.option("--publisher", "publisher_uri", metavar="URL", help="With --community: who publishes it.")
@click.option("--contact", metavar="MAIL", help="With --community: whom to write to.")
@click.option("--eula", metavar="TEXT|@FILE", help="With --community: what whoever uses it agrees to.")
@click.option("--prefix", help="With --community: what its public name begins with, 5 to 16 letters and digits.")
@click.option("--public", is_flag=True, help="With everybody, as the provider's.")
@if_match
@shared
def share(
    gallery: str,
    private: bool,
    members: tuple[str, ...],
    add: tuple[str, ...],
    remove: tuple[str, ...],
    community: bool,
    public: bool,
    if_match: int | None,
    **info: str | None,
) -> None:  # fmt: skip
    """Share a gallery with nobody, with some, or with everybody. Whoever is left out loses access at once."""
    if sum((private, bool(members), bool(add or remove), community, public)) != 1:
        raise click.UsageError("Name one of --private, --with, --add and --remove, --community, --public.")
    given = {name: text for name, text in info.items() if text is not None}
    if given and not community:
        raise click.UsageError("Only a --community gallery has a publisher.")
    if community and len(given) < len(info):
        raise click.UsageError("A --community gallery has a --publisher, a --contact, a --eula and a --prefix.")

    async def act(client: Client) -> GallerySharingView:
        wanted: dict[str, Any] = {"sharing": "private" if private else "public"}
        revision = if_match
        if community:
            wanted = {"sharing": "community", "community": {**given, "eula": _text(given["eula"])}}
        elif members:
            wanted = {"sharing": "groups", "members": list(members)}
        elif add or remove:
            known = await client.gallery_sharing(gallery)
            revision = known.revision if revision is None else revision
            left = sorted({*known.members, *add} - {*remove})
            wanted = {"sharing": "groups", "members": left} if left else {"sharing": "private"}
        return await client.share_gallery(gallery, wanted, revision)

    _say(run(act))


@click.command()
@click.argument("gallery")
@shared
def sharing(gallery: str) -> None:
    """With whom a gallery is shared."""
    _say(run(lambda client: client.gallery_sharing(gallery)))


def _text(given: str) -> str:
    """A text, or what a file says that is named with @."""
    if not given.startswith("@"):
        return given
    try:
        return Path(given[1:]).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{given[1:]} cannot be read: {error}") from None


def _say(view: GallerySharingView) -> None:
    if current().json:
        print_json(view)
        return
    click.echo(f"{view.name} is {view.sharing}  (revision {view.revision})")
    info = view.community
    rows = [
        ("members", ", ".join(view.members)),
        ("public name", view.public_name),
        ("publisher", info.publisher_uri if info else ""),
        ("contact", info.contact if info else ""),
        ("EULA", info.eula if info else ""),
    ]
    if any(text for _, text in rows):
        print_table(("", "VALUE"), [(name, text) for name, text in rows if text])
