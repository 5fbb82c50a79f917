"""Columns as credit data has them, the faults that happen to them, and what monitoring tells of the two.

The benchmark and the tests share them. Not here: what is measured (`drift.py`).
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from credit_platform.features.schema import Feature
from credit_platform.model.profile import Bins, Counts, Profile
from credit_platform.monitoring.findings import Finding
from credit_platform.monitoring.layers import features as values
from credit_platform.monitoring.layers import quality
from credit_platform.monitoring.observed import Observed
from credit_platform.settings import Settings

SETTINGS = Settings(_env_file=None, data_dir=Path("/nowhere"))
HEAVY, CATEGORY = "C0", "C9"
"""A column with a heavy tail, and a categorical one."""


def frame(seed: int, clients: int, columns: int) -> pa.Table:
    """Independent columns: heavy tails, zero-inflated counts, gaps, categories by Zipf's law."""
    return pa.table(dict(each_column(seed, clients, columns)))


def each_column(seed: int, clients: int, columns: int) -> Iterator[tuple[str, pa.Array]]:
    """The same, a column after the other; a column depends on the seed and its own place alone."""
    for place in range(columns):
        random = np.random.default_rng([seed, place])
        if place % 10 == 9:
            shares = 1 / np.arange(1, 41)
            codes = random.choice(40, clients, p=shares / shares.sum()).astype(np.int32)
            yield f"C{place}", pa.DictionaryArray.from_arrays(codes, [f"K{i}" for i in range(40)]).cast(pa.string())
            continue
        kind = place % 5
        if kind == 0:
            made = random.lognormal(11.9, 1.2, clients)
        elif kind == 1:
            made = random.normal(size=clients)
        elif kind == 2:
            made = random.poisson(0.3, clients).astype(float)
        elif kind == 3:
            made = np.where(random.random(clients) < 0.8, 0.0, random.lognormal(7, 1, clients))
        else:
            made = random.random(clients) ** 2
        yield f"C{place}", pa.array(made, mask=random.random(clients) < 0.3 if place % 7 == 1 else None)


def _half_a_deviation(values: NDArray[Any], _: np.random.Generator) -> NDArray[Any]:
    return values * np.exp(0.5 * 1.2)


def _sentinels(values: NDArray[Any], random: np.random.Generator) -> NDArray[Any]:
    return np.where(random.random(len(values)) < 0.2, 365_243.0, values)


def _missing(values: NDArray[Any], random: np.random.Generator) -> NDArray[Any]:
    return np.where(random.random(len(values)) < 0.1, np.nan, values)


def _thousands(values: NDArray[Any], _: np.random.Generator) -> NDArray[Any]:
    return values / 1_000


def _unseen(values: NDArray[Any], random: np.random.Generator) -> NDArray[Any]:
    return np.where(random.random(len(values)) < 0.02, "New", values)


Fault = tuple[str, Callable[[NDArray[Any], np.random.Generator], NDArray[Any]]]
FAULTS: Mapping[str, Fault] = {
    "0.5 sd in a heavy tail": (HEAVY, _half_a_deviation),
    "20 % sentinels": (HEAVY, _sentinels),
    "+10 points missing": (HEAVY, _missing),
    "another unit": (HEAVY, _thousands),
    "2 % in a new category": (CATEGORY, _unseen),
}
"""By name: the column that is spoilt, and how."""
SWAPPED = "two columns swapped"


def spoilt(table: pa.Table, fault: str, seed: int) -> tuple[pa.Table, set[str]]:
    """A table with one fault, and the columns that have it."""
    if fault == SWAPPED:
        first, second = table.column_names.index("C1"), table.column_names.index("C5")
        swapped = table.set_column(first, "C1", table["C5"]).set_column(second, "C5", table["C1"])
        return swapped, {"C1", "C5"}
    name, change = FAULTS[fault]
    column = change(table[name].to_numpy(), np.random.default_rng([seed, 99]))
    made = pa.array(column.tolist() if name == CATEGORY else column, from_pandas=True)
    return table.set_column(table.column_names.index(name), name, made), {name}


def observed(profile: Profile, counts: Mapping[str, Counts]) -> Observed:
    """A cohort's counts beside a reference; every column is as important as the others."""
    return Observed(SETTINGS, "2025-03", "1", profile, counts)


def profile_of(table: pa.Table) -> Profile:
    """The profile of a reference; text columns are categories."""
    return Profile.fit(table, [feature_of(name, table.schema.field(name).type) for name in table.column_names])


def feature_of(name: str, kind: pa.DataType) -> Feature:
    return Feature(name, "category" if pa.types.is_string(kind) else "numeric")


def found(before: pa.Table, after: pa.Table) -> list[Finding]:
    """What the layers of quality and features tell of a cohort beside a reference."""
    profile = profile_of(before)
    return told(observed(profile, {name: of.count(after.column(name)) for name, of in profile.bins.items()}))


def told(cohort: Observed) -> list[Finding]:
    """The findings that are told, not merely shown."""
    findings = (*quality.judge(cohort), *values.judge(cohort))
    return [finding for finding in findings if finding.state in ("warn", "critical")]


def flagged(before: pa.Table, after: pa.Table) -> set[str]:
    """The columns of which something is told."""
    return {finding.column for finding in found(before, after) if finding.column}


def false_alarms(clients: int, columns: int, seeds: int) -> list[int]:
    """How many columns are told of in cohorts drawn as their reference was, by seed; a column in memory at a time."""
    bins: dict[str, Bins] = {}
    reference: dict[str, Counts] = {}
    cohorts: list[dict[str, Counts]] = [{} for _ in range(seeds)]
    drawn = [each_column(seed, clients, columns) for seed in range(1, seeds + 1)]
    for name, column in each_column(1_000, clients, columns):
        of = Bins.fit(pa.chunked_array([column]), feature_of(name, column.type))
        bins[name], reference[name] = of, of.count(pa.chunked_array([column]))
        for seed, others in enumerate(drawn):
            cohorts[seed][name] = of.count(pa.chunked_array([next(others)[1]]))
    profile = Profile(clients, bins, reference)
    return [len({f.column for f in told(observed(profile, counts)) if f.column}) for counts in cohorts]
