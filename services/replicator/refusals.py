"""When a publish is refused as a whole, and with which words."""

from collections.abc import Sequence

from contracts.errors import FAILURES, Failure
from contracts.events.hub import VersionPublishRequested
from replicator.domain.eligibility import Target


def called_off() -> Failure:
    """That the publish was given up before it was heard."""
    return Failure(
        code="called_off",
        step="place",
        text="the publish was given up before its first copy was planned",
        hint="publish again when the version is wanted",
    )


def refusal(words: VersionPublishRequested, targets: Sequence[Target]) -> Failure | None:
    """Why nothing can be planned: no pod matches; a pod that was named cannot have as many copies; or no pod can have
    one, for a reason that is a rule of the house or of a policy. None when something can be."""
    if not targets:
        return Failure(
            code="no_target",
            step="place",
            text="no enrolled pod that accepts copies matches the targets",
            hint="look at the pods' states and labels, then publish to one that is CONNECTED or OFFLINE",
        )
    named = {*words.terms.overrides, *words.more, *(words.targets.pods if words.targets.kind == "list" else ())}
    for target in targets:
        if target.pod in named and target.skip.startswith("replicas:"):
            return Failure(
                code="replicas_unsupported",
                step="place",
                text=f"pod {target.pod}: {target.skip.partition(': ')[2]}",
                hint="ask for fewer replicas on this pod, or give it another datastore",
            )
    codes = {target.skip.partition(":")[0] for target in targets}
    code = codes.pop()
    if not codes and code in FAILURES:
        return Failure(
            code=code,
            step="place",
            text=targets[0].skip.partition(": ")[2],
            hint="publish to other pods, or have the operator change the rule",
        )
    return None
