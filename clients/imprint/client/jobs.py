"""Jobs."""

from collections.abc import Mapping

from contracts.requests import Accepted, JobPage, TimelinePage
from contracts.views import JobView, TimelineView
from imprint.client.connection import Connection
from imprint.client.paths import segment


class Jobs(Connection):
    """What the client does with jobs."""

    async def jobs(
        self,
        state: str | None = None,
        kind: str | None = None,
        *,
        image: str | None = None,
        where: Mapping[str, str] = {},
        sort: str | None = None,
    ) -> list[JobView]:
        """All jobs for which every filter holds, newest first; ``where`` are filters on single fields."""
        query = {"state": state, "kind": kind, "image": image, "sort": sort, **where}
        return await self._all("/v1/jobs", JobPage, **query)

    async def job(self, job: str) -> JobView:
        """A job by id."""
        return await self._get(f"/v1/jobs/{segment(job)}", JobView)

    async def timeline(self, job: str) -> list[TimelineView]:
        """The events of a job's saga, in order."""
        return await self._all(f"/v1/jobs/{segment(job)}/events", TimelinePage)

    async def cancel_job(self, job: str) -> JobView:
        """Give up what a job does: an import, a publish, an update of pools, a deletion before its copies went."""
        return await self._post(f"/v1/jobs/{segment(job)}/cancel", None, JobView)

    async def retry_job(self, job: str) -> Accepted:
        """Do again what a failed or cancelled job was to do; the answer names the new job."""
        return await self._post(f"/v1/jobs/{segment(job)}/retry", None, Accepted)
