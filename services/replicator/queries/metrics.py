"""What the replicator measures, in the time that a scrape may take: sums are kept while copies move (`meter`)."""

import time
from itertools import accumulate

from contracts.requests import GetMetrics
from contracts.views import MetricsView
from replicator.documents import LANE
from replicator.meter import BOUNDS
from replicator.queries.pages import every
from runtime.store import Reader

LAGGING = ("PENDING", "REPLICATING", "RETRY_PENDING", "FINALIZING", "MISSING", "CORRUPT", "FAILED")
"""States of copies that are wanted and not AVAILABLE."""
PODS = "SELECT json_extract(body, '$.state'), count(*) FROM documents WHERE kind = 'pod' GROUP BY 1"


async def metrics(_: GetMetrics, reader: Reader) -> MetricsView:
    """Counts, sums and times over all tenants."""
    copies = dict(await reader.rows("SELECT state, copies FROM tally WHERE copies > 0 ORDER BY state"))
    pods = dict(await reader.rows(PODS))
    traffic = dict(await reader.rows("SELECT pod, bytes FROM traffic ORDER BY pod"))
    totals = dict(await reader.rows("SELECT name, value FROM totals"))
    buckets = dict(await reader.rows("SELECT bucket, publishes FROM converged"))
    [(oldest,)] = await reader.rows("SELECT min(since) FROM behind")
    lanes = await every(reader, LANE)
    counts = accumulate(int(buckets.get(number, 0)) for number in range(len(BOUNDS) + 1))
    return MetricsView(
        copies=copies,
        pods=pods,
        bytes_network=traffic,
        bytes_reused=int(totals.get("bytes_reused", 0)),
        lag=sum(copies.get(state, 0) for state in LAGGING),
        lag_seconds=0.0 if oldest is None else max(time.time() - oldest, 0.0),
        converged=tuple(zip((*BOUNDS, None), counts, strict=True)),
        converged_sum=float(totals.get("converged_sum", 0.0)),
        queued={tenant: len(lane.queued) for tenant, lane in lanes.items() if lane.queued},
    )
