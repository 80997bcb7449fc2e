"""Revisions: by them listeners tell what is newer of two words about the same thing."""


def next_revision(revision: int, floor: int = 0) -> int:
    """The revision after ``revision``, and above ``floor``: what was said from a database of which this one is an older
    copy (`Work.floor`). Also for a thing that is new here: to listeners it may not be."""
    return max(revision, floor) + 1
