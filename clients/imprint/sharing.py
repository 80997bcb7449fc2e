"""What the commands about sharing have in common: members, roles, rows of a batch, and deliveries that are followed."""

import asyncio
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from contracts.views import JobView, PairView, SharingStatusView
from imprint.client import Client
from imprint.exits import CommandFailure, Exit, ImprintError
from imprint.options import current
from imprint.output import print_json, print_table, show
from imprint.watch import watched

F = TypeVar("F", bound=Callable[..., Any])

KNOWN_AFTER = 10.0
"""Seconds within which a job that was promised is to be known."""
ROLES = ("reader", "publisher", "sharer", "owner")

_member = re.compile(r"(account:|org:)?[A-Za-z0-9][A-Za-z0-9._/-]*")
_principal = re.compile(r"((account|org|user|service|group):)?[A-Za-z0-9][A-Za-z0-9._/-]*")


class Named(click.ParamType[str]):
    """Somebody that something is shared with."""

    def __init__(self, form: re.Pattern[str], examples: str) -> None:
        self.name, self._form, self._examples = "principal", form, examples

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not self._form.fullmatch(str(value)):
            self.fail(f"{value!r} is nobody; write {self._examples}", param, ctx)
        return str(value)


MEMBER = Named(_member, "acme (a tenant), account:x, org:corp or org:corp/europe")
PRINCIPAL = Named(_principal, "acme, account:x, org:corp, user:acme/jo, service:acme/ci or group:acme/devs")


def each(pairs: Sequence[PairView]) -> None:
    """Print what became of each pair of a batch.

    Raises:
        CommandFailure: some pair was refused, or all were.
    """
    rows = [(one.image, one.member, one.state or "refused", _why(one)) for one in pairs]
    show(list(pairs), ("IMAGE", "MEMBER", "STATE", "WHY"), rows)
    refused = [one for one in pairs if one.code]
    if refused:
        code = Exit.PARTIAL if len(refused) < len(pairs) else Exit.REFUSED
        title = f"{len(refused)} of {len(pairs)} were refused"
        raise CommandFailure(code, title, hint=refused[0].hint, printed=True)


def _why(pair: PairView) -> str:
    return f"{pair.code}: {pair.detail}" if pair.code else ""


def show_status(view: SharingStatusView) -> None:
    """Where what is shared can be used."""
    if current().json:
        print_json(view)
        return
    click.echo(view.state)
    rows = [(one.pod, one.state, one.versions, one.missing or "") for one in view.pods]
    print_table(("POD", "STATE", "VERSIONS", "MISSING"), rows, empty="It is on no pod.")


async def delivered(client: Client, job: str, *, timeout: float | None) -> JobView:
    """A delivery at its end. Whoever accepts is told the job before the catalog knows of it."""
    clock = asyncio.get_running_loop().time
    begun = clock()
    while True:
        try:
            await client.job(job)
            break
        except ImprintError as error:
            if error.problem.code != "job_not_found" or clock() > begun + KNOWN_AFTER:
                raise
            await asyncio.sleep(0.2)
    return await watched(client, job, timeout=timeout, quiet=current().json)
