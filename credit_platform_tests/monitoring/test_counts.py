"""Counts on the bins of a profile: on all clients, once, whatever they are parts of."""

from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from credit_platform.features.schema import Feature
from credit_platform.lake import cohorts_of, current
from credit_platform.model.profile import Counts, Profile
from credit_platform.monitoring import counts
from credit_platform.monitoring.counts import TABLE, count_cohort, count_rows, read_counts, total
from credit_platform.monitoring.served import Served, counts_by_day, served
from credit_platform.settings import Settings
from credit_platform_tests.tables import put
from credit_platform_tests.worlds import SCHEMA, applicants

REFERENCE = applicants(1_000, seed=1)
PROFILE = Profile.fit(REFERENCE, SCHEMA.features)


def plain(found: dict[str, Counts]) -> dict[str, tuple[list[int], int]]:
    return {name: (of.values.tolist(), of.missing) for name, of in found.items()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    PROFILE.write(tmp_path)
    return tmp_path


def test_a_profile_comes_back_as_it_was_written(folder: Path) -> None:
    stored = Profile.read(folder)
    assert (stored.rows, stored.bins) == (PROFILE.rows, PROFILE.bins)
    assert plain(dict(stored.counts)) == plain(dict(PROFILE.counts))


def test_every_client_is_in_one_bin_of_each_column_or_missing() -> None:
    found = {name: of.count(applicants(500, 2).column(name)) for name, of in PROFILE.bins.items()}
    assert {of.rows for of in found.values()} == {500}
    assert all(len(of.values) == len(PROFILE.bins[name].labels) for name, of in found.items())


def test_the_counts_of_buckets_add_up_to_those_of_the_whole(settings: Settings, folder: Path) -> None:
    rows = applicants(700, 2)
    put(settings, "client_mart", "2025-03", rows.slice(0, 300), rows.slice(300))
    put(settings, "client_mart", "2025-04", rows)
    found = [plain(count_cohort(settings, cohort, PROFILE, folder)) for cohort in ("2025-03", "2025-04")]
    assert found[0] == found[1]
    halves = ({name: of.count(part.column(name)) for name, of in PROFILE.bins.items()} for part in (rows, rows))
    assert total(halves)["DAYS_BIRTH"].rows == 1_400


def test_an_unchanged_cohort_is_not_counted_again(
    settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(settings, "client_mart", "2025-03", applicants(300, 2))
    found = count_cohort(settings, "2025-03", PROFILE, folder)
    monkeypatch.setattr(counts, "count_file", lambda *_: pytest.fail("the mart was read again"))
    assert plain(count_cohort(settings, "2025-03", PROFILE, folder)) == plain(found)
    version = current(settings, TABLE, "2025-03")
    monkeypatch.undo()
    put(settings, "client_mart", "2025-03", applicants(301, 2))
    assert count_cohort(settings, "2025-03", PROFILE, folder)["DAYS_BIRTH"].rows == 301
    assert current(settings, TABLE, "2025-03") != version
    assert cohorts_of(settings, TABLE) == ["2025-03"]


def test_a_columns_bins_are_read_back_in_order_beside_the_reference(settings: Settings, folder: Path) -> None:
    put(settings, "client_mart", "2025-03", applicants(300, 2))
    count_cohort(settings, "2025-03", PROFILE, folder)
    rows = read_counts(settings, "2025-03", "OCCUPATION_TYPE")
    labels = ["Drivers", "Laborers", "Managers", "(other)", "(never seen)", "(missing)"]
    assert [row["label"] for row in rows] == labels
    assert (sum(row["clients"] for row in rows), sum(row["reference"] for row in rows)) == (300, 1_000)
    assert read_counts(settings, "2025-03", "NOTHING") == []


def test_a_value_that_many_share_has_a_bin_of_its_own_and_the_others_their_own_quantiles() -> None:
    values = np.concatenate([np.zeros(800), np.arange(1.0, 201.0)])
    profile = Profile.fit(pa.table({"A": values}), [Feature("A", "numeric")])
    counted = profile.counts["A"].values
    *others, zeros = sorted(counted[counted > 0].tolist())
    assert zeros == 800
    assert others == pytest.approx([20] * 10, abs=1)


def test_decisions_of_a_day_are_counted_like_the_rows_of_a_table() -> None:
    rows = applicants(40, 2).drop_columns(["SK_ID_CURR"]).to_pylist()
    days = [date(2026, 3, 1 + i % 2) for i in range(40)]
    decisions = [Served(i, day, "1", row) for i, (day, row) in enumerate(zip(days, rows, strict=True))]
    found = counts_by_day(decisions, PROFILE)
    assert list(found) == [date(2026, 3, 1), date(2026, 3, 2)]
    assert plain(total(found.values())) == plain(count_rows(rows, PROFILE.bins.values()))
    assert count_rows([{}], PROFILE.bins.values())["DAYS_BIRTH"].missing == 1


def test_without_a_decision_log_nothing_was_served(settings: Settings) -> None:
    assert served(settings) == []


def test_a_bins_label_shows_values_not_the_numbers_beside_them() -> None:
    table = pa.table({"DEBTS": [0.0] * 60 + [float(i) for i in range(1, 41)]})
    kept = Profile.fit(table, [Feature("DEBTS", "numeric")])
    assert kept.bins["DEBTS"].labels[:2] == ["below 0", "0"]
