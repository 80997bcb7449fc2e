"""How things go wrong on a pod, and the one place where an exception becomes a `Failure` with a stable code."""

import errno
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from contracts.errors import FAILURES, Failure


class Refused(Exception):  # noqa: N818 - a refusal is an outcome, not a fault of the program
    """The step cannot be done, for a reason the user is told."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"{failure.code}: {failure.text}")
        self.failure = failure


class Cancel(threading.Event):
    """Tells work in threads to stop: it asks, and what blocks is broken off by a callback."""

    def __init__(self) -> None:
        super().__init__()
        self._callbacks: list[Callable[[], None]] = []
        self._guard = threading.Lock()

    def set(self) -> None:
        """Stop. Callbacks run in the calling thread."""
        super().set()
        with self._guard:
            callbacks = list(self._callbacks)
        for callback in callbacks:
            callback()

    def check(self) -> None:
        """Raises Cancelled when it was set."""
        if self.is_set():
            raise Cancelled

    def pause(self, seconds: float) -> None:
        """Wait. Raises Cancelled when it is set meanwhile."""
        if seconds and self.wait(seconds):
            raise Cancelled

    @contextmanager
    def calling(self, callback: Callable[[], None]) -> Iterator[None]:
        """Call ``callback`` when it is set within the block, at once when it is set already."""
        with self._guard:
            self._callbacks.append(callback)
        if self.is_set():
            callback()
        try:
            yield
        finally:
            with self._guard:
                self._callbacks.remove(callback)


class Cancelled(Exception):  # noqa: N818
    """The work was told to stop; what it left on disk is dealt with by whoever told it."""


def refused(code: str, step: str, text: str = "", *, hint: str = "", retry: bool = False) -> Refused:
    """A refusal with a code of `contracts.errors.FAILURES`; text and hint are the code's own where none is given."""
    text, hint = text or FAILURES[code], hint or HINTS.get(code, HINTS["internal"])
    return Refused(Failure(code=code, step=step, text=text, hint=hint, retry=retry))


HINTS = {
    "vm_not_found": "List the pod's VMs and check the name.",
    "vm_locked": "Wait until the other operation on it ends.",
    "vm_running": "Shut the VM down, then import again.",
    "vm_invalid": "Correct the VM's vm.json.",
    "disk_not_found": "List the pod's volumes and check the name.",
    "snapshot_not_found": "List the pod's snapshots and check the name.",
    "snapshot_exists": "Give the snapshot another name, or remove the one that is there.",
    "template_not_found": "List the pod's templates and check the name.",
    "upload_not_found": "Finish the upload, then import it by its file's name.",
    "version_missing": "Name a pod that holds the version, or publish it to this one first.",
    "os_mismatch": "Import it into an image that is like it, or correct the source's descriptor.",
    "feature_missing": "Give the source that feature, or import it into an image that does not ask for it.",
    "file_type_mismatch": "Convert it to the format that the image takes first, then import.",
    "file_not_found": "Check the name, and that the file is in the pod's incoming folder.",
    "file_unreadable": "Put a regular file there that the connector's user may read.",
    "file_empty": "Copy the file again from where it came from.",
    "file_truncated": "Copy the file again from where it came from.",
    "file_changed": "Stop what writes to it (shut the VM down) and import again.",
    "format_unknown": "Convert it to raw, qcow2 or vhd first, then import.",
    "format_mismatch": "Declare what the file really is, or convert it first.",
    "format_unsafe": "Make a plain image of it with `qemu-img convert` where it came from, then import that.",
    "backing_file": "Make it independent with `qemu-img convert` where its backing file is, then import that.",
    "external_data_file": "Make one file of it with `qemu-img convert`, then import that.",
    "decompression_failed": "Compress it again with gzip, xz or zstd (a window of 128 MiB at most), then import.",
    "virtual_size": "Shrink the disk, or raise the connector's limit.",
    "datastore_not_found": "List the pod's datastores and check the name.",
    "no_space": "Free space on the datastore or choose another one, then try again.",
    "quota_exceeded": "Raise the quota or free space within it, then try again.",
    "io_error": "Check the health of the pod's disk; the kernel log names the device.",
    "digest_mismatch": "Check the disks and the network of the pods named.",
    "signature_invalid": "Publish again; if it stays, somebody else speaks for the hub, or the pod has its old key.",
    "capability_missing": "Publish to pods that can, or change the pod's hosts and what its connector says of them.",
    "finalise_failed": "Check the pod's library, then publish again.",
    "internal": "The connector's log has the details.",
}
"""What to do next about a code, where the place that refuses knows nothing better."""


def failure_of(error: BaseException, step: str) -> Failure:
    """What to tell about ``error``.

    Anything that is neither a refusal nor an error of the operating system is ``internal``: a defect, which the caller
    logs with its traceback.
    """
    if isinstance(error, Refused):
        return error.failure
    if not isinstance(error, OSError):
        text = f"{type(error).__name__} in {step}"
        return Failure(code="internal", step=step, text=text, hint=HINTS["internal"], retry=True)
    reason = error.strerror or type(error).__name__
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT | errno.EFBIG:
            code = "quota_exceeded" if error.errno == errno.EDQUOT else "no_space"
            return Failure(code=code, step=step, text=f"{reason} in {step}", hint=HINTS[code], retry=True)
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
    return Failure(code="io_error", step=step, text=f"{reason} in {step}", hint=HINTS["io_error"], retry=True)
