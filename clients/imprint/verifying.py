"""``imprint admin audit verify``: whether the audit log is as it was written."""

from collections.abc import AsyncIterator

import click
import msgspec

from contracts.audit import Fault, Tip, verify
from contracts.requests import AuditPage
from imprint.client import Client
from imprint.exits import CommandFailure, Exit
from imprint.options import current, run, shared
from imprint.output import print_json

WORDS = {
    "missing": "entries are missing there",
    "order": "it is there twice, or comes too late",
    "chain": "it does not follow on the entry before it",
    "content": "it was changed",
}
"""What a fault means, in words."""


class Known(click.ParamType[Tip]):
    """``SEQUENCE:HASH``."""

    name = "point"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Tip:
        sequence, _, seal = str(value).partition(":")
        if not sequence.isdecimal() or len(seal) != 64:
            self.fail(f"{value!r} is no SEQUENCE:HASH", param, ctx)
        return Tip(sequence=int(sequence), hash=seal)


@click.group()
@shared
def audit() -> None:
    """The audit log of the hub; asks the HTTP API."""


@audit.command(name="verify")
@click.option(
    "--known", type=Known(), multiple=True, metavar="SEQUENCE:HASH",
    help="An entry noted down earlier, which must be there still: also proves that no end was cut off since.",
)  # fmt: skip
@shared
def verify_(known: tuple[Tip, ...]) -> None:
    """Read the whole log and check its chain of hashes, and its end against what the hub says is the newest entry.

    The last line has SEQUENCE:HASH of that entry: keep it elsewhere, for --known. Exit code 1 where the log is not
    what was written.
    """

    async def act(client: Client) -> Tip | Fault:
        return await checked(client.audit(), known)

    found = run(act)
    if isinstance(found, Tip):
        if current().json:
            print_json({"intact": True, **msgspec.to_builtins(found)})
            return
        click.echo(f"{found.sequence} entries, all as they were written")
        click.echo(f"{found.sequence}:{found.hash}")
        return
    if current().json:
        print_json({"intact": False, **msgspec.to_builtins(found)})
    raise CommandFailure(
        Exit.FAILED,
        f"The audit log breaks at entry {found.sequence}",
        detail=f"Entry {found.sequence}: {WORDS[found.what]}.",
        hint="Compare the catalog's database with a backup: nothing in Imprint changes entries.",
        code="audit_broken",
        printed=True,
    )


async def checked(log: AsyncIterator[AuditPage], known: tuple[Tip, ...] = ()) -> Tip | Fault:
    """How far a log goes that comes page by page, or its first fault.

    It must pass through every point that is known, and each page names one: the newest entry when it was read.
    """
    tip = Tip()
    points = {point.sequence: point.hash for point in known}
    async for page in log:
        points.setdefault(page.sequence, page.head)
        result = verify(page.items, since=tip)
        if isinstance(result, Fault):
            return result
        for entry in page.items:
            if points.pop(entry.sequence, entry.hash) != entry.hash:
                return Fault(sequence=entry.sequence, what="content")
        tip = result
        if page.next is None and page.sequence < tip.sequence:
            return Fault(sequence=page.sequence + 1, what="order")
    behind = {sequence: seal for sequence, seal in points.items() if sequence > 0}
    if behind and max(behind) > tip.sequence:
        return Fault(sequence=tip.sequence + 1, what="missing")
    wrong = [sequence for sequence, seal in behind.items() if sequence == tip.sequence and seal != tip.hash]
    return Fault(sequence=wrong[0], what="content") if wrong else tip
