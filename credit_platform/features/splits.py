"""The feature splits: labelled clients of the training window in a train, a valid and a test part, and the schema.

The newest labelled cohort is a part of its own, out of time. A person's applications lie in one part; which one depends
on the first of them and on its own cohort alone, so that a retrain with more cohorts leaves the test clients where they
were and an older model can be judged on them.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from credit_platform.features.schema import Feature, FeatureSchema
from credit_platform.features.window import Window
from credit_platform.lake import (
    connect,
    identifier,
    one_row,
    quote,
    scan,
    table_path,
    write_parquet,
)
from credit_platform.settings import Settings

PARTS = ("train", "valid", "test")
OUT_OF_TIME = "out_of_time"
IDENTITY = ("cohort", "SK_ID_CURR")


_PERSON = """coalesce(
    (DAYS_BIRTH - DAYS_REGISTRATION)::bigint || '/' || (DAYS_BIRTH - DAYS_ID_PUBLISH)::bigint || '/' || CODE_GENDER,
    'application ' || SK_ID_CURR
)"""
"""Who applies: days between birth, registration and the identity document are the same at every application."""


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


def parts_of(folder: Path) -> list[str]:
    """The parts that splits have: train, valid, test, and out of time where there is one."""
    return [part for part in (*PARTS, OUT_OF_TIME) if (folder / f"y_{part}.parquet").exists()]


def write_splits(
    settings: Settings, window: Window, meanings: Mapping[str, str], protected: Collection[str], folder: Path
) -> tuple[FeatureSchema, dict[str, Part]]:
    """Writes `X_<part>.parquet` (identity, mart columns) and `y_<part>.parquet` (identity, TARGET, sample_weight).

    The parts are stratified by cohort and outcome; an application that several cohorts hold counts once, in the newest;
    people of the window are left out of the part out of time. `sample_weight` balances the outcomes: n / (2 n_class),
    as counted in the train part. The schema leaves out what never varies among the train clients, and the `protected`
    columns, which it lists as audited; the files keep all, so that a version with another schema can be judged on the
    same clients.

    Raises:
        NotEnoughOutcomesError: fewer than ten defaults or ten good clients have known outcomes, or a part has none.
    """
    if not window.cohorts:
        raise NotEnoughOutcomesError("no landed cohort has known outcomes; land one with an outcomes file or TARGET")
    with connect(settings) as connection:
        connection.execute(f"create temp view mart as {_union(settings, 'client_mart', window.all)}")
        connection.execute(f"create temp table labelled as {_assigned(settings, window)}")
        _check_outcomes(connection)
        connection.execute("create temp view rows as select * from labelled join mart using (cohort, SK_ID_CURR)")
        schema = _fit_schema(connection, window.cohorts, meanings, protected)
        sizes = connection.execute(
            "select part, count(*), avg(TARGET) from labelled group by part order by part"
        ).fetchall()
        for part, _, _ in sizes:
            chosen = f"from rows where part = {quote(part)} order by cohort, SK_ID_CURR"
            inputs = f"select * exclude (TARGET, part, sample_weight) {chosen}"
            write_parquet(connection, inputs, folder / f"X_{part}.parquet")
            write_parquet(
                connection, f"select cohort, SK_ID_CURR, TARGET, sample_weight {chosen}", folder / f"y_{part}.parquet"
            )
    schema.write(folder)
    return schema, {part: Part(clients, rate) for part, clients, rate in sizes}


def _union(settings: Settings, name: str, cohorts: Sequence[str]) -> str:
    return " union all by name ".join(
        f"select {quote(c)} as cohort, * from {scan(table_path(settings, name, c))}" for c in cohorts
    )


def _assigned(settings: Settings, window: Window) -> str:
    """Every labelled application with its part. A person's part is that of the first application in the window."""
    test, valid = settings.test_share, settings.test_share + settings.valid_share
    latest = quote(window.out_of_time or "")
    return f"""
        with outcomes as (
            select * from ({_union(settings, "raw_outcomes", window.all)})
            qualify row_number() over (partition by SK_ID_CURR order by cohort desc) = 1
        ),
        people as (
            select cohort, SK_ID_CURR, TARGET, {_PERSON} as person from outcomes join mart using (cohort, SK_ID_CURR)
        ),
        first as (
            select * from people where cohort <> {latest}
            qualify row_number() over (partition by person order by cohort, SK_ID_CURR) = 1
        ),
        placed as (
            select person, (row_number() over (
                    partition by cohort, TARGET order by md5(SK_ID_CURR || '/' || {settings.seed}), SK_ID_CURR
                ) - 0.5) / count(*) over (partition by cohort, TARGET) as position
            from first
        ),
        parts as (
            select cohort, SK_ID_CURR, TARGET, case
                when cohort = {latest} then '{OUT_OF_TIME}'
                when position < {test} then 'test'
                when position < {valid} then 'valid'
                else 'train'
            end as part
            from people left join placed using (person)
            where cohort <> {latest} or placed.person is null
        )
        select *, (select count(*) from parts where part = 'train') / (2.0 * (
            select count(*) from parts as alike where alike.part = 'train' and alike.TARGET = parts.TARGET
        )) as sample_weight
        from parts
    """


def _check_outcomes(connection: duckdb.DuckDBPyConnection) -> None:
    """Refuses a window that no model can be trained on; a part out of time that none can be judged on is given up."""
    window = f"from labelled where part <> '{OUT_OF_TIME}'"
    defaults, clients = one_row(connection, f"select coalesce(sum(TARGET), 0), count(*) {window}")
    if min(defaults, clients - defaults) < 10:
        raise NotEnoughOutcomesError(
            f"{clients:,} clients have a known outcome, {defaults:,} of them defaults; at least 10 of each kind are "
            "needed. Land the outcomes of more cohorts (an outcomes file, or TARGET in the application file)."
        )
    (filled,) = one_row(connection, f"select count(distinct (part, TARGET)) {window}")
    if filled < 2 * len(PARTS):
        raise NotEnoughOutcomesError(
            "the labelled cohorts are too small to give each part, train, valid and test, defaults and good clients; "
            "land the outcomes of a larger cohort"
        )
    connection.execute(
        f"delete from labelled where part = '{OUT_OF_TIME}' and (select min(n) < 10 or count(*) < 2 from "
        f"(select count(*) as n from labelled where part = '{OUT_OF_TIME}' group by TARGET))"
    )


def _fit_schema(
    connection: duckdb.DuckDBPyConnection,
    cohorts: Sequence[str],
    meanings: Mapping[str, str],
    protected: Collection[str],
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
    return FeatureSchema(
        tuple(feature for feature in features if feature.name not in protected),
        tuple(cohorts),
        tuple(feature for feature in features if feature.name in protected),
    )
