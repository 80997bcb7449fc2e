"""The settings of a connector."""

from typing import Annotated, Final, Literal

import msgspec

from connector.formats.gate import MAX_VIRTUAL_SIZE
from contracts.names import PodName
from runtime.settings import DoorSettings

MOST_TOKEN: Final = 4096
"""Bytes of the longest enrolment token."""


class ConnectorSettings(DoorSettings, frozen=True, kw_only=True):
    """One connector serves one pod. ``root`` is the pod's own folder; ``data`` is the connector's."""

    pod: PodName
    root: str
    """The pod as the directory backend knows it: ``vms/``, ``snapshots/``, ``templates/``, ``volumes/``, ``incoming/``
    and ``datastores/`` are in it."""
    ticket_key_file: str
    """The hub's public key (PEM): whoever shows a ticket signed with its other half is served."""
    manifest_key_file: str
    """The catalog's public key (PEM): only versions whose content it signed are copied."""
    data_host: str = "127.0.0.1"
    data_port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0
    """Where other pods fetch chunks; 0 takes any free port, and the same again at the next start."""
    advertise: str = ""
    """The address told to others; by default the scheme, ``data_host`` and ``data_port``, and the host's own name for a
    wildcard. The scheme is https with a certificate, http without."""
    report_interval: Annotated[float, msgspec.Meta(gt=0)] = 20.0
    """Seconds between two reports; the hub takes a pod for offline after some of them."""
    copies: Annotated[int, msgspec.Meta(ge=1, le=64)] = 2
    """Copies made at a time."""
    imports: Annotated[int, msgspec.Meta(ge=1, le=64)] = 1
    """Sources prepared at a time."""
    pools: Annotated[int, msgspec.Meta(ge=1, le=16)] = 2
    """Desktop pools worked on at a time."""
    pool_interval: Annotated[float, msgspec.Meta(gt=0)] = 5.0
    """Seconds between two looks at the seats of a pool: who uses them, and whether all are there."""
    heartbeat: Annotated[float, msgspec.Meta(gt=0)] = 60.0
    """Seconds between two words about an import under way; the hub asks again for one of which it hears nothing."""
    threads: Annotated[int, msgspec.Meta(ge=1, le=16)] = 3
    """Threads that fetch one disk; each has a buffer of 4 MiB."""
    wire: Literal["auto", "zstd", "plain"] = "auto"
    """How chunks are fetched: compressed where that is measured to be quicker, always, or never."""
    readback: bool = False
    """Read every copy back from the disk before it is finalised."""
    scrub_days: Annotated[float, msgspec.Meta(ge=0)] = 30.0
    """Days within which every copy at rest is hashed again; 0 never."""
    upload_days: Annotated[float, msgspec.Meta(gt=0)] = 2.0
    """Days after which an upload that nobody continued is removed."""
    max_virtual_size: Annotated[int, msgspec.Meta(gt=0)] = MAX_VIRTUAL_SIZE
    """Bytes of the largest disk, as a guest sees it, that is imported."""
    labels: str = ""
    """What a selector may ask for: ``site=berlin,tier=edge``."""
    disk_types: str = ""
    """What the disks of a datastore are, by its name: ``default=nvme,archive=hdd``."""
    capabilities: str = ""
    """What the hosts of the pod can do: ``trusted_launch,confidential,secureboot,gpu.nvidia``. A version that asks for
    more does not come here."""
    enrolment: str = ""
    """The token with which a pod that the hub does not know yet is let in; never logged."""
    enrolment_file: str = ""
    """The path of a file that has the token, where it shall not stand in the environment."""

    @property
    def label_map(self) -> dict[str, str]:
        return _pairs(self.labels)

    @property
    def disk_type_map(self) -> dict[str, str]:
        return _pairs(self.disk_types)

    @property
    def capability_names(self) -> tuple[str, ...]:
        return tuple(name for one in self.capabilities.split(",") if (name := one.strip()))

    def enrolment_token(self) -> str:
        """The enrolment token as it is now; empty when there is none. Raises OSError, ValueError: the file cannot be
        read, or holds something else."""
        if not self.enrolment_file:
            return self.enrolment.strip()
        with open(self.enrolment_file, "rb") as file:
            token = file.read(MOST_TOKEN + 1)
        if len(token) > MOST_TOKEN:
            raise ValueError("the file of the enrolment token is too long for one")
        return token.decode("ascii").strip()


def _pairs(text: str) -> dict[str, str]:
    pairs = (pair.partition("=") for pair in text.split(",") if "=" in pair)
    return {name.strip(): value.strip() for name, _, value in pairs}
