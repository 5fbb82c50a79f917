"""Adverse-action reasons: what worked most against one applicant, by family, in words.

A family's contribution is the sum of its features' contributions, in log-odds of default against the model's baseline.
A family whose sum is in the applicant's favour gives no reason, even where single features of it do not; a protected
one never does. The feature that contributed most against the applicant speaks for its family: its value is shown
beside the usual one. Passed over are columns that say nothing to a client, and values on the favourable side of the
usual one where a column has such a side.

Not here: families, texts and usual values (`reason_table.py`), and the contributions (`scoring/`).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from credit_platform.explain.formats import written
from credit_platform.explain.glossary import Language
from credit_platform.explain.reason_table import ExplainedFeature, ReasonTable

Case = Literal["high", "low", "missing", "other"]

MOST_REASONS = 4


@dataclass(frozen=True)
class Reason:
    """One reason in the language asked for.

    `contribution` is the family's, in log-odds; `share` is its part of all that worked against the applicant, protected
    families included. `case` tells how the feature's `value` stands to its `reference`, a later date being the higher;
    `other` where they have no order or read alike, or where the value is not shown: it is given nevertheless, but not
    in words. `advice` is empty unless the value is on the adverse side of a column that has one: else nobody could say
    what would help.
    """

    code: str
    family: str
    case: Case
    contribution: float
    share: float
    feature: str
    meaning: str
    value: float | str | None
    reference: float | str | None
    value_text: str
    reference_text: str
    text: str
    advice: str


def adverse_reasons(
    contributions: NDArray[np.float64],
    values: Mapping[str, Any],
    table: ReasonTable,
    language: Language = "en",
    limit: int = MOST_REASONS,
) -> tuple[Reason, ...]:
    """The strongest reasons against an applicant, strongest first; none where nothing of weight worked against them.

    `contributions` has shape (features,), in the table's order, without the baseline. `values` holds the applicant's
    features by name; one it lacks is missing.

    Raises:
        ValueError: the contributions are not those of the table's features.
    """
    sums = family_sums(contributions, table)
    adverse = _adverse_sum(sums)
    return tuple(
        _reason(family, float(sums[family]), adverse, contributions, values, table, language)
        for family in ranked(sums, table, limit)
    )


def family_sums(contributions: NDArray[np.float64], table: ReasonTable) -> NDArray[np.float64]:
    """Contributions by family: shape (features,) becomes (families,), and (n, features) becomes (n, families).

    A row gives the same sums, to the last bit, by itself and among others.

    Raises:
        ValueError: the contributions are not those of the table's features.
    """
    if contributions.shape[-1] != len(table.features):
        raise ValueError(f"{contributions.shape[-1]} contributions for a table of {len(table.features)} features")
    if contributions.ndim == 1:
        return np.asarray(np.bincount(table.groups, contributions, len(table.families)), float)
    return np.array([family_sums(row, table) for row in contributions]).reshape(-1, len(table.families))


def ranked(
    sums: NDArray[np.float64], table: ReasonTable, limit: int = MOST_REASONS, *, protected_too: bool = False
) -> list[int]:
    """The places of the families that give an applicant's reasons, strongest first, from sums of shape (families,).

    Of families that contribute alike, the first of the table comes first. `protected_too` shows what is withheld.
    """
    least = max(table.minimum, table.minimum_share * _adverse_sum(sums))
    weights = sums.tolist()
    found = [
        place
        for place, family in enumerate(table.families)
        if weights[place] > least and (protected_too or not family.protected)
    ]
    return sorted(found, key=lambda place: -weights[place])[:limit]


def _adverse_sum(sums: NDArray[np.float64]) -> float:
    """All that worked against an applicant."""
    return float(sums[sums > 0].sum())


def _reason(
    place: int,
    contribution: float,
    adverse: float,
    contributions: NDArray[np.float64],
    values: Mapping[str, Any],
    table: ReasonTable,
    language: Language,
) -> Reason:
    family = table.families[place]
    feature, speaks = _speaker(place, contributions, values, table)
    value, reference = _known(feature, values, table), feature.reference
    meaning = feature.words.get(language, family.title[language])
    case: Case = "other"
    value_text = reference_text = ""
    if speaks and value is None:
        case, text = "missing", family.missing[language].format(meaning=meaning)
    else:
        detail = "named"
        if speaks and value is not None:
            value_text = written(value, feature.format, language, table.categories)
            if reference is not None:
                reference_text = written(reference, feature.format, language, table.categories)
            case, detail = _stands(feature, value, value_text == reference_text)
        said = table.details[detail][language].format(
            meaning=meaning[:1].upper() + meaning[1:], value=value_text, reference=reference_text
        )
        text = f"{family.against[language]} {said}"
    return Reason(
        code=family.code,
        family=family.title[language],
        case=case,
        contribution=contribution,
        share=contribution / adverse,
        feature=feature.name,
        meaning=meaning,
        value=value,
        reference=reference,
        value_text=value_text,
        reference_text=reference_text,
        text=text,
        advice=family.advice.get(language, "") if case == feature.adverse else "",
    )


def _speaker(
    family: int, contributions: NDArray[np.float64], values: Mapping[str, Any], table: ReasonTable
) -> tuple[ExplainedFeature, bool]:
    """The feature that speaks for a family, and whether its value is shown; if none can, the one of most weight."""
    members = table.members[family]
    order = members[np.argsort(-contributions[members], kind="stable")].tolist()
    for place in order:
        if contributions[place] <= 0:
            break
        feature = table.features[place]
        if _can_speak(feature, _known(feature, values, table)):
            return feature, True
    return table.features[order[0]], False


def _known(feature: ExplainedFeature, values: Mapping[str, Any], table: ReasonTable) -> float | str | None:
    """A client's value of a feature, or None where it is missing in one way or another."""
    value = values.get(feature.name)
    if value is None or value in table.unknown:
        return None
    if isinstance(value, str):
        return value
    number = float(value)
    return None if math.isnan(number) else number


def _can_speak(feature: ExplainedFeature, value: float | str | None) -> bool:
    if feature.format == "hidden":
        return False
    if value is None or not feature.adverse:
        return True
    return _side(value, feature.reference) in ("", feature.adverse)


def _stands(feature: ExplainedFeature, value: float | str, alike: bool) -> tuple[Case, str]:
    """How a value stands to the usual one, and which detail of the table says so."""
    side = _side(value, feature.reference)
    if feature.reference is None or alike:
        return "other", "same"
    if feature.format in ("category", "flag") or side == "":
        return "other", "other"
    if feature.format in ("moment", "month", "hour"):
        return side, "later" if side == "high" else "earlier"
    return side, side


def _side(value: float | str, reference: float | str | None) -> Literal["", "high", "low"]:
    if isinstance(value, str) or not isinstance(reference, float):
        return ""
    return "high" if value > reference else "low" if value < reference else ""
