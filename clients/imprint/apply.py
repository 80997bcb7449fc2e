"""``imprint apply``: bring about what a file says, showing the difference first."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from imprint.client import Client
from imprint.declared import telling
from imprint.declared.document import Document, twice
from imprint.declared.planning import difference
from imprint.declared.steps import Carrier, Difference, Step
from imprint.exits import CommandFailure, Exit, ImprintError, UnreachableError
from imprint.options import current, run, shared
from imprint.output import print_json
from imprint.reading import read


@dataclass
class Outcome:
    """What differs, what was done about it, and what made it stop."""

    difference: Difference
    done: list[Step] = field(default_factory=list)
    failure: CommandFailure | None = None

    @property
    def left(self) -> list[Step]:
        """The steps that were not done."""
        return [step for step in self.difference.open if step not in self.done]

    def told(self) -> dict[str, Any]:
        """The outcome as JSON has it."""
        conflicts = [{"what": what, "hint": hint} for what, hint in self.difference.conflicts]
        return {
            "steps": [step.told() for step in self.difference.steps], "conflicts": conflicts,
            "done": [str(step) for step in self.done], "not_done": [str(step) for step in self.left],
        }  # fmt: skip


@click.command(name="apply")
@click.option(
    "--file", "-f", "file", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=True,
    help="YAML (or JSON) with galleries, namespaces, flavours and images.",
)  # fmt: skip
@click.option(
    "--dry-run", "--diff", "dry_run", is_flag=True, help="Only show the difference; exit code 6: there is one."
)
@click.option("--yes", "-y", is_flag=True, help="Do not ask before doing it.")
@click.option("--wait", "-w", is_flag=True, help="Follow publishes to their end; imports are followed anyway.")
@click.option("--timeout", type=click.FloatRange(min=0), metavar="SECONDS", help="How long each of them may take.")
@shared
def command(file: Path, dry_run: bool, yes: bool, wait: bool, timeout: float | None) -> None:
    """Bring galleries, namespaces, flavours, images, versions, publishes and markers to what a file says.

    First it shows the difference: what it will make (+), what it will change (~), what it leaves alone (=). What the
    file does not name stays as it is; nothing is ever deleted. A second time there is nothing to do. It stops at the
    first refusal (exit code 4 when something was done before), also when somebody changed something after the
    difference was computed, and says what was done and what was not.

    \b
    galleries:
      - name: lab
        quota: {images: 20}
    images:
      - image: lab/desktop
        os_type: linux
        tags: {team: blue}
        versions:
          - number: 1.0.0
            source: {pod: pod-1, kind: vm, name: golden}
            publish: {pods: [pod-1, pod-2]}
        markers: {prod: 1.0.0}
    """
    document, given = read(file, Document)
    if found := twice(document):
        raise CommandFailure(
            Exit.REFUSED, f"{file}: {found} is there twice", hint="Keep one of them.", code="validation_failed"
        )
    if current().json and not (dry_run or yes):
        raise click.UsageError("With --output json nobody is asked: say --yes, or --dry-run.")
    quiet = current().json

    async def act(client: Client) -> Outcome:
        outcome = Outcome(await difference(client, document, given or {}))
        if not quiet:
            telling.show(outcome.difference)
        if outcome.difference.conflicts or dry_run or not outcome.difference.open:
            return outcome
        if not yes:
            click.confirm("Do this?", abort=True, err=True)
        await _carry_out(outcome, Carrier(client, wait, timeout, quiet))
        return outcome

    _end(run(act), dry_run=dry_run)


async def _carry_out(outcome: Outcome, carrier: Carrier) -> None:
    """Do the steps in their order; the first that cannot be done is the last."""
    for step in outcome.difference.open:
        try:
            await step.act(carrier)  # type: ignore[misc] # open steps have something to do
        except (ImprintError, UnreachableError) as error:
            outcome.failure = _stopped(step, CommandFailure.of(error), outcome.done)
            return
        except CommandFailure as failure:
            outcome.failure = _stopped(step, failure, outcome.done)
            return
        outcome.done.append(step)
        if not current().json:
            click.echo(f"done: {step.kind} {step.name}")


def _stopped(step: Step, failure: CommandFailure, done: list[Step]) -> CommandFailure:
    """Why it stopped, told with the step at which it did."""
    code = Exit(failure.exit_code)
    return CommandFailure(
        Exit.PARTIAL if code is Exit.REFUSED and done else code,
        f"{step.kind} {step.name}: {failure.title}",
        detail=failure.detail,
        hint=failure.hint,
        code=failure.code,
        printed=True,
    )


def _end(outcome: Outcome, *, dry_run: bool) -> None:
    """Print what is to be printed at the end. Raises CommandFailure; exits with `Exit.DIFFERS`."""
    if current().json:
        print_json(outcome.told())
    found = outcome.difference
    if found.conflicts:
        telling.show_conflicts(found)
        raise CommandFailure(
            Exit.REFUSED, "The file asks for what cannot be; nothing was done", code="conflict", printed=True
        )
    if outcome.failure is not None:
        telling.show_stop(outcome.done, outcome.left)
        raise outcome.failure
    if not found.open and not current().json:
        click.echo("Nothing to do.")
    if dry_run and found.open:
        click.get_current_context().exit(Exit.DIFFERS)
