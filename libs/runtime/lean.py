"""Keeps out of a process what its libraries import only in case: 12 MiB and half a second of start-up for each service.

nats-py imports aiohttp for connections over websockets, structlog imports rich for colourful tracebacks, FastStream
imports uvicorn for its own runner; all three do without when they are not there. Measured with the resident size after
the imports (``python -m bench.control``, K4 and K5).
"""

import sys

OPTIONAL = frozenset({"aiohttp", "rich", "uvicorn"})


def leave_out(*names: str) -> None:
    """Make later imports of these optional packages fail as if they were not installed.

    Called first thing in a ``__main__``, before anything imports them.

    Raises:
        ValueError: a package is not one of the optional ones.
    """
    for name in names:
        if name not in OPTIONAL:
            raise ValueError(f"{name} is not known to be optional")
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # documented: None makes the import fail
