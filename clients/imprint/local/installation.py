"""Everything on one machine: starts nats-server, the services and the pods in order, and stops them in reverse."""

import asyncio
import fcntl
import shutil
import ssl
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from contracts import permissions
from imprint import trust
from imprint.client import Client
from imprint.exits import ImprintError, UnreachableError
from imprint.local import broker, keys, ports
from imprint.local.authority import AuthorityError
from imprint.local.child import Child
from imprint.local.https import TRUST as API_TRUST
from imprint.local.ports import HOST
from imprint.local.processes import Processes
from runtime import topology
from runtime.connection import connect
from runtime.settings import Settings
from runtime.signing import KeyFileError

TRUST = "ca.crt"
"""The file in the data folder with the authority that vouches for the API's certificate: for other clients."""
PORT = 8080
"""The gateway's port when none is asked for and it is free."""
READY = 60.0
"""Seconds for everything to become ready."""
LOOK = 0.1
"""Seconds between two looks whether it is."""
DEATHS = 3
"""Deaths of one child while starting after which the start is given up."""
REMOVED = "REMOVED"
ADMITTED = frozenset({"CONNECTED", "DRAINING", REMOVED})
"""States of a pod that need not be waited for: it is there, or it is not to be."""
POD_FOLDERS = ("vms", "incoming", "datastores/default")


class InstallationError(Exception):
    """The installation cannot start; ``hint`` says what to do."""

    def __init__(self, text: str, hint: str = "") -> None:
        super().__init__(text)
        self.hint = hint


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class Installation:
    """All of Imprint in one data folder, running while the ``async with`` block runs.

    ``pods`` connectors are started as pod-1, pod-2, …; ``port`` None takes 8080, or any free port where that is
    taken. ``intake`` names other systems that may speak on ``intake.<name>.>``; ``hook_networks`` are networks
    that are not public and may be posted to by webhooks. ``https`` is a certificate (PEM) and its key by which clients
    know the API; without it one is made. ``notice`` is told what a person should know, such as the restart of a
    process.
    """

    def __init__(
        self,
        data: Path,
        *,
        pods: int = 3,
        port: int | None = None,
        intake: Sequence[str] = (),
        hook_networks: Sequence[str] = (),
        https: tuple[Path, Path] | None = None,
        notice: Callable[[str], None] = _say,
    ) -> None:
        self.data = data.absolute()
        self.pods = tuple(f"pod-{number}" for number in range(1, pods + 1))
        self.clients = permissions.clients(self.pods, intake)
        """Who may log in to its NATS server."""
        self.children: dict[str, Child] = {}
        """The running processes by name: nats, catalog, …, pod-1, …, gateway."""
        self._given = https is not None
        self._processes = Processes(self.data, tuple(hook_networks), https, notice)
        self._asked = port
        self._port = port or 0
        self._nats_port = 0
        self._door = self.data / "gateway" / "address"
        self._notice = notice
        self._stack = AsyncExitStack()

    # --- what others ask of it ----------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """The address of the HTTP API."""
        return f"https://{HOST}:{self._port}"

    @property
    def token(self) -> str:
        """The token of the local admin."""
        return trust.token(self.data / trust.TOKEN)

    @property
    def verify(self) -> ssl.SSLContext:
        """Believes in the certificate that the running gateway shows."""
        return trust.pinned(self.data / trust.CERTIFICATE)

    @property
    def authority(self) -> Path | None:
        """The certificate of the authority that vouches for the API's; None where that was given."""
        return None if self._given else self.data / TRUST

    def client(self, timeout: float = 30.0) -> Client:
        """A client of the running gateway, as the local admin."""
        return Client(self.url, token=self.token, verify=self.verify, timeout=timeout)

    def _where(self) -> str:
        return f"The logs are in {self.data / 'logs'}."

    @property
    def settings(self) -> Settings:
        """Settings with which whoever looks after it connects to its NATS server (``admin``)."""
        return self.settings_of(permissions.ADMIN)

    def settings_of(self, client: str) -> Settings:
        """Settings with which one of `clients` connects to its NATS server, and may do what that one may."""
        return keys.nats_settings(self.data, client)

    def pod_root(self, pod: str) -> Path:
        """The folder in which a pod keeps its VMs, its incoming files and its datastores."""
        return self._processes.pod_root(pod)

    # --- start and stop -----------------------------------------------------------------------------------------------

    async def __aenter__(self) -> "Installation":
        async with AsyncExitStack() as stack:
            await self._start(stack)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def _start(self, stack: AsyncExitStack) -> None:
        self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        stack.enter_context(_only_one(self.data))
        self._port = _gateway_port(self._asked)
        self._nats_port = ports.remembered(self.data / "nats" / "port")
        try:
            keys.make(self.data / "keys", self.clients)
        except (KeyFileError, AuthorityError) as error:
            raise InstallationError(str(error), "Put the right file back, or remove it to have another made.") from None
        if self.authority is None:
            (self.data / TRUST).unlink(missing_ok=True)
        else:
            shutil.copyfile(self.data / "keys" / permissions.GATEWAY / API_TRUST, self.authority)
        for pod in self.pods:
            for folder in POD_FOLDERS:
                (self.pod_root(pod) / folder).mkdir(parents=True, exist_ok=True)

        await stack.enter_async_context(self._running(self._processes.nats(self._nats_port)))
        await self._watching(broker.answers(HOST, self._nats_port))
        await self._watching(self._make_streams())
        *groups, (gateway,) = self.services()
        for group in groups:
            await stack.enter_async_context(self._running(*group))
        await self._open_door(stack, gateway)
        address = self.data / "address"
        address.write_text(self.url + "\n")
        stack.callback(address.unlink, missing_ok=True)

    @asynccontextmanager
    async def _running(self, *children: Child) -> AsyncIterator[None]:
        """Start a group of processes at once, and stop it at once when the block ends."""
        try:
            for child in children:
                self.children[child.name] = child
                await child.start()
            yield
        finally:
            await asyncio.gather(*(child.stop() for child in children))

    async def _make_streams(self) -> None:
        try:
            async with asyncio.timeout(READY), connect(self.settings, "installation") as client:
                await topology.apply(client)
        except TimeoutError:
            raise InstallationError("nats-server did not let us in", self._where()) from None

    async def _open_door(self, stack: AsyncExitStack, gateway: Child) -> None:
        """Start the gateway; where another program was faster at a port that nobody asked for, on another port."""
        try:
            await self._try_door(stack, gateway)
        except InstallationError:
            if self._asked is not None or ports.is_free(self._port):
                raise
            self._port = ports.any_free()
            *_, (gateway,) = self.services()
            await self._try_door(stack, gateway)

    async def _try_door(self, stack: AsyncExitStack, gateway: Child) -> None:
        for file in (self._door, self.data / trust.CERTIFICATE):
            file.unlink(missing_ok=True)
        async with AsyncExitStack() as opening:
            await opening.enter_async_context(self._running(gateway))
            await self._watching(self._until_ready())
            stack.push_async_exit(opening.pop_all())

    async def _watching(self, step: Coroutine[Any, Any, None]) -> None:
        """Await ``step``, but give up early when a child keeps dying: its log says why.

        Raises:
            InstallationError: the step failed, or a child does not stay up.
        """
        task = asyncio.create_task(step)
        try:
            while not (await asyncio.wait({task}, timeout=0.25))[0]:
                for child in self.children.values():
                    if child.deaths >= DEATHS:
                        text = f"{child.name} does not stay up. Its log ends:\n{child.tail()}"
                        raise InstallationError(text, self._where())
            await task
        except broker.BrokerError as error:
            raise InstallationError(str(error), self._where()) from None
        finally:
            task.cancel()

    async def _until_ready(self) -> None:
        """Return when the gateway says ready and every pod reports that may.

        Nobody is asked before our own gateway has written its address down: on its port may be another's.
        """
        wanted, removed, unready = set(self.pods), set[str](), "the gateway does not listen"
        try:
            async with asyncio.timeout(READY):
                while True:
                    await asyncio.sleep(LOOK)
                    if self._door_is_ours():
                        break
                async with self.client(timeout=5.0) as client:
                    while wanted or unready:
                        await asyncio.sleep(LOOK)
                        unready = await client.unready()
                        with suppress(ImprintError, UnreachableError):  # a service that is still starting: look again
                            found = {pod.name: pod.state for pod in await client.pods()}
                            wanted = {pod for pod in wanted if found.get(pod) not in ADMITTED}
                            removed = {pod for pod in self.pods if found.get(pod) == REMOVED}
        except TimeoutError:
            why = unready or f"no word from {', '.join(sorted(wanted))}"
            raise InstallationError(f"not ready after {READY:g} s: {why}", self._where()) from None
        for pod in sorted(removed):
            self._notice(f"{pod} was removed and is left alone; to have it back: imprint pod enroll {pod}")

    def _door_is_ours(self) -> bool:
        try:
            return self._door.read_text().strip() == self.url
        except FileNotFoundError:
            return False

    def services(self) -> list[list[Child]]:
        """The services in the order of their start; each group is stopped after the ones that come later."""
        return self._processes.services(self.pods, self._port)


@contextmanager
def _only_one(data: Path) -> Iterator[None]:
    """Hold the data folder's lock: two installations on one folder would fight over everything in it."""
    with (data / "lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InstallationError(
                f"an installation runs on {data} already", "Stop it first, or use another folder: --data DIR."
            ) from None
        yield


def _gateway_port(asked: int | None) -> int:
    """The port asked for, which must be free; without one 8080, or any that is free."""
    if asked is None:
        return PORT if ports.is_free(PORT) else ports.any_free()
    if not ports.is_free(asked):
        raise InstallationError(f"port {asked} is taken", "Leave --port out to take a free one.")
    return asked
