"""How things go wrong on a pod, and the one place where an exception becomes a `Failure` with a stable code."""

import errno

from contracts.errors import FAILURES, Failure


class Refused(Exception):  # noqa: N818 - a refusal is an outcome, not a fault of the program
    """The step cannot be done, for a reason the user is told."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"{failure.code}: {failure.text}")
        self.failure = failure


class Cancelled(Exception):  # noqa: N818
    """The work was told to stop; what it left on disk is dealt with by whoever told it."""


def refused(code: str, step: str, text: str = "", *, hint: str = "", retry: bool = False) -> Refused:
    """A refusal with a code of `contracts.errors.FAILURES`; without ``text`` it says the code's meaning."""
    return Refused(Failure(code=code, step=step, text=text or FAILURES[code], hint=hint, retry=retry))


_SPACE_HINT = "Free space on the datastore or choose another one, then try again."
_IO_HINT = "Check the health of the pod's disk; the kernel log names the device."


def failure_of(error: BaseException, step: str) -> Failure:
    """What to tell about ``error``.

    Anything that is neither a refusal nor an error of the operating system is ``internal``: a defect, which the caller
    logs with its traceback.
    """
    if isinstance(error, Refused):
        return error.failure
    if not isinstance(error, OSError):
        text = f"{type(error).__name__} in {step}"
        return Failure(code="internal", step=step, text=text, hint="The connector's log has the details.", retry=True)
    reason = error.strerror or type(error).__name__
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT | errno.EFBIG:
            return Failure(code="no_space", step=step, text=f"{reason} in {step}", hint=_SPACE_HINT, retry=True)
        case errno.EACCES | errno.EPERM | errno.ELOOP:
            return Failure(
                code="file_unreadable",
                step=step,
                text=f"{reason} in {step}",
                hint="Give the connector's user access to the pod's folder.",
                retry=False,
            )
        case errno.ENOENT | errno.ENOTDIR:
            return Failure(
                code="file_not_found",
                step=step,
                text=f"A file went away in {step}",
                hint="Check that nothing else moves files in the pod's folder.",
                retry=True,
            )
        case errno.EMFILE | errno.ENFILE | errno.ENOMEM | errno.EAGAIN | errno.EBUSY:
            return Failure(
                code="io_error",
                step=step,
                text=f"{reason} in {step}",
                hint="The pod is short of resources.",
                retry=True,
            )
    return Failure(code="io_error", step=step, text=f"{reason} in {step}", hint=_IO_HINT, retry=True)
