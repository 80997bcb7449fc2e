"""``imprint namespace``: schemas of properties, and predefined tags."""

from pathlib import Path

import click

from contracts.definition import Namespace
from contracts.views import NamespaceView
from imprint.fields import if_match, if_match_or_new
from imprint.options import current, run, shared
from imprint.output import print_json, print_table, show
from imprint.reading import read
from imprint.saying import said


@click.group(name="namespace")
@shared
def command() -> None:
    """Namespaces: what the properties of images must be, and which values tags take."""


@command.command(name="list")
@shared
def list_() -> None:
    """All namespaces."""
    found = run(lambda client: client.namespaces())
    rows = [
        (one.namespace.name, "closed" if one.namespace.closed else "", ", ".join(sorted(one.namespace.properties)),
         ", ".join(sorted(one.namespace.tags)), one.namespace.description)
        for one in found
    ]  # fmt: skip
    columns = ("NAMESPACE", "", "PROPERTIES", "TAGS", "DESCRIPTION")
    show(found, columns, rows, empty="There are no namespaces yet.")


@command.command(name="set")
@click.option(
    "--from", "file", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=True,
    help="A YAML or JSON file: name, closed, properties, tags, description.",
)  # fmt: skip
@if_match_or_new
@shared
def set_(file: Path, if_match: int | None) -> None:
    """Make a namespace, or say it anew; what images have already stays."""
    namespace, _ = read(file, Namespace)
    _show(run(lambda client: client.set_namespace(namespace, if_match)))


@command.command()
@click.argument("name")
@if_match
@shared
def drop(name: str, if_match: int | None) -> None:
    """Remove a namespace; the properties of images stay."""
    run(lambda client: client.drop_namespace(name, if_match))
    said(f"namespace {name} is gone; the properties of images stay", namespace=name, dropped=True)


def _show(view: NamespaceView) -> None:
    if current().json:
        print_json(view)
        return
    namespace = view.namespace
    click.echo(f"namespace {namespace.name}{'  closed' if namespace.closed else ''}  (revision {view.revision})")
    rows: list[tuple[str, str, str]] = [
        (f"{namespace.name}.{name}", one.type, "protected" if one.protected else "")
        for name, one in sorted(namespace.properties.items())
    ]
    rows += [(f"tag {key}", ", ".join(values) or "any", "") for key, values in sorted(namespace.tags.items())]
    print_table(("NAME", "TAKES", ""), rows, empty="It says nothing yet.")
