"""The read side: every query of the replicator, answered from committed state."""

from collections.abc import Mapping

from contracts.requests import (
    GetMetrics,
    GetPlacement,
    GetPod,
    GetPodLibrary,
    GetPodVms,
    GetPolicy,
    ListCopies,
    ListPods,
    ListPolicies,
    PlanPlacement,
    Request,
)
from replicator.config import Config
from replicator.queries.copies import lister
from replicator.queries.metrics import metrics
from replicator.queries.placements import placement
from replicator.queries.plan import planner
from replicator.queries.pods import library, pod, pods, vms
from replicator.queries.policies import policies, policy
from runtime.requests import Query


def queries(config: Config) -> Mapping[type[Request], Query]:
    """Every query that the replicator answers; plans and estimates heed the same rules and slots as a publish."""
    return {
        ListPods: pods,
        GetPod: pod,
        GetPodVms: vms,
        GetPodLibrary: library,
        ListCopies: lister(config),
        GetPlacement: placement,
        PlanPlacement: planner(config),
        ListPolicies: policies,
        GetPolicy: policy,
        GetMetrics: metrics,
    }
