"""Points at which a process may be told to die, so that tests can kill it exactly there.

Nothing happens unless ``IMPRINT_CRASH_AT`` names the point: these two variables are no settings of a service, and no
deployment sets them.
"""

import os


def crash_at(label: str) -> None:
    """Die as by ``kill -9`` when ``IMPRINT_CRASH_AT`` is ``label``.

    ``IMPRINT_CRASH_ONCE`` names a marker file: made at the crash, and while it is there the process lives on, so that
    the next start gets past the point.
    """
    if os.environ.get("IMPRINT_CRASH_AT") != label:
        return
    marker = os.environ.get("IMPRINT_CRASH_ONCE")
    if marker:
        try:
            os.close(os.open(marker, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:
            return
    os._exit(137)
