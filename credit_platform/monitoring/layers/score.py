"""How the scores are distributed beside the reference: PSI on its tenths, mean probability, approval rate, cost.

Of clients whom the version was not fitted to. Not here: whether the scores are right (`outcomes.py`).
"""

from credit_platform.model.profile import ScoreProfile
from credit_platform.model.reference import SCORE
from credit_platform.monitoring.distances import means, psi, shares
from credit_platform.monitoring.findings import Finding, State
from credit_platform.monitoring.layers.features import distances
from credit_platform.monitoring.observed import Observed

_MEASURES = 4
_NAMED = 3


def of_cohort(observed: Observed) -> ScoreProfile | None:
    """The scores of the cohort's clients; None where there are none to be judged by."""
    if observed.scored is None or observed.scorer is None or not len(observed.scored.clients):
        return None
    return ScoreProfile.of("", "", observed.scored.probability, observed.scorer.threshold, observed.profile.bins[SCORE])


def judge(observed: Observed) -> list[Finding]:
    """One finding for each measure; none where no client has a score."""
    after, before = of_cohort(observed), next(iter(observed.profile.scores), None)
    if after is None or before is None:
        return []
    limits, level = observed.settings, observed.settings.drift_level / _MEASURES
    distance = psi(before.counts.values, after.counts.values)
    risk = means(
        (before.expected_defaults, before.spread, before.clients),
        (after.expected_defaults, after.spread, after.clients),
    )
    approval = shares(before.clients - before.refused, before.clients, after.clients - after.refused, after.clients)
    costs = [of.expected_cost / max(of.clients, 1) for of in (before, after)]
    cost = costs[1] / costs[0] - 1 if costs[0] else 0.0
    movers = [column.column for column in distances(observed) if column.moved][:_NAMED]
    why = f"; features that moved: {', '.join(movers)}" if movers else "; no feature moved by itself"
    among = f"among {after.clients:,} clients whom the version was not fitted to"

    def say(metric: str, moved: bool, sentence: str, value: float, limit: float, state: State = "warn") -> Finding:
        cause = {"cause": "population moved"} if moved else {}
        text = f"{sentence} (limit {limit:g}), {among}{why if moved else ''}"
        return observed.finding(
            "score",
            metric,
            state if moved else "ok",
            text,
            value=value,
            threshold=limit,
            clients=after.clients,
            column=SCORE,
            **cause,
        )

    grave: State = "critical" if distance.size >= limits.drift_psi_critical else "warn"
    return [
        say(
            "psi",
            distance.beyond(limits.drift_psi, level),
            f"PSI of the score {distance.size:.2f}",
            distance.size,
            limits.drift_psi,
            grave,
        ),
        say(
            "mean_probability",
            risk.beyond(limits.drift_risk, level),
            f"mean probability of default {before.expected_defaults / before.clients:.3f} -> "
            f"{after.expected_defaults / after.clients:.3f}, {risk.size:+.0%}",
            risk.size,
            limits.drift_risk,
        ),
        say(
            "approval_rate",
            approval.beyond(limits.drift_approval, level),
            f"approval rate at the cut-off {1 - before.refused / before.clients:.1%} -> "
            f"{1 - after.refused / after.clients:.1%}",
            approval.size,
            limits.drift_approval,
        ),
        say(
            "expected_cost",
            abs(cost) >= limits.drift_risk and risk.p < level,
            f"expected cost per client {costs[0]:.3f} -> {costs[1]:.3f}, {cost:+.0%}",
            cost,
            limits.drift_risk,
        ),
    ]
