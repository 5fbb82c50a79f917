"""One client beside all clients and beside those alike, feature by feature, in words and shares.

Not here: how the shares were counted (`population.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from credit_platform.explain.formats import written
from credit_platform.explain.glossary import Language
from credit_platform.explain.population import SEGMENTS, Group, Population, Spread, Value
from credit_platform.explain.reason_table import ExplainedFeature, ReasonTable, label_of, text_of


@dataclass(frozen=True)
class Compared:
    """A feature of the client. `bins` are edges of numbers or names of categories, `bin_texts` the same in words.

    `below` and `below_alike` are about which share of clients has a smaller value, None where there is no order.
    """

    feature: str
    label: str
    value: float | str | None
    value_text: str
    numeric: bool
    bins: tuple[Value, ...]
    bin_texts: tuple[str, ...]
    shares: tuple[float, ...]
    shares_alike: tuple[float, ...]
    below: float | None
    below_alike: float | None


@dataclass(frozen=True)
class GroupTold:
    """A group of clients in words and numbers."""

    description: str
    clients: int
    default_rate: float
    approval_rate: float
    probability: tuple[float, ...]
    below: float | None


@dataclass(frozen=True)
class Comparison:
    """`everybody` and those `alike`; `probability` in each of these are shares between `probability_edges`."""

    model_version: str
    cohorts: tuple[str, ...]
    probability_edges: tuple[float, ...]
    everybody: GroupTold
    alike: GroupTold
    features: tuple[Compared, ...]


def compare(
    population: Population,
    table: ReasonTable,
    row: Mapping[str, Any],
    probability: float,
    names: Sequence[str],
    language: Language = "en",
) -> Comparison:
    """A client's row beside the population; features that the population does not know are left out."""
    everybody, alike = population.everybody, population.alike(row)
    features = {feature.name: feature for feature in table.features}
    return Comparison(
        model_version=population.version,
        cohorts=population.cohorts,
        probability_edges=population.probability_edges,
        everybody=_told(everybody, "", probability),
        alike=_told(alike, describe(population, alike, features, language, table), probability),
        features=tuple(
            _compared(population, alike, features[name], row.get(name), table, language)
            for name in names
            if name in features and name in population.bins
        ),
    )


def describe(
    population: Population,
    group: Group,
    features: Mapping[str, ExplainedFeature],
    language: Language,
    table: ReasonTable,
) -> str:
    """What clients of a group have in common, in words; empty for everybody."""
    said = []
    for name in SEGMENTS:
        if name not in group.key or name not in features:
            continue
        feature, value = features[name], group.key[name]
        if isinstance(value, float):
            text = _third_text(population.thirds, value, language)
        else:
            text = text_of(feature, value, table, language)
        colon = ":" if language == "en" else "\N{NO-BREAK SPACE}:"
        said.append(f"{label_of(feature, language)}{colon} {text}")
    return " · ".join(said)


def _third_text(thirds: Sequence[float], third: float, language: Language) -> str:
    low, high = (written(edge, "amount", language, {}) for edge in thirds)
    if third == 0:
        return f"below {low}" if language == "en" else f"moins de {low}"
    if third == len(thirds):
        return f"{high} or more" if language == "en" else f"{high} ou plus"
    return f"{low} to {high}" if language == "en" else f"de {low} à {high}"


def _told(group: Group, description: str, probability: float) -> GroupTold:
    return GroupTold(
        description,
        group.clients,
        group.default_rate,
        group.approval_rate,
        group.probability.shares,
        group.probability.below(probability),
    )


def _compared(
    population: Population, alike: Group, feature: ExplainedFeature, value: Any, table: ReasonTable, language: Language
) -> Compared:
    bins = population.bins[feature.name]
    all_spread, alike_spread = population.everybody.features[feature.name], alike.features[feature.name]
    numeric = not isinstance(bins[0], str) if bins else True
    return Compared(
        feature=feature.name,
        label=label_of(feature, language),
        value=value,
        value_text=text_of(feature, value, table, language),
        numeric=numeric,
        bins=bins,
        bin_texts=tuple(text_of(feature, each, table, language) for each in bins),
        shares=all_spread.shares,
        shares_alike=alike_spread.shares,
        below=_below(all_spread, value),
        below_alike=_below(alike_spread, value),
    )


def _below(spread: Spread, value: Any) -> float | None:
    return None if value is None or isinstance(value, str) else spread.below(float(value))
