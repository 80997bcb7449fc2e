"""The gateway as a process: ``python -m gateway``, settings from ``IMPRINT_*``."""

import asyncio
import signal
import sys

import structlog
import uvloop

from gateway.server import gateway
from gateway.settings import GatewaySettings
from runtime import logs
from runtime.settings import SettingsError, load


async def serve(settings: GatewaySettings) -> None:
    """Serve until SIGTERM or SIGINT, which also end the waiting for a broker that is not there yet."""
    serving, stop = asyncio.Event(), asyncio.Event()

    async def run() -> None:
        async with gateway(settings):
            serving.set()
            await stop.wait()

    running = asyncio.create_task(run(), name="gateway")

    def end() -> None:
        stop.set()
        if not serving.is_set():
            running.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, end)
    try:
        await running
    except asyncio.CancelledError:
        if not stop.is_set():
            raise


def main() -> None:
    """Read the settings and serve; one line and exit code 1 where that is impossible."""
    try:
        settings = load(GatewaySettings)
    except SettingsError as error:
        sys.exit(str(error))
    logs.configure(settings, {"service": "gateway"})
    log = structlog.get_logger()
    try:
        uvloop.run(serve(settings))
    except OSError as error:
        log.critical("cannot_start", error=str(error))
        sys.exit(1)


if __name__ == "__main__":
    main()
