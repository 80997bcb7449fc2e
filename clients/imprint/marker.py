"""``imprint marker``: names such as ``prod`` that point at one version of an image, and are moved."""

import click

from contracts.views import MarkerView
from imprint.fields import if_match, narrowing
from imprint.naming import version_of
from imprint.options import current, run, shared
from imprint.output import print_json, print_table, show, when
from imprint.plain import plain
from imprint.saying import said


class Ring(click.ParamType[dict[str, object]]):
    """``pod-1,pod-2``, or ``KEY=VALUE,KEY=VALUE`` of labels, of which all must hold; ``|`` between values of a key."""

    name = "ring"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> dict[str, object]:  # fmt: skip
        pods: list[str] = []
        labels: dict[str, list[str]] = {}
        for part in filter(None, (part.strip() for part in str(value).split(","))):
            key, equals, text = part.partition("=")
            if not equals:
                pods.append(part)
            elif key and text:
                labels.setdefault(key, []).extend(text.split("|"))
            else:
                self.fail(f"{part!r} is no KEY=VALUE", param, ctx)
        if not pods and not labels:
            self.fail("names no pod", param, ctx)
        return {name: given for name, given in (("pods", pods), ("labels", labels)) if given}


@click.group(name="marker")
@shared
def command() -> None:
    """Markers: assignments bound to one follow it from version to version."""


@command.command(name="set")
@click.argument("image", metavar="IMAGE:VERSION")
@click.argument("marker")
@click.option(
    "--ring", "rings", type=Ring(), multiple=True, metavar="POD,...|KEY=VALUE,...",
    help="A stage: pools on these pods, or on pods with these labels; may be repeated. The rest goes with the last.",
)  # fmt: skip
@click.option("--failures", type=click.IntRange(0, 10_000), default=0, metavar="N", help="Halt after more than N [0].")
@click.option(
    "--logoff", type=click.Choice(["wait", "force"]), default="wait", show_default=True,
    help="Whether desktops in use wait until their user is gone.",
)  # fmt: skip
@if_match
@shared
def set_(
    image: str,
    marker: str,
    rings: tuple[dict[str, object], ...],
    failures: int,
    logoff: str,
    if_match: int | None,
) -> None:
    """Let MARKER name a version: at once, or ring by ring. One that there is not yet is made."""
    name, number = version_of(image)
    if failures and not rings:
        raise click.UsageError("--failures goes with --ring.")
    options = {"rings": rings, "failures": failures, "logoff": logoff, "revision": if_match}
    _show(run(lambda client: client.move_marker(name, marker, number, **options)))  # type: ignore[arg-type]


@command.command(name="show")
@click.argument("image", metavar="IMAGE")
@click.argument("marker")
@shared
def show_(image: str, marker: str) -> None:
    """A marker, its staged move, and what it named before."""
    view = run(lambda client: client.marker(image, marker))
    _show(view)
    if not current().json:
        rows = [(when(one.at), one.number, "rollback" if one.rollback else "", one.actor) for one in view.history]
        print_table(("AT", "VERSION", "", "BY"), rows)


@command.command(name="list")
@click.argument("image", metavar="IMAGE")
@narrowing("number=1.1.0, frozen=true, min_assignments=1", "name")
@shared
def list_(image: str, where: tuple[tuple[str, str], ...], sort: str | None) -> None:
    """The markers of an image; of several filters each must hold."""
    found = run(lambda client: client.markers(image, where=dict(where), sort=sort))
    rows = [(one.name, one.number, one.assignments, _state(one), one.revision) for one in found]
    show(found, ("MARKER", "VERSION", "ASSIGNMENTS", "STATE", "REVISION"), rows, empty="It has no markers yet.")


@command.command()
@click.argument("image", metavar="IMAGE")
@click.argument("marker")
@if_match
@shared
def rollback(image: str, marker: str, if_match: int | None) -> None:
    """Let a marker name what it named before; refused where a pool's pod has no AVAILABLE copy of that."""
    _show(run(lambda client: client.rollback_marker(image, marker, if_match)))


@command.command()
@click.argument("image", metavar="IMAGE")
@click.argument("marker")
@if_match
@shared
def delete(image: str, marker: str, if_match: int | None) -> None:
    """Delete a marker to which no assignment is bound."""
    run(lambda client: client.drop_marker(image, marker, if_match))
    said(f"marker {marker} is gone", marker=marker, deleted=True)


@command.command()
@click.argument("image", metavar="IMAGE")
@click.argument("marker")
@shared
def halt(image: str, marker: str) -> None:
    """Begin no further ring of a staged move."""
    _show(run(lambda client: client.steer_rollout(image, marker, "halt")))


@command.command()
@click.argument("image", metavar="IMAGE")
@click.argument("marker")
@shared
def resume(image: str, marker: str) -> None:
    """Go on with a staged move that halted."""
    _show(run(lambda client: client.steer_rollout(image, marker, "resume")))


@command.command()
@click.argument("image", metavar="IMAGE")
@click.argument("marker")
@shared
def cancel(image: str, marker: str) -> None:
    """End a staged move where it stands."""
    _show(run(lambda client: client.steer_rollout(image, marker, "cancel")))


def _state(view: MarkerView) -> str:
    found = ["frozen"] if view.frozen else []
    if (rollout := view.rollout) is not None:
        place = f"ring {rollout.ring} of {rollout.rings}"
        found.append(f"{rollout.state}, {place}" + (f", {rollout.failed} failed" if rollout.failed else ""))
    return "; ".join(found)


def _show(view: MarkerView) -> None:
    if current().json:
        print_json(view)
        return
    state = _state(view)
    click.echo(f"{view.name} names {view.number}{f'  {state}' if state else ''}  (revision {view.revision})")
    if view.rollout is not None and view.rollout.failure is not None:
        failure = view.rollout.failure
        click.echo(plain(f"{failure.text} ({failure.code}) {failure.hint}".rstrip()), err=True)
