"""What the gateway needs to know from outside; read by ``__main__`` only."""

import msgspec

from contracts.requests import Role
from gateway.keyset import acceptable
from runtime.settings import DoorSettings

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


class GatewaySettings(DoorSettings, frozen=True, kw_only=True):
    """Settings of the HTTP door. ``IMPRINT_PORT`` 0 takes any free port; the address is in ``<data>/address``."""

    host: str = "127.0.0.1"
    port: int = 8080
    allowed_hosts: str = ""
    """More names by which clients may call the door (``Host``), separated by commas; loopback names always may."""
    hub_services: str = "catalog,replicator,sharing,notifier"
    """The services without which the door is not ready, separated by commas."""
    https_certificate_file: str = ""
    """The certificate (PEM, with what is between it and its root) by which clients know the door; with its key."""
    https_key_file: str = ""
    """That certificate's key (PEM)."""
    plain_http: bool = False
    """HTTP instead of HTTPS, on a loopback address only: behind a proxy on this machine that ends TLS."""
    forwarded_for: bool = False
    """Whether the last address in X-Forwarded-For is where a request came from: a proxy in front adds it."""
    oidc_issuer: str = ""
    """The issuer (URL) whose tokens are taken besides local ones; empty: none."""
    oidc_audience: str = ""
    """For whom the issuer's tokens must be made."""
    oidc_keys_url: str = ""
    """Where the issuer's keys are (JWKS); empty: its description says (``/.well-known/openid-configuration``)."""
    oidc_tenant_claim: str = "tenant"
    """The claim that names the tenant; ``a.b`` is a member of an object, here and below."""
    oidc_tenant: str = ""
    """The tenant of all of the issuer's users, instead of a claim."""
    oidc_name_claim: str = "sub"
    oidc_roles_claim: str = "roles"
    oidc_groups_claim: str = "groups"
    oidc_service_claim: str = ""
    """A claim that only service accounts have; empty: none is one."""
    oidc_roles: str = ""
    """The issuer's names of roles, as ``imprint-admins=operator,staff=reader``. Its ``reader``, ``publisher``,
    ``sharer`` and ``owner`` are ours without being named; operators and auditors must be."""
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

    def __post_init__(self) -> None:
        super().__post_init__()
        if bool(self.https_certificate_file) != bool(self.https_key_file):
            raise ValueError("https_certificate_file and https_key_file go together: both or none")
        if self.plain_http == bool(self.https_certificate_file):
            raise ValueError(
                "either https_certificate_file and https_key_file, or plain_http behind a proxy of this machine"
            )
        if self.plain_http and self.host not in ("127.0.0.1", "::1", "localhost"):
            raise ValueError("plain_http is for a loopback host alone: tokens would go over the network in the clear")
        if self.oidc_issuer and not (self.oidc_audience and acceptable(self.oidc_keys_url or self.oidc_issuer)):
            raise ValueError("oidc_issuer needs oidc_audience, and an https address that its keys come from")
        try:
            _ = self.renamed_roles
        except msgspec.ValidationError:
            raise ValueError("oidc_roles says theirs=ours, separated by commas, where ours is a role") from None

    @property
    def hosts(self) -> frozenset[str]:
        """The names that a ``Host`` header may have, without the port, in lower case."""
        named = [name.strip().lower() for name in self.allowed_hosts.split(",")]
        own = [] if self.host in ("0.0.0.0", "::") else [f"[{self.host}]" if ":" in self.host else self.host.lower()]  # noqa: S104 - compared, not bound
        return frozenset(name for name in (*LOOPBACK, *named, *own) if name)

    @property
    def renamed_roles(self) -> dict[str, Role]:
        """The issuer's name of a role -> ours."""
        pairs = [pair.strip().partition("=") for pair in self.oidc_roles.split(",") if pair.strip()]
        return msgspec.convert({theirs.strip(): ours.strip() for theirs, _, ours in pairs}, dict[str, Role])

    @property
    def services(self) -> tuple[str, ...]:
        return tuple(name.strip() for name in self.hub_services.split(",") if name.strip())
