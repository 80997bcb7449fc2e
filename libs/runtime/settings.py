"""Settings: one frozen Struct for each service, read from the environment by its ``__main__`` only."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

PREFIX = "IMPRINT_"


class SettingsError(Exception):
    """A setting is missing or unusable; the message names the variable and never its value."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What every service needs. A field ``nats_url`` is read from ``IMPRINT_NATS_URL``; times are in seconds."""

    data: str
    """The service's own folder: database, lease, keys."""
    nats_url: str = "nats://127.0.0.1:4222"
    nats_user: str = ""
    nats_password_file: str = ""
    """A file with the password, so that it is in no process list and no environment."""
    log_format: str = "console"
    log_level: str = "info"
    health_port: int = 0
    """Port for ``/health/live`` and ``/health/ready`` on ``health_host``; 0 opens none."""
    health_host: str = "127.0.0.1"

    @property
    def folder(self) -> Path:
        return Path(self.data)


class DoorSettings(Settings, frozen=True, kw_only=True):
    """What whoever goes through pods' doors needs besides: a certificate. Without one the doors are plain HTTP."""

    certificate_file: str = ""
    """Our certificate (PEM), which names us to the other side of a door; it and the next two go together."""
    private_key_file: str = ""
    """The certificate's key (PEM)."""
    authority_file: str = ""
    """The certificate (PEM) of the authority whose word about the other side counts."""

    def __post_init__(self) -> None:
        if 0 < sum(map(bool, self._identity)) < len(self._identity):
            raise ValueError("certificate_file, private_key_file and authority_file go together: all or none")

    @property
    def _identity(self) -> tuple[str, str, str]:
        return self.certificate_file, self.private_key_file, self.authority_file

    @property
    def identity_files(self) -> tuple[Path, Path, Path] | None:
        """Certificate, key and authority; None where the doors are plain HTTP."""
        certificate, key, authority = self._identity
        return (Path(certificate), Path(key), Path(authority)) if certificate else None


S = TypeVar("S", bound=Settings)


def load(kind: type[S], environment: Mapping[str, str] | None = None) -> S:
    """The settings of type ``kind`` from the environment.

    Raises:
        SettingsError: a variable is missing or has an unusable value.
    """
    environment = os.environ if environment is None else environment
    names = {field.name: f"{PREFIX}{field.name.upper()}" for field in msgspec.structs.fields(kind)}
    given = {name: environment[variable] for name, variable in names.items() if variable in environment}
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        if type(error.__cause__) is ValueError:  # said by a Struct of ours about several of its fields
            raise SettingsError(str(error.__cause__)) from None
        field = str(error).rpartition("$.")[2].rstrip("`")
        missing = next((name for name in names if f"`{name}`" in str(error)), field)
        raise SettingsError(f"{names.get(missing, missing)} is missing or has an unusable value") from None
