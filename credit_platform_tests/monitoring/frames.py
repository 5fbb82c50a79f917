"""Columns without a model or a lake: a reference and a cohort as tables, and what monitoring flags in them."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from credit_platform.features.schema import Feature
from credit_platform.model.profile import Profile
from credit_platform.monitoring.findings import Finding
from credit_platform.monitoring.layers import features as values
from credit_platform.monitoring.layers import quality
from credit_platform.monitoring.observed import Observed
from credit_platform.settings import Settings

SETTINGS = Settings(_env_file=None, data_dir=Path("/nowhere"))


def observed(before: pa.Table, after: pa.Table) -> Observed:
    """A cohort beside a reference; text columns are categories."""
    texts = {field.name for field in before.schema if pa.types.is_string(field.type)}
    features = [Feature(name, "category" if name in texts else "numeric") for name in before.column_names]
    profile = Profile.fit(before, features)
    counts = {name: profile.bins[name].count(after.column(name)) for name in before.column_names}
    return Observed(SETTINGS, "2025-03", "1", profile, counts)


def found(before: pa.Table, after: pa.Table) -> list[Finding]:
    """What the layers of quality and features tell of it."""
    of = observed(before, after)
    return [f for f in (*quality.judge(of), *values.judge(of)) if f.state in ("warn", "critical")]


def flagged(before: pa.Table, after: pa.Table) -> set[str]:
    """The columns of which something is told."""
    return {finding.column for finding in found(before, after) if finding.column}


def one(before: object, after: object, kind: pa.DataType | None = None) -> list[tuple[str, str, str]]:
    """Layer, metric and cause of what is told of a single column."""
    tables = [pa.table({"AMT": pa.array(values, kind, from_pandas=True)}) for values in (before, after)]
    return [(f.layer, f.metric, f.cause) for f in found(*tables) if f.column]


def frame(seed: int, clients: int, columns: int) -> pa.Table:
    """Independent columns as credit data has them: heavy tails, zero-inflated counts, gaps, categories of Zipf."""
    random = np.random.default_rng(seed)
    made: dict[str, pa.Array] = {}
    for place in range(columns):
        if place % 10 == 9:
            shares = 1 / np.arange(1, 41)
            names = np.array([f"K{i}" for i in range(40)])
            made[f"C{place}"] = pa.array(random.choice(names, clients, p=shares / shares.sum()))
            continue
        values = (
            random.lognormal(11.9, 1.2, clients),
            random.normal(size=clients),
            random.poisson(0.3, clients).astype(float),
            np.where(random.random(clients) < 0.8, 0.0, random.lognormal(7, 1, clients)),
            random.beta(2, 5, clients),
        )[place % 5]
        made[f"C{place}"] = pa.array(values, mask=random.random(clients) < (0.3 if place % 7 == 1 else 0.0))
    return pa.table(made)
