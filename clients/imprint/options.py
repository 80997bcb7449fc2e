"""Options that every command takes, before or after its name: where the server is, and how to print."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from imprint.exits import CommandFailure, ImprintError, UnreachableError

if TYPE_CHECKING:
    from imprint.client import Client

DATA = Path(".imprint")
"""Where `imprint up` keeps everything unless told otherwise."""

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


class Token(click.ParamType[str]):
    """The name of a pod or of another system, which becomes part of subjects and of file names."""

    name = "name"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from contracts.permissions import token

        try:
            return token(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


@dataclass
class Shared:
    """What the shared options were set to; the option nearest to the end of the line wins."""

    server: str | None = None
    output: str = "table"

    @property
    def json(self) -> bool:
        return self.output == "json"

    def address(self) -> str:
        """The server's address: as given, else of the environment, else what `imprint up` left in its data folder."""
        server = self.server or os.environ.get("IMPRINT_SERVER")
        if server:
            return server.rstrip("/")
        try:
            return (DATA / "address").read_text().strip()
        except FileNotFoundError:
            raise CommandFailure.of(
                UnreachableError(
                    "No server was named and none runs from this folder.",
                    "Start one with `imprint up`, or name one: --server URL or IMPRINT_SERVER.",
                )
            ) from None


def current() -> Shared:
    """The shared options of the command that runs."""
    return click.get_current_context().ensure_object(Shared)


def _remember(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    if value is not None:
        setattr(ctx.ensure_object(Shared), str(param.name), value)


def shared(command: F) -> F:
    """Adds ``--server`` and ``--output`` to a command or group."""
    for option in (
        click.option(
            "--server", metavar="URL", expose_value=False, callback=_remember,
            help="The gateway [env: IMPRINT_SERVER; default: the one `imprint up` runs from this folder].",
        ),
        click.option(
            "--output", "-o", type=click.Choice(["table", "json"]), expose_value=False, callback=_remember,
            help="How to print results [default: table].",
        ),
    ):  # fmt: skip
        command = option(command)
    return command


def run(act: "Callable[[Client], Awaitable[T]]") -> T:
    """Run ``act`` with a client of the server; the server's refusals end the command with their exit code."""
    from imprint.client import Client

    address = current().address()

    async def session() -> T:
        async with Client(address) as client:
            return await act(client)

    try:
        return asyncio.run(session())
    except (ImprintError, UnreachableError) as error:
        raise CommandFailure.of(error) from None
