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
        field = str(error).rpartition("$.")[2].rstrip("`")
        missing = next((name for name in names if f"`{name}`" in str(error)), field)
        raise SettingsError(f"{names.get(missing, missing)} is missing or has an unusable value") from None
