"""What the gateway needs to know from outside; read by ``__main__`` only."""

from typing import Annotated, get_args

import msgspec

from contracts.requests import Role
from runtime.settings import DoorSettings

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_ROLE = f"({'|'.join(get_args(Role))})"
ROLES = rf"^({_ROLE}(,{_ROLE})*)?(?!\n)$"


class GatewaySettings(DoorSettings, frozen=True, kw_only=True):
    """Settings of the HTTP door. ``IMPRINT_PORT`` 0 takes any free port; the address is in ``<data>/address``."""

    host: str = "127.0.0.1"
    port: int = 8080
    allowed_hosts: str = ""
    """More names by which clients may call the door (``Host``), separated by commas; loopback names always may."""
    hub_services: str = "catalog,replicator,sharing,notifier"
    """The services without which the door is not ready, separated by commas."""
    actor_tenant: str = "default"
    actor_name: str = "admin"
    actor_roles: Annotated[str, msgspec.Meta(pattern=ROLES)] = "operator"
    """What the one actor may do, separated by commas; an operator is the provider, above all tenants."""
    max_connections: int = 512
    max_streams: int = 128
    """Clients of ``/v1/events`` at a time; fewer than connections, so that they cannot shut everyone else out."""
    max_transfers: int = 32
    """Uploads and exports at a time."""
    request_timeout: float = 10.0
    """Seconds that a service may take for a reply."""
    receive_timeout: float = 15.0
    """Seconds that a client may take for the head of a request, and again for its body."""
    stop_timeout: float = 5.0
    """Seconds that running requests get to end when the door closes."""

    @property
    def hosts(self) -> frozenset[str]:
        """The names that a ``Host`` header may have, without the port, in lower case."""
        named = [name.strip().lower() for name in self.allowed_hosts.split(",")]
        own = [] if self.host in ("0.0.0.0", "::") else [f"[{self.host}]" if ":" in self.host else self.host.lower()]  # noqa: S104 - compared, not bound
        return frozenset(name for name in (*LOOPBACK, *named, *own) if name)

    @property
    def roles(self) -> tuple[Role, ...]:
        return msgspec.convert([role for role in self.actor_roles.split(",") if role], tuple[Role, ...])

    @property
    def services(self) -> tuple[str, ...]:
        return tuple(name.strip() for name in self.hub_services.split(",") if name.strip())
