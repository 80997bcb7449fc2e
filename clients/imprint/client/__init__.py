"""The Python client of the HTTP API: typed methods that return `contracts.views`, or raise `ImprintError`."""

from imprint.client.assignments import Assignments
from imprint.client.certificates import Certificates
from imprint.client.connection import TRIES, problem_of
from imprint.client.directory import Directory
from imprint.client.events import Events
from imprint.client.galleries import Galleries
from imprint.client.images import Images
from imprint.client.jobs import Jobs
from imprint.client.lives import Lives
from imprint.client.markers import Markers
from imprint.client.paths import image_path
from imprint.client.placements import Placements, Published
from imprint.client.pods import Pods
from imprint.client.policies import Policies
from imprint.client.sharing import Sharing
from imprint.client.webhooks import Webhooks


class Client(
    Galleries,
    Certificates,
    Images,
    Lives,
    Markers,
    Assignments,
    Placements,
    Pods,
    Policies,
    Webhooks,
    Sharing,
    Directory,
    Jobs,
    Events,
):
    """A connection to one server; an async context manager.

    Raises in every method:
        ImprintError: the server refused or failed; `ImprintError.problem` says why.
        UnreachableError: no answer.
    """


__all__ = ["TRIES", "Client", "Published", "image_path", "problem_of"]
