"""How clients are spread, and one client beside them: shares that add up, and nobody to be recognised."""

import numpy as np
import pyarrow as pa
import pytest

from credit_platform.explain.comparison import compare
from credit_platform.explain.population import LEAST_CLIENTS, LEAST_IN_BIN, Population, Spread, population
from credit_platform.scoring.scorer import Scorer
from credit_platform.settings import Settings
from credit_platform_tests.worlds import applicants, outcomes

CLIENTS = 900


@pytest.fixture(scope="module")
def rows() -> pa.Table:
    table = applicants(CLIENTS, seed=11)
    return table.append_column("cohort", pa.array(["2025-01"] * CLIENTS))


@pytest.fixture(scope="module")
def counted(scorer: Scorer, rows: pa.Table) -> Population:
    return Population.count(scorer, rows, outcomes(rows, 11))


def test_everybody_comes_first_with_the_rates_of_all(counted: Population, scorer: Scorer, rows: pa.Table) -> None:
    everybody = counted.everybody
    assert (everybody.key, everybody.clients) == ({}, CLIENTS)
    assert everybody.default_rate == pytest.approx(outcomes(rows, 11).mean())
    refused = [scorer.decide(p) == "refuse" for p in scorer.table_probabilities(rows).tolist()]
    assert everybody.approval_rate == pytest.approx(1 - np.mean(refused))


def test_shares_of_all_bins_add_up_and_gaps_are_counted_apart(counted: Population, rows: pa.Table) -> None:
    for name, spread in counted.everybody.features.items():
        column = rows.column(name)
        assert spread.missing == pytest.approx(column.null_count / CLIENTS)
        assert 0.9 < sum(spread.shares) < 1.001, name


def test_no_group_and_no_bin_is_so_small_that_somebody_could_be_recognised(counted: Population) -> None:
    assert len(counted.groups) > 3
    for group in counted.groups:
        assert group.clients >= LEAST_CLIENTS
        for spread in (group.probability, *group.features.values()):
            known = group.clients * (1 - spread.missing)
            assert all(share == 0 or share * known > LEAST_IN_BIN - 0.6 for share in spread.shares)


def test_clients_alike_agree_in_product_and_third_of_income(counted: Population) -> None:
    rich = counted.alike({"NAME_CONTRACT_TYPE": "Cash loans", "AMT_INCOME_TOTAL": 5e6})
    assert rich.key == {"NAME_CONTRACT_TYPE": "Cash loans", "AMT_INCOME_TOTAL": 2.0}


@pytest.mark.parametrize("row", [{}, {"NAME_CONTRACT_TYPE": "Barter"}, {"NAME_CONTRACT_TYPE": None}])
def test_whoever_is_like_nobody_is_compared_with_everybody(counted: Population, row: dict[str, object]) -> None:
    assert counted.alike(row) is counted.everybody


def test_a_population_is_read_as_it_was_written(counted: Population, tmp_path: pytest.TempPathFactory) -> None:
    counted.write(tmp_path)  # type: ignore[arg-type]
    assert Population.read(tmp_path) == counted  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("quantiles", "value", "below"),
    [
        (range(21), 10, 0.5),
        (range(21), -5, 0.0),
        (range(21), 99, 1.0),
        (range(21), 2.5, 0.125),
        ([0] * 15 + [1, 2, 3, 4, 5, 6], 0, 0.0),
        ([0] * 15 + [1, 2, 3, 4, 5, 6], 1, 0.75),
        ([], 3, None),
    ],
)
def test_about_which_share_has_less(quantiles: list[float], value: float, below: float | None) -> None:
    found = Spread((), 0.0, tuple(float(q) for q in quantiles)).below(value)
    assert found == (None if below is None else pytest.approx(below))


def test_a_client_is_compared_in_words_of_their_language(counted: Population, scorer: Scorer) -> None:
    row = {"EXT_SOURCE_2": 0.1, "AMT_INCOME_TOTAL": 90_000.0, "NAME_CONTRACT_TYPE": "Cash loans"}
    names = ["EXT_SOURCE_2", "OCCUPATION_TYPE", "UNKNOWN"]
    english, french = (compare(counted, scorer.reason_table, row, 0.4, names, language) for language in ("en", "fr"))
    assert [f.feature for f in english.features] == ["EXT_SOURCE_2", "OCCUPATION_TYPE"]
    score, occupation = english.features
    assert score.numeric
    assert score.below == pytest.approx(0.1, abs=0.05)
    assert len(score.bins) == len(score.shares) + 1 == len(score.bin_texts)
    assert not occupation.numeric
    assert len(occupation.bins) == len(occupation.shares)
    assert (occupation.value, occupation.value_text, occupation.below) == (None, "", None)
    assert "prêt personnel" in french.alike.description
    assert english.everybody.description == ""


def test_a_data_folder_without_a_population_has_none(settings: Settings) -> None:
    assert population(settings) is None


def test_the_banks_population_is_found(bank: Settings) -> None:
    found = population(bank)
    assert found is not None
    assert found is population(bank)
