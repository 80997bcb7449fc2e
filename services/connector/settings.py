"""The settings of a connector."""

from typing import Annotated

import msgspec

from connector.formats.gate import MAX_VIRTUAL_SIZE
from contracts.names import PodName
from runtime.settings import Settings


class ConnectorSettings(Settings, frozen=True, kw_only=True):
    """One connector serves one pod. ``root`` is the pod's own folder; ``data`` is the connector's."""

    pod: PodName
    root: str
    """The pod as the directory backend knows it: ``vms/``, ``incoming/`` and ``datastores/`` are in it."""
    ticket_key_file: str
    """The hub's public key (PEM): whoever shows a ticket signed with its other half is served."""
    data_host: str = "127.0.0.1"
    data_port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0
    """Where other pods fetch chunks; 0 takes any free port."""
    advertise: str = ""
    """The address told to others; by default ``http://<data_host>:<data_port>``, the host's name for a wildcard."""
    report_interval: Annotated[float, msgspec.Meta(gt=0)] = 20.0
    """Seconds between two reports; the hub takes a pod for offline after some of them."""
    copies: Annotated[int, msgspec.Meta(ge=1, le=64)] = 2
    """Copies made at a time."""
    imports: Annotated[int, msgspec.Meta(ge=1, le=64)] = 1
    """Sources prepared at a time."""
    threads: Annotated[int, msgspec.Meta(ge=1, le=16)] = 3
    """Threads that fetch one disk; each has a buffer of 4 MiB."""
    max_virtual_size: Annotated[int, msgspec.Meta(gt=0)] = MAX_VIRTUAL_SIZE
    """Bytes of the largest disk, as a guest sees it, that is imported."""
    labels: str = ""
    """What a selector may ask for: ``site=berlin,tier=edge``."""

    @property
    def label_map(self) -> dict[str, str]:
        pairs = (pair.partition("=") for pair in self.labels.split(",") if "=" in pair)
        return {name.strip(): value.strip() for name, _, value in pairs}
