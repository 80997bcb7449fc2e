"""How a difference, and what became of it, is shown to people."""

from collections.abc import Iterable

import click

from imprint.declared.difference import in_words
from imprint.declared.steps import Difference, Step
from imprint.plain import plain

COLOURS = {"+": "green", "~": "yellow", "=": None}


def show(difference: Difference) -> None:
    """The steps in their order, each with what changes; then how many there are of each kind."""
    for step in difference.steps:
        click.secho(plain(str(step)), fg=COLOURS[step.sign])
        for change in step.changes:
            new = in_words(change.new)
            line = f"{change.field}: {new}" if step.sign == "+" else f"{change.field}: {in_words(change.old)} → {new}"
            click.echo(plain(f"    {line}"))
    counts = {sign: sum(step.sign == sign for step in difference.steps) for sign in COLOURS}
    click.echo(f"{counts['+']} to create, {counts['~']} to change, {counts['=']} left alone")


def show_conflicts(difference: Difference) -> None:
    """What no step can bring about, with hints; on stderr."""
    for what, hint in difference.conflicts:
        click.echo(plain(f"! {what}"), err=True)
        click.echo(plain(f"  hint: {hint}"), err=True)


def show_stop(done: Iterable[Step], left: Iterable[Step]) -> None:
    """What was done and what was not, on stderr."""
    for words, steps in (("done", done), ("not done", left)):
        for step in steps:
            click.echo(plain(f"{words}: {step.kind} {step.name}"), err=True)
