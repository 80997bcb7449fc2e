"""Failures that a pod tells: cut down to what may be kept and said again."""

from contracts.errors import FAILURES, Failure

TEXT = 1024


def heard(failure: Failure) -> Failure:
    """A pod's failure with a known code and bounded texts: its words end up in events, documents and consoles."""
    return Failure(
        code=failure.code if failure.code in FAILURES else "internal",
        step=failure.step[:80],
        text=failure.text[:TEXT],
        hint=failure.hint[:TEXT],
        retry=failure.retry,
    )
