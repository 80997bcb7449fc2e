"""``imprint up``: everything on this machine, until it is told to stop."""

import asyncio
import ipaddress
import os
import shutil
import signal
import sys
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from imprint.exits import CommandFailure, Exit
from imprint.options import DATA, Token
from imprint.trust import TOKEN

if TYPE_CHECKING:
    from imprint.local.installation import Installation


class Network(click.ParamType[str]):
    """A network, as 10.1.0.0/16."""

    name = "network"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return str(ipaddress.ip_network(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command(name="up")
@click.option("--pods", type=click.IntRange(1, 32), default=3, show_default=True, help="How many pods to run.")
@click.option(
    "--data", type=click.Path(file_okay=False, path_type=Path), default=DATA, show_default=True,
    help="The folder that everything is kept in; stop and start again and it is all there.",
)  # fmt: skip
@click.option("--port", type=click.IntRange(1, 65535), help="Port of the HTTP API [default: 8080, or a free one].")
@click.option(
    "--intake", type=Token(), multiple=True, metavar="SOURCE",
    help="A system that may say on intake.SOURCE.> that an image was built; may be repeated.",
)  # fmt: skip
@click.option(
    "--hook-network", "hook_networks", type=Network(), multiple=True, metavar="CIDR",
    help="A network that is not public and may be posted to by webhooks, as 127.0.0.0/8; may be repeated.",
)  # fmt: skip
@click.option(
    "--certificate", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
    help="The certificate (PEM) of the HTTP API, with those between it and its root; without it one is made.",
)  # fmt: skip
@click.option(
    "--key", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
    help="The key of that certificate (PEM).",
)  # fmt: skip
def command(
    pods: int,
    data: Path,
    port: int | None,
    intake: tuple[str, ...],
    hook_networks: tuple[str, ...],
    certificate: Path | None,
    key: Path | None,
) -> None:
    """Run nats-server, the services and some pods with directory backends on this machine, until Ctrl-C."""
    from imprint.local.installation import Installation, InstallationError

    if (certificate is None) != (key is None):
        raise click.UsageError("--certificate and --key go together.")
    https = None if certificate is None or key is None else (certificate.absolute(), key.absolute())

    async def session() -> None:
        _say("Starting ...")
        installing = Installation(
            data, pods=pods, port=port, intake=intake, hook_networks=hook_networks, https=https, notice=_say
        )
        async with installing as installation:
            welcome(installation)
            try:
                await asyncio.Event().wait()
            finally:
                _say("Stopping ...")

    quiet()
    try:
        asyncio.run(unless_stopped(session()))
    except InstallationError as error:
        raise CommandFailure(Exit.FAILED, "Imprint cannot start", detail=str(error), hint=error.hint) from None


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def quiet() -> None:
    """Keep the runtime's log lines off the terminal: what a person should know is said in words."""
    from runtime import logs
    from runtime.settings import Settings

    logs.configure(Settings(data="", log_level="critical"), {})


async def unless_stopped(work: Coroutine[Any, Any, None]) -> bool:
    """Do ``work`` until it is done or SIGINT or SIGTERM comes, which cancels it; whether it was done."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    working, stopped = asyncio.create_task(work), asyncio.create_task(stop.wait())
    await asyncio.wait({working, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if working.done():
        await working
        return True
    working.cancel()
    with suppress(asyncio.CancelledError):
        await working
    return False


def spelled() -> str:
    """How to call `imprint` from here: by its name where that is on PATH."""
    beside = Path(sys.executable).with_name("imprint")
    return "imprint" if shutil.which("imprint") or not beside.exists() else os.path.relpath(beside)


def called(installation: "Installation") -> str:
    """How to call `imprint` from here so that it speaks with this installation."""
    if installation.data == DATA.absolute():
        return spelled()
    here = os.path.relpath(installation.data)
    return f"{spelled()} --data {here if len(here) < len(str(installation.data)) else installation.data}"


def welcome(installation: "Installation") -> None:
    """Say where everything is and what to do first."""
    pod = installation.pods[0]
    root = installation.pod_root(pod)
    imprint = called(installation)
    authority = "" if installation.authority is None else f"\n  trust    {installation.authority}"
    print(
        f"""Imprint runs.
  API      {installation.url}/v1   (description: {installation.url}/openapi.json){authority}
  token    {installation.data / TOKEN}
  pods     {", ".join(installation.pods)}
  data     {installation.data}
  logs     {installation.data / "logs"}

Put a disk image into {root / "incoming"}, then:
  {imprint} image import default/debian --pod {pod} --file disk.qcow2 --wait
  {imprint} image publish default/debian --wait
""",
        flush=True,
    )
