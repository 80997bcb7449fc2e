"""What people see: leave to go through pods' doors."""

from datetime import datetime

import msgspec

from contracts.views.base import View


class UploadGrantView(View, frozen=True, kw_only=True, tag="upload_grant"):
    """Leave to send a file to a pod: where its door is and the ticket that opens it."""

    upload: str
    pod: str
    address: str
    ticket: str
    expires: datetime


class HolderView(msgspec.Struct, frozen=True, kw_only=True):
    """A pod that serves a version, and where its door is."""

    pod: str
    address: str


class ExportGrantView(View, frozen=True, kw_only=True, tag="export_grant"):
    """Leave to read a version's disks: from whom, the nearest first, and the ticket that opens their doors."""

    holders: tuple[HolderView, ...]
    ticket: str
    expires: datetime
