"""``imprint audit``: who changed what, and what was there before."""

from collections.abc import Iterator
from typing import Any

import click
import msgspec

from contracts.views import AuditView
from imprint.client import Client
from imprint.fields import narrowing
from imprint.options import current, run, shared
from imprint.output import print_json, print_table, when

PASSING = frozenset({"revision", "updated"})
"""Fields that differ after every change."""
WIDEST = 100
NEWEST_FIRST = "-sequence"


@click.group(name="audit")
@shared
def command() -> None:
    """The audit log. `imprint admin audit verify` tells whether it is as it was written."""


@command.command(name="list")
@click.option("--about", metavar="ID", help="Only what was done to this: the id of an image, a version, …")
@click.option("--actor", help="Only what this actor did.")
@narrowing("action=edit_image, at_after=TIME", "sequence")
@click.option("--sharing", is_flag=True, help="The log of sharing, and of users, tokens and tenants.")
@click.option("--last", type=click.IntRange(min=1), metavar="N", help="Only the newest N of them.")
@shared
def list_(
    about: str | None,
    actor: str | None,
    where: tuple[tuple[str, str], ...],
    sort: str | None,
    sharing: bool,
    last: int | None,
) -> None:
    """Every change, the oldest first; with `--sort -sequence` the newest."""
    if sharing and where:
        raise click.UsageError("The log of sharing is narrowed by --about and --actor.")

    async def act(client: Client) -> list[AuditView]:
        entries: list[AuditView] = []
        pages = (
            client.sharing_audit(about, actor, sort=sort)
            if sharing
            else client.audit(about, actor, where=dict(where), sort=sort)
        )
        async for page in pages:
            entries += page.items
            if last and sort == NEWEST_FIRST and len(entries) >= last:
                return entries[:last]
            if last and sort != NEWEST_FIRST:
                entries = entries[-last:]
        return entries

    entries = run(act)
    if current().json:
        print_json(entries)
        return
    rows = [(one.sequence, when(one.at), one.actor, one.action, one.about, changed(one)) for one in entries]
    columns = ("ENTRY", "AT", "WHO", "DID", "TO", "CHANGED")
    print_table(columns, rows, empty="Nothing was done yet.")


def changed(entry: AuditView) -> str:
    """What an entry did to the thing that it is about, in a few words; all of it is in the JSON."""
    if not entry.before:
        return "made" if entry.after else ""
    if not entry.after:
        return "gone"
    before, after = dict(_leaves(entry.before)), dict(_leaves(entry.after))
    names = [name for name in sorted({*before, *after} - PASSING) if before.get(name) != after.get(name)]
    return _cut(", ".join(f"{name}: {_short(before.get(name))} → {_short(after.get(name))}" for name in names), WIDEST)


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """The fields of a value with dotted names."""
    if isinstance(value, dict) and value:
        for key, part in value.items():
            yield from _leaves(part, f"{name}.{key}" if name else key)
    else:
        yield name, value


def _short(value: Any) -> str:
    return _cut("-" if value is None else value if isinstance(value, str) else msgspec.json.encode(value).decode(), 32)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
