"""Options that every command takes, before or after its name: where the server is, and how to print.

Who asks is said by a file or by the environment, never by an option: every process of a machine sees the others'
command lines.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from imprint.exits import CommandFailure, Exit, ImprintError, UnreachableError

if TYPE_CHECKING:
    from imprint.client import Client
    from imprint.trust import Access

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
    data: Path | None = None

    @property
    def json(self) -> bool:
        return self.output == "json"

    @property
    def folder(self) -> Path:
        """The data folder of `imprint up`."""
        return self.data or DATA

    def access(self) -> "Access":
        """The server, and how to speak with it: as given, else of the environment, else as `imprint up` left it in its
        data folder. What is in that folder counts for the server that runs from it, and for no other."""
        from imprint import trust

        server = self.server or (None if self.data else os.environ.get("IMPRINT_SERVER"))
        token = os.environ.get("IMPRINT_TOKEN", "").strip()
        try:
            if not token and (file := os.environ.get("IMPRINT_TOKEN_FILE")):
                token = Path(file).read_text().strip()
            authority = os.environ.get("IMPRINT_CA")
            given = trust.vouched(Path(authority)) if authority and server else None
        except OSError as error:
            raise CommandFailure(Exit.USAGE, "A file of the environment cannot be used", detail=str(error)) from None
        try:
            here = trust.access(self.folder)
        except FileNotFoundError:
            here = None
        if server and (here is None or here.server != server.rstrip("/")):
            return trust.Access(server.rstrip("/"), token, given)
        if here is None:
            raise CommandFailure.of(
                UnreachableError(
                    "No server was named and none runs from this folder.",
                    "Start one with `imprint up`, or name one: --server URL or IMPRINT_SERVER, or its folder: --data.",
                )
            )
        if token and not (server or self.data or trust.of_this_machine(here.server)):
            # Whoever made the folder that we happen to be in is not whom the token is for.
            raise CommandFailure(
                Exit.USAGE,
                "The token of the environment is for a server that is named",
                detail=f"The folder {self.folder} points to {here.server}.",
                hint=f"Say that it is meant: --data {self.folder}, or IMPRINT_SERVER.",
            )
        return trust.Access(here.server, token or here.token, here.verify)


def current() -> Shared:
    """The shared options of the command that runs."""
    return click.get_current_context().ensure_object(Shared)


def _remember(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    if value is not None:
        setattr(ctx.ensure_object(Shared), str(param.name), value)


def shared(command: F) -> F:
    """Adds ``--server``, ``--data`` and ``--output`` to a command or group."""
    for option in (
        click.option(
            "--server", metavar="URL", expose_value=False, callback=_remember,
            help="The gateway [env: IMPRINT_SERVER; default: the one `imprint up` runs from this folder].",
        ),
        click.option(
            "--data", type=click.Path(file_okay=False, path_type=Path), metavar="DIR", expose_value=False,
            callback=_remember, help="The data folder of the installation of this machine that is meant "
            f"[default: {DATA}]; the token in it is used.",
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

    access = current().access()

    async def session() -> T:
        async with Client(access.server, token=access.token, verify=access.verify) as client:
            return await act(client)

    try:
        return asyncio.run(session())
    except (ImprintError, UnreachableError) as error:
        raise CommandFailure.of(error) from None
