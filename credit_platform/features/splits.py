"""The feature splits: labelled clients of all cohorts in a train, a valid and a test part, and the feature schema.

A client's part depends on its own cohort alone, so that a retrain with more cohorts leaves the test clients where they
were and an older model can be judged on them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from credit_platform.features.schema import Feature, FeatureSchema
from credit_platform.lake import (
    cohorts_of,
    connect,
    current,
    identifier,
    one_row,
    quote,
    scan,
    table_path,
    write_parquet,
)
from credit_platform.settings import Settings

PARTS = ("train", "valid", "test")
IDENTITY = ("cohort", "SK_ID_CURR")


@dataclass(frozen=True)
class Part:
    """Size of one part and the share of defaults in it."""

    clients: int
    default_rate: float


class NotEnoughOutcomesError(ValueError):
    """Too few labelled clients of one kind to train and judge a model."""


def splits_dir(settings: Settings) -> Path:
    """The folder of the splits in force.

    Raises:
        MissingTableError: no splits have been made.
    """
    return table_path(settings, "feature_splits")


def labelled_cohorts(settings: Settings) -> list[str]:
    """The cohorts whose mart and outcomes are in the lake, in order; one whose outcomes are empty is not labelled."""
    outcomes = {cohort: current(settings, "raw_outcomes", cohort) for cohort in cohorts_of(settings, "raw_outcomes")}
    labelled = (cohort for cohort, version in outcomes.items() if version and version.rows)
    return [cohort for cohort in labelled if current(settings, "client_mart", cohort)]


def write_splits(
    settings: Settings, cohorts: Sequence[str], meanings: dict[str, str], folder: Path
) -> tuple[FeatureSchema, dict[str, Part]]:
    """Writes `X_<part>.parquet` (identity, mart columns) and `y_<part>.parquet` (identity, TARGET, sample_weight).

    The parts are stratified by cohort and outcome; an application that several cohorts hold counts once, in the newest.
    `sample_weight` balances the outcomes: n / (2 n_class), as counted
    in the train part. The schema leaves out what never varies among the train clients;
    the files keep it, so that a version with another schema can be judged on the same clients.

    Raises:
        NotEnoughOutcomesError: fewer than ten defaults or ten good clients have known outcomes, or a part has none.
    """
    if not cohorts:
        raise NotEnoughOutcomesError("no landed cohort has known outcomes; land one with an outcomes file or TARGET")
    with connect(settings) as connection:
        connection.execute(f"create temp table labelled as {_assigned(settings, cohorts)}")
        _check_outcomes(connection)
        mart = _union(settings, "client_mart", cohorts)
        connection.execute(f"create temp view rows as select * from labelled join ({mart}) using (cohort, SK_ID_CURR)")
        schema = _fit_schema(connection, cohorts, meanings)
        for part in PARTS:
            chosen = f"from rows where part = {quote(part)} order by cohort, SK_ID_CURR"
            inputs = f"select * exclude (TARGET, part, sample_weight) {chosen}"
            write_parquet(connection, inputs, folder / f"X_{part}.parquet")
            write_parquet(
                connection, f"select cohort, SK_ID_CURR, TARGET, sample_weight {chosen}", folder / f"y_{part}.parquet"
            )
        sizes = connection.execute("select part, count(*), avg(TARGET) from rows group by part").fetchall()
    schema.write(folder)
    return schema, {part: Part(clients, rate) for part, clients, rate in sizes}


def _union(settings: Settings, name: str, cohorts: Sequence[str]) -> str:
    return " union all by name ".join(
        f"select {quote(c)} as cohort, * from {scan(table_path(settings, name, c))}" for c in cohorts
    )


def _assigned(settings: Settings, cohorts: Sequence[str]) -> str:
    test, valid = settings.test_share, settings.test_share + settings.valid_share
    return f"""
        with outcomes as (
            select *, (row_number() over (
                    partition by cohort, TARGET order by hash(SK_ID_CURR, {settings.seed}), SK_ID_CURR
                ) - 0.5) / count(*) over (partition by cohort, TARGET) as position
            from (
                select * from ({_union(settings, "raw_outcomes", cohorts)})
                qualify row_number() over (partition by SK_ID_CURR order by cohort desc) = 1
            )
        ),
        parts as (
            select cohort, SK_ID_CURR, TARGET,
                case when position < {test} then 'test' when position < {valid} then 'valid' else 'train' end as part
            from outcomes
        )
        select *, (select count(*) from parts where part = 'train') / (2.0 * (
            select count(*) from parts as alike where alike.part = 'train' and alike.TARGET = parts.TARGET
        )) as sample_weight
        from parts
    """


def _check_outcomes(connection: duckdb.DuckDBPyConnection) -> None:
    defaults, clients = one_row(connection, "select coalesce(sum(TARGET), 0), count(*) from labelled")
    if min(defaults, clients - defaults) < 10:
        raise NotEnoughOutcomesError(
            f"{clients:,} clients have a known outcome, {defaults:,} of them defaults; at least 10 of each kind are "
            "needed. Land the outcomes of more cohorts (an outcomes file, or TARGET in the application file)."
        )
    (filled,) = one_row(connection, "select count(distinct (part, TARGET)) from labelled")
    if filled < 2 * len(PARTS):
        raise NotEnoughOutcomesError(
            "the labelled cohorts are too small to give each part, train, valid and test, defaults and good clients; "
            "land the outcomes of a larger cohort"
        )


def _fit_schema(
    connection: duckdb.DuckDBPyConnection, cohorts: Sequence[str], meanings: dict[str, str]
) -> FeatureSchema:
    described = connection.execute("describe rows").fetchall()
    inputs = [(row[0], row[1]) for row in described if row[0] not in (*IDENTITY, "TARGET", "part", "sample_weight")]
    measures = ", ".join(
        f"count({c}), min({c}), max({c})" for c, _ in ((identifier(name), kind) for name, kind in inputs)
    )
    measured = one_row(connection, f"select count(*), {measures} from rows where part = 'train'")
    clients = measured[0]
    features = []
    for i, (name, kind) in enumerate(inputs):
        present, low, high = measured[1 + 3 * i : 4 + 3 * i]
        if present == 0 or (low == high and present == clients):
            continue
        missing = 1 - present / clients
        if kind == "VARCHAR":
            found = connection.execute(
                f"select distinct {identifier(name)} as v from rows where part = 'train' and v is not null order by v"
            ).fetchall()
            categories = tuple(row[0] for row in found)
            features.append(Feature(name, "category", categories, None, None, missing, meanings.get(name, "")))
        else:
            features.append(Feature(name, "numeric", (), float(low), float(high), missing, meanings.get(name, "")))
    return FeatureSchema(tuple(features), tuple(cohorts))
