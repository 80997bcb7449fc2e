"""What the exit code of `imprint` means, and the exceptions that lead to it."""

import json
from dataclasses import dataclass, field
from enum import IntEnum
from typing import IO, Any

import click

from imprint.plain import plain


class Exit(IntEnum):
    """Exit codes; they are part of the command's interface and keep their meaning."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    REFUSED = 3
    PARTIAL = 4
    UNREACHABLE = 5
    DIFFERS = 6


MEANINGS: dict[Exit, str] = {
    Exit.DONE: "done",
    Exit.FAILED: "failed: the job ended in FAILURE or was cancelled, or Imprint itself failed",
    Exit.USAGE: "the command line is wrong",
    Exit.REFUSED: "refused: the request was answered with a problem and changed nothing",
    Exit.PARTIAL: "partial: some is done and some is not, as when some pods have the version and some do not",
    Exit.UNREACHABLE: "unreachable: no answer, or none in time",
    Exit.DIFFERS: "differs: what `apply --dry-run` was given is not what there is",
}

JOB_EXITS: dict[str, Exit] = {
    "SUCCESS": Exit.DONE,
    "PARTIAL": Exit.PARTIAL,
    "FAILURE": Exit.FAILED,
    "CANCELLED": Exit.FAILED,
}
"""Final state of a job -> exit code; a job in any other state is still under way."""

AWAY = frozenset({502, 503, 504})
"""HTTP statuses that say that nobody could answer; asking again later may help."""


@dataclass(frozen=True, kw_only=True)
class HttpProblem:
    """An ``application/problem+json`` body (RFC 9457) with the members that Imprint adds."""

    status: int
    title: str
    code: str = "internal"
    detail: str = ""
    hint: str = ""
    data: dict[str, Any] = field(default_factory=dict)


class ImprintError(Exception):
    """The server answered with a problem."""

    def __init__(self, problem: HttpProblem) -> None:
        super().__init__(f"{problem.title}: {problem.detail} ({problem.code})")
        self.problem = problem

    @property
    def exit_code(self) -> Exit:
        if self.problem.status in AWAY:
            return Exit.UNREACHABLE
        return Exit.REFUSED if self.problem.status < 500 else Exit.FAILED


class UnreachableError(Exception):
    """Nobody answers at the server's address, or not in time. ``hint`` says what to do next."""

    def __init__(self, detail: str, hint: str = "") -> None:
        super().__init__(detail)
        self.hint = hint


class UnfinishedError(UnreachableError):
    """What was waited for is not over in time; it goes on."""


class CommandFailure(click.ClickException):
    """Ends a command with an exit code; what is known goes to stderr, a line each.

    ``printed``: the result is on stdout already, as the job that failed is with ``--wait``.
    """

    def __init__(
        self, exit_code: Exit, title: str, *, detail: str = "", hint: str = "", code: str = "", printed: bool = False
    ) -> None:
        super().__init__(title)
        self.exit_code = int(exit_code)  # type: ignore[misc] # click declares it on the class
        self.title, self.detail, self.hint, self.code = title, detail, hint, code
        context = click.get_current_context(silent=True)  # gone by the time of `show`
        self._as_json = not printed and context is not None and getattr(context.obj, "output", "") == "json"

    def show(self, file: IO[Any] | None = None) -> None:
        """Title, detail, hint and code, as far as there are any; with ``--output json`` also as JSON on stdout."""
        if self._as_json:
            said = {"title": self.title, "detail": self.detail, "hint": self.hint, "code": self.code}
            click.echo(json.dumps({"problem": {name: text for name, text in said.items() if text}}))
        lines = [f"{self.title} ({self.code})" if self.code else self.title, self.detail]
        if self.hint:
            lines.append(f"hint: {self.hint}")
        for line in filter(None, lines):
            click.echo(plain(line), file=file, err=file is None)

    @classmethod
    def of(cls, error: ImprintError | UnreachableError) -> "CommandFailure":
        """The failure that an error of the client leads to."""
        if isinstance(error, UnfinishedError):
            return cls(Exit.UNREACHABLE, "It is not over yet", detail=str(error), hint=error.hint)
        if isinstance(error, UnreachableError):
            return cls(Exit.UNREACHABLE, "Imprint cannot be reached", detail=str(error), hint=error.hint)
        problem = error.problem
        return cls(error.exit_code, problem.title, detail=problem.detail, hint=problem.hint, code=problem.code)
