"""``imprint retention``: policies that delete, deprecate or disable old versions."""

from pathlib import Path
from typing import Any

import click
import msgspec

from contracts.keeping import Retention
from contracts.requests import VictimPage
from contracts.views import RetentionView
from imprint.client import Client
from imprint.fields import Tag, if_match, if_match_or_new
from imprint.options import current, run, shared
from imprint.output import print_json, print_table, show, when
from imprint.reading import read
from imprint.saying import said

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group(name="retention")
@shared
def command() -> None:
    """Retention policies. None takes the last AVAILABLE version, one in use, one with a marker, or a protected one."""


@command.command(name="set")
@click.argument("name", required=False)
@click.option("--action", type=click.Choice(["DELETE", "DEPRECATE", "DISABLE"], case_sensitive=False))
@click.option("--older-than", type=click.IntRange(1, 10_000), metavar="N", help="Versions older than N --unit.")
@click.option("--unit", type=click.Choice(["DAYS", "WEEKS", "MONTHS", "YEARS"], case_sensitive=False), help="[DAYS]")
@click.option("--keep-newest", type=click.IntRange(1, 10_000), metavar="N", help="All versions but the newest N.")
@click.option("--retain-at-least", type=click.IntRange(1, 1000), metavar="N", help="These stay in any case [1].")
@click.option("--gallery", "galleries", multiple=True, metavar="GALLERY", help="Only there; may be repeated.")
@click.option("--image", "images", multiple=True, metavar="IMAGE", help="Only of this image; may be repeated.")
@click.option("--exclude-tag", "tags", type=Tag(), multiple=True, metavar="KEY=VALUE", help="Not of such images.")
@click.option("--also-shared", is_flag=True, help="Also versions of images that are shared.")
@click.option("--used-within", type=click.IntRange(1, 3650), metavar="DAYS", help="Not those used within so many days.")
@click.option("--suspended", is_flag=True, help="Take nothing until it is set anew without this.")
@click.option("--description", help="What it is for.")
@click.option("--from", "file", type=FILE, help="A YAML or JSON file with all of it, instead of the options.")
@if_match_or_new
@shared
def set_(name: str | None, file: Path | None, if_match: int | None, **options: Any) -> None:
    """Make a policy, or say it anew; `imprint retention preview` shows what it would take."""
    if (file is None) == (name is None):
        raise click.UsageError("Either NAME with options, or --from FILE.")
    policy = read(file, Retention)[0] if file is not None else _policy(name or "", **options)

    async def act(client: Client) -> RetentionView:
        found = [(await client.image(image)).id if "/" in image else image for image in policy.images]
        return await client.set_retention(msgspec.structs.replace(policy, images=tuple(found)), if_match)

    _show(run(act))


def _policy(
    name: str,
    *,
    action: str | None,
    older_than: int | None,
    unit: str | None,
    keep_newest: int | None,
    retain_at_least: int | None,
    galleries: tuple[str, ...],
    images: tuple[str, ...],
    tags: tuple[tuple[str, str], ...],
    also_shared: bool,
    used_within: int | None,
    suspended: bool,
    description: str | None,
) -> Retention:
    if action is None:
        raise click.UsageError("Say what becomes of the versions: --action.")
    if (older_than is None) == (keep_newest is None):
        raise click.UsageError("Say which versions: either --older-than N or --keep-newest N.")
    rule = {"by": "AGE", "value": older_than} if older_than is not None else {"by": "COUNT", "value": keep_newest}
    exclude = {"tags": dict(tags), "shared": not also_shared, "used_within_days": used_within}
    fields = {
        "name": name, "action": action.upper(), "rule": rule | ({"unit": unit.upper()} if unit else {}),
        "retain_at_least": retain_at_least or 1, "galleries": galleries, "images": images, "exclude": exclude,
        "suspended": suspended, "description": description or "",
    }  # fmt: skip
    try:
        return msgspec.convert(fields, Retention)
    except msgspec.ValidationError as error:
        raise click.UsageError(str(error)) from None


@command.command(name="list")
@shared
def list_() -> None:
    """All policies, and when each last took something."""
    found = run(lambda client: client.retentions())
    rows = [
        (one.retention.name, one.retention.action, _rule(one.retention), one.retention.retain_at_least,
         ", ".join([*one.retention.galleries, *one.retention.images]) or "all",
         "suspended" if one.retention.suspended else "", when(one.ran), one.taken)
        for one in found
    ]  # fmt: skip
    columns = ("POLICY", "ACTION", "VERSIONS", "KEEPS", "OF", "", "RAN", "TAKEN")
    show(found, columns, rows, empty="There are no retention policies yet.")


def _rule(policy: Retention) -> str:
    rule = policy.rule
    return f"older than {rule.value} {rule.unit.lower()}" if rule.by == "AGE" else f"but the newest {rule.value}"


@command.command()
@click.argument("name", required=False)
@click.option("--from", "file", type=FILE, help="A policy that there is not yet, in a YAML or JSON file.")
@shared
def preview(name: str | None, file: Path | None) -> None:
    """The dry run: what a policy would take now. Nothing is touched."""
    if (file is None) == (name is None):
        raise click.UsageError("Either NAME, or --from FILE.")
    policy = name if file is None else read(file, Retention)[0]
    page: VictimPage = run(lambda client: client.preview_retention(policy or ""))
    rows = [(f"{one.gallery}/{one.name}:{one.number}", one.action, one.reason) for one in page.items]
    show(page, ("VERSION", "WOULD", "WHY"), rows, empty="It would take nothing.")


@command.command(name="run")
@click.argument("name")
@shared
def run_(name: str) -> None:
    """Apply a policy at once, and not when its hour comes."""

    async def act(client: Client) -> None:
        await client.run_retention(name)

    run(act)
    said(f"retention policy {name} runs; imprint retention list tells what it took", retention=name, runs=True)


@command.command()
@click.argument("name")
@if_match
@shared
def delete(name: str, if_match: int | None) -> None:
    """Remove a policy; what it did stays."""
    run(lambda client: client.drop_retention(name, if_match))
    said(f"retention policy {name} is gone", retention=name, deleted=True)


def _show(view: RetentionView) -> None:
    if current().json:
        print_json(view)
        return
    policy = view.retention
    click.echo(f"{policy.name}  {policy.action}{'  suspended' if policy.suspended else ''}  (revision {view.revision})")
    without = [
        ", ".join(f"{key}={value}" if value else key for key, value in sorted(policy.exclude.tags.items())),
        "shared images" if policy.exclude.shared else "",
        f"used within {policy.exclude.used_within_days} days" if policy.exclude.used_within_days else "",
    ]
    rows = [
        ("versions", _rule(policy)),
        ("keeps at least", str(policy.retain_at_least)),
        ("galleries", ", ".join(policy.galleries) or "all"),
        ("images", ", ".join(policy.images) or "all"),
        ("not", "; ".join(filter(None, without))),
    ]
    print_table(("", "VALUE"), [(name, text) for name, text in rows if text])
