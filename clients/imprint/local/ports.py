"""Which ports of this machine are free. Between asking and using another program may take one; then a start fails."""

import socket
from pathlib import Path

HOST = "127.0.0.1"


def is_free(port: int) -> bool:
    """Whether nobody listens on ``port`` of the loopback interface."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def any_free() -> int:
    """A port that the kernel gives out as free."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def remembered(file: Path) -> int:
    """The port of an earlier start, as long as it is free; another one otherwise, remembered in ``file``."""
    try:
        port = int(file.read_text())
    except (FileNotFoundError, ValueError):
        port = 0
    if not (1024 <= port <= 65535 and is_free(port)):
        port = any_free()
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file.write_text(f"{port}\n")
    return port
