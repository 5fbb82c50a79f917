"""Judges a cohort: layer after layer, and what an earlier one explains of the later ones.

An income delivered in thousands moves the score, so that a broken feed explains all that follows; so does the API
scoring other features than the mart's. Scores that moved explain that segments, features and their mix did, and their
sentence names which. Nothing but a broken feed explains outcomes: clients who are merely others still pay as promised.
Within a layer the gravest finding stands for the others. Not here: the layers (`layers/`), and what becomes of it
(`alerting`).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from credit_platform.monitoring.findings import LAYERS, STATES, Finding, Layer, State
from credit_platform.monitoring.grown import before, grown
from credit_platform.monitoring.layers import features, multivariate, outcomes, quality, score, segments, skew
from credit_platform.monitoring.observed import Observed
from credit_platform.settings import Settings

JUDGES: Mapping[Layer, Callable[[Observed], list[Finding]]] = {
    "quality": quality.judge,
    "skew": skew.judge,
    "score": score.judge,
    "segments": segments.judge,
    "outcomes": outcomes.judge,
    "features": features.judge,
    "multivariate": multivariate.judge,
}
_BAD: tuple[State, ...] = ("warn", "critical")
_EXPLAINS: Mapping[Layer, Sequence[Layer]] = {
    "quality": LAYERS[1:],
    "skew": LAYERS[2:],
    "score": ("segments", "features", "multivariate"),
    "features": ("multivariate",),
}
_APART: Sequence[Layer] = ("quality", "skew")
"""Layers whose findings have causes of their own: one table's feed does not explain another's."""


def findings_of(settings: Settings, cohort: str) -> list[Finding]:
    """What every layer finds of a scored cohort, in the order of the layers.

    Raises:
        NoModelError: no version decides.
        MissingTableError: the cohort has no mart, or no scores.
    """
    return judged(Observed.of(settings, cohort))


def judged(observed: Observed, layers: Iterable[Layer] = LAYERS) -> list[Finding]:
    """What some layers find, explained by the others among them."""
    found = [finding for layer in layers for finding in JUDGES[layer](observed)]
    return explained(grown(found, before(observed.settings, observed.cohort, observed.version)))


def explained(found: Sequence[Finding]) -> list[Finding]:
    """The findings in the order of the layers, each bad one with the layer that explains it, if any does."""
    plain = sorted((replace(f, explained_by="") for f in found), key=lambda finding: LAYERS.index(finding.layer))
    broken = {layer for layer in _EXPLAINS if any(_explains(finding) for finding in plain if finding.layer == layer)}
    told: list[Finding] = []
    for layer in LAYERS:
        own = [finding for finding in plain if finding.layer == layer]
        by = next((earlier for earlier in LAYERS if earlier in broken and layer in _EXPLAINS[earlier]), None)
        gravest = max(own, key=lambda finding: STATES.index(finding.state), default=None)
        for finding in own:
            reason = by or (layer if layer not in _APART and finding is not gravest else "")
            told.append(replace(finding, explained_by=reason) if finding.state in _BAD else finding)
    return told


def _explains(finding: Finding) -> bool:
    """Whether a finding can explain others: of the quality layer only a feed that broke, not a table that thinned out
    along with the clients.
    """
    return finding.state in _BAD and (finding.layer != "quality" or finding.cause == "broken feed")
