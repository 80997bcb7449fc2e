"""The terms of a publish on the command line: where to, how often, in which order, under which conditions."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


class Moment(click.ParamType[datetime]):
    """A time, in this machine's zone unless it names another."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            return datetime.fromisoformat(value).astimezone()
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is no time; write 2026-01-31T22:00 or 2026-01-31T22:00+01:00", param, ctx)


class Pair(click.ParamType[tuple[str, str]]):
    """``KEY=VALUE``."""

    name = "pair"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        key, equals, text = str(value).partition("=")
        if not (key and equals and text):
            self.fail(f"{value!r} is no KEY=VALUE", param, ctx)
        return key, text


class Count(click.ParamType[tuple[str, int | None]]):
    """``POD=N``; ``POD=none`` takes it back."""

    name = "count"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int | None]:
        pod, equals, text = str(value).partition("=")
        if not (pod and equals and (text == "none" or text.isdecimal())):
            self.fail(f"{value!r} is no POD=N", param, ctx)
        return pod, None if text == "none" else int(text)


def names(values: Iterable[str], option: str) -> list[str]:
    """Names from options that may be repeated and may have commas. Raises BadParameter when one names nothing."""
    found = []
    for value in values:
        given = [name.strip() for name in value.split(",") if name.strip()]
        if not given:
            raise click.BadParameter("names no pod", param_hint=option)
        found += given
    return found


_OPTIONS = (
    click.option(
        "--to", "--pods", "to", multiple=True, metavar="POD,...",
        help="Only to these pods; may be repeated [default: all that are enrolled].",
    ),
    click.option(
        "--select", type=Pair(), multiple=True, metavar="KEY=VALUE",
        help="Only to pods with this label; may be repeated, values of one key are alternatives.",
    ),
    click.option(
        "--match", type=click.Choice(["all", "any"]), help="With --select: all keys must match [default], or any."
    ),
    click.option("--replicas", type=click.IntRange(1, 16), metavar="N", help="Copies on each pod [default: 1]."),
    click.option("--replicas-on", type=Count(), multiple=True, metavar="POD=N", help="Copies on one pod."),
    click.option("--shallow", is_flag=True, help="Move no bytes: only the source pod's own copy is made usable."),
    click.option("--all-or-nothing", is_flag=True, help="Take every new copy back when one fails for good."),
    click.option("--exclude-from-latest", is_flag=True, help="`latest` never means this version."),
    click.option("--exclude-on", multiple=True, metavar="POD", help="`latest` on POD never means this version."),
    click.option("--priority", type=click.Choice(["low", "normal", "high", "urgent"]), help="Which goes first."),
    click.option("--not-before", type=Moment(), metavar="TIME", help="Begin then, as 2026-01-31T22:00."),
    click.option("--deadline", type=click.FloatRange(min=1), metavar="SECONDS", help="What is not done then, failed."),
    click.option("--refuse-if-late", is_flag=True, help="Refuse when by the measured capacity it will be late."),
    click.option("--hypervisor", multiple=True, metavar="NAME", help="Only pods with this hypervisor take it."),
    click.option("--family", multiple=True, metavar="NAME", help="Only pods of this family take it."),
    click.option("--disk-type", multiple=True, metavar="NAME", help="Only pods with such a datastore take it."),
)  # fmt: skip


def term_options(command: F) -> F:
    """Adds the options of a publish; the command takes them as ``**terms`` for `body`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def body(
    *,
    to: tuple[str, ...],
    select: tuple[tuple[str, str], ...],
    match: str | None,
    replicas: int | None,
    replicas_on: tuple[tuple[str, int | None], ...],
    shallow: bool,
    all_or_nothing: bool,
    exclude_from_latest: bool,
    exclude_on: tuple[str, ...],
    priority: str | None,
    not_before: datetime | None,
    deadline: float | None,
    refuse_if_late: bool,
    hypervisor: tuple[str, ...],
    family: tuple[str, ...],
    disk_type: tuple[str, ...],
) -> dict[str, Any]:
    """The body of a publish with what was given, and nothing else. Raises UsageError."""
    if to and select:
        raise click.UsageError("Either --to or --select says where to.")
    if match and not select:
        raise click.UsageError("--match goes with --select.")
    requires = {"hypervisors": hypervisor, "families": family, "disk_types": disk_type}
    requires = {name: values for name, values in requires.items() if values}
    given: dict[str, Any] = {
        "targets": _targets(names(to, "--to"), select, match),
        "replicas": replicas,
        "deadline": deadline,
        "overrides": overrides(replicas_on, names(exclude_on, "--exclude-on")) or None,
        "mode": "shallow" if shallow else None,
        "all_or_nothing": all_or_nothing or None,
        "exclude_from_latest": exclude_from_latest or None,
        "priority": priority,
        "not_before": None if not_before is None else not_before.isoformat(),
        "on_deadline": "refuse" if refuse_if_late else None,
        "requires": {name: list(values) for name, values in requires.items()} or None,
    }
    return {name: value for name, value in given.items() if value is not None}


def overrides(replicas_on: Iterable[tuple[str, int | None]], exclude_on: Iterable[str] = ()) -> dict[str, Any]:
    """What differs on single pods; None takes back what did."""
    found: dict[str, Any] = {}
    for pod, count in replicas_on:
        found[pod] = None if count is None else {"replicas": count}
    for pod in exclude_on:
        found[pod] = {**(found.get(pod) or {}), "exclude_from_latest": True}
    return found


def selector(select: Iterable[tuple[str, str]], match: str | None) -> dict[str, Any]:
    """Pods by label: the values of one key are alternatives."""
    labels: dict[str, list[str]] = {}
    for key, value in select:
        labels.setdefault(key, []).append(value)
    return {"labels": labels, "match": match or "all"}


def _targets(to: list[str], select: tuple[tuple[str, str], ...], match: str | None) -> dict[str, Any] | None:
    if to:
        return {"kind": "list", "pods": to}
    return {"kind": "selector", "selector": selector(select, match)} if select else None
