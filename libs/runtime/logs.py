"""structlog, as JSON lines or for a console; what a message is about is bound while it is handled."""

import logging
import sys
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TextIO

import structlog

from runtime.settings import Settings

if TYPE_CHECKING:
    from runtime.work import Message


handling: ContextVar["Message[Any] | None"] = ContextVar("handling", default=None)
"""The message whose handler runs: its id and saga stand in every line that the handler logs."""


def _bind_message(_: Any, __: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
    message = handling.get()
    if message is not None:
        line.setdefault("message", message.id)
        if message.saga:
            line.setdefault("saga", message.saga)
    return line


def configure(settings: Settings, bound: dict[str, str], stream: TextIO | None = None) -> None:
    """Set up logging of the process; ``bound`` (service, pod) stands in every line."""
    level = logging.getLevelNamesMapping().get(settings.log_level.upper(), logging.INFO)
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        _bind_message,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    if settings.log_format == "json":
        last: list[structlog.typing.Processor] = [
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ]
    else:
        # Plain: tracebacks with local variables would print secrets.
        last = [structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)]
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(stream or sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(**bound)
    # nats-py prints a traceback for each reconnect attempt (P15); our error callback says it in one line.
    logging.getLogger("nats").setLevel(logging.CRITICAL)
