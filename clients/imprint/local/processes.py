"""The processes of an installation: what each is started with. All that a process needs is in its environment."""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from contracts import permissions
from imprint.local import broker, https, keys
from imprint.local.authority import CERTIFICATE, DOOR_CERTIFICATE, DOOR_KEY
from imprint.local.child import Child
from imprint.local.ports import HOST
from imprint.local.secret_files import write_secret
from runtime.settings import PREFIX

HUB = ("catalog", "replicator", "sharing", "notifier")


@dataclass(frozen=True)
class Processes:
    """Makes the processes of the installation in ``data``; none is started here.

    ``api`` is the certificate of the HTTP API and its key, None: what `imprint.local.https` made.
    """

    data: Path
    hook_networks: tuple[str, ...]
    api: tuple[Path, Path] | None
    notice: Callable[[str], None]

    def nats(self, port: int) -> Child:
        """nats-server, with its configuration written."""
        folder = self.data / "nats"
        file = folder / "nats.conf"
        accounts = f"../keys/{keys.ACCOUNTS}"
        write_secret(file, broker.configuration(host=HOST, port=port, store=str(folder), accounts=accounts))
        return self._child("nats", [str(broker.binary()), "--config", str(file)])

    def services(self, pods: Sequence[str], port: int) -> list[list[Child]]:
        """The services in the order of their start: those of the hub, the connectors, the gateway on ``port``."""
        own = {
            "replicator": {"ticket_key": self._key("replicator", keys.TICKET)},
            "catalog": {"manifest_key": self._key("catalog", keys.MANIFEST)},
            "sharing": {"bootstrap_token_file": self._key("sharing", keys.TOKEN_DIGEST)},
            "notifier": {"hook_networks": ",".join(self.hook_networks)},
        }
        hub = [self._service(name, name, data=str(self.data / name), **own.get(name, {})) for name in HUB]
        return [hub, [self._connector(pod) for pod in pods], [self._gateway(port)]]

    def pod_root(self, pod: str) -> Path:
        """The folder in which a pod keeps its VMs, its incoming files and its datastores."""
        return self.data / "pods" / pod

    def _connector(self, pod: str) -> Child:
        client = permissions.connector(pod)
        return self._service(
            "connector",
            pod,
            data=str(self.data / pod),
            pod=pod,
            root=str(self.pod_root(pod)),
            data_port="0",
            client=client,
            ticket_key_file=self._key(client, f"{keys.TICKET}.pub"),
            manifest_key_file=self._key(client, f"{keys.MANIFEST}.pub"),
            enrolment_file=self._key(client, keys.ENROLMENT),
            **self._identity(client),
        )

    def _gateway(self, port: int) -> Child:
        made = self._key(permissions.GATEWAY, https.CERTIFICATE), self._key(permissions.GATEWAY, https.KEY)
        certificate, key = self.api or made
        return self._service(
            "gateway",
            "gateway",
            data=str(self.data / "gateway"),
            port=str(port),
            https_certificate_file=str(certificate),
            https_key_file=str(key),
            **self._identity(permissions.GATEWAY),
        )

    def _identity(self, client: str) -> dict[str, str]:
        """Who a client is at the doors between pods."""
        return {
            "certificate_file": self._key(client, DOOR_CERTIFICATE),
            "private_key_file": self._key(client, DOOR_KEY),
            "authority_file": self._key(client, CERTIFICATE),
        }

    def _key(self, client: str, name: str) -> str:
        return str(self.data / "keys" / client / name)

    def _service(self, package: str, name: str, *, client: str = "", **settings: str) -> Child:
        """A process that connects to NATS as ``client``, which is its name unless said otherwise."""
        login = keys.nats_settings(self.data, client or name)
        common = {
            "nats_url": login.nats_url,
            "nats_user": login.nats_user,
            "nats_password_file": login.nats_password_file,
            "log_format": "json",
        }
        given = {f"{PREFIX}{key.upper()}": value for key, value in {**common, **settings}.items()}
        return self._child(name, [sys.executable, "-m", package], given)

    def _child(self, name: str, command: list[str], settings: dict[str, str] | None = None) -> Child:
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(PREFIX)}
        environment = {**inherited, "PYTHONUNBUFFERED": "1", **(settings or {})}
        return Child(name, command, environment, self.data / "logs" / f"{name}.log", self.notice)
