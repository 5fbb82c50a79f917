"""The gate: with real models whose order is known, and rule by rule with made-up ones."""

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit_platform.features.schema import model_frame
from credit_platform.model.business_cost import Costs, cost_per_client
from credit_platform.model.promotion import DEFAULT_LIMITS, GateReport, Judged, Rule, compare, swapped_clients
from credit_platform_tests.worlds import SCHEMA, applicants, outcomes

COSTS = Costs(4, 1)
LIMITS = replace(DEFAULT_LIMITS, resamples=200)
Fit = Callable[[Collection[str], int], Judged]


class Reasons(NamedTuple):
    same_first: float
    overlap: float


@pytest.fixture(scope="module")
def fit() -> Fit:
    """Fits a small model to some of the features and judges it on 6,000 others' applications."""
    from catboost import CatBoostClassifier

    train, test = applicants(4000, 1), applicants(6000, 2)

    def fit(left_out: Collection[str], seed: int) -> Judged:
        names = [name for name in SCHEMA.names if name not in left_out]
        model = CatBoostClassifier(
            iterations=50,
            depth=3,
            learning_rate=0.1,
            random_seed=seed,
            verbose=False,
            allow_writing_files=False,
            thread_count=1,
        )
        categories = [name for name in SCHEMA.category_names if name in names]
        model.fit(model_frame(train, SCHEMA)[names], outcomes(train, 1), cat_features=categories)
        probability = model.predict_proba(model_frame(test, SCHEMA)[names])[:, 1]
        return Judged(str(seed), test["SK_ID_CURR"].to_numpy(), probability, COSTS.theoretical_threshold, True)

    return fit


@pytest.fixture(scope="module")
def truth() -> np.ndarray:
    return outcomes(applicants(6000, 2), 2)


def rule(report: GateReport, name: str) -> Rule:
    return next(rule for rule in report.rules if rule.name == name)


def failed(report: GateReport) -> set[str]:
    return {rule.name for rule in report.failed}


def test_a_better_model_passes_and_a_worse_one_does_not(fit: Fit, truth: np.ndarray) -> None:
    full, crippled = fit([], 1), fit(["EXT_SOURCE_2"], 2)
    better = compare(truth, full, crippled, costs=COSTS)
    assert better.passed
    assert better.reason.endswith("significantly less by 1.0%")
    worse = compare(truth, crippled, full, costs=COSTS)
    assert failed(worse) >= {"cheaper_than_champion", "auc_kept", "brier_kept"}


@pytest.mark.parametrize("seed", [2, 3, 4, 5])
def test_an_equal_model_of_another_seed_does_not_pass(fit: Fit, truth: np.ndarray, seed: int) -> None:
    report = compare(truth, fit([], seed), fit([], 1), costs=COSTS)
    assert "cheaper_than_champion" in failed(report)


def test_a_first_model_must_beat_deciding_without_one_and_the_scorecard(fit: Fit, truth: np.ndarray) -> None:
    full = fit([], 1)
    scorecard = fit(["OCCUPATION_TYPE", "AMT_INCOME_TOTAL"], 2)
    first = compare(truth, full, benchmark=scorecard, costs=COSTS)
    assert first.passed
    assert "approving everyone" in first.reason
    assert "refusing everyone" in first.reason
    blind = fit(["EXT_SOURCE_2", "OCCUPATION_TYPE"], 3)
    assert failed(compare(truth, blind, benchmark=scorecard, costs=COSTS)) == {
        "cheaper_than_approving_everyone",
        "no_dearer_than_benchmark",
    }


# Rule by rule: 3,000 clients of whom the signal says what there is to say.

CLIENTS = np.arange(3000) + 7_654_321
random = np.random.default_rng(8)
SIGNAL, NOISE = random.normal(size=(2, len(CLIENTS)))
DEFAULTED = random.random(len(CLIENTS)) < 1 / (1 + np.exp(1.6 - 1.5 * SIGNAL))


def judged(version: str, slope: float = 1.5, noise: float = 0.0, shift: float = 1.6) -> Judged:
    """A model that knows the signal, more or less, and is sure of itself, more or less."""
    probability = 1 / (1 + np.exp(shift - slope * (SIGNAL + noise * NOISE) / (1 + noise**2)))
    return Judged(version, CLIENTS, probability, COSTS.theoretical_threshold, True)


GOOD, WEAK = judged("2"), judged("1", noise=0.8)


def test_a_difference_that_no_rule_minds_passes() -> None:
    report = compare(DEFAULTED, GOOD, WEAK, judged("scorecard", noise=1), costs=COSTS, limits=LIMITS)
    assert report.passed
    assert [rule.name for rule in report.rules if rule.passed is None] == ["first_reason_kept", "reasons_kept"]


def test_a_gain_that_may_be_less_than_the_limit_does_not_pass() -> None:
    report = compare(DEFAULTED, GOOD, WEAK, costs=COSTS, limits=replace(LIMITS, minimum_gain=0.3))
    assert failed(report) == {"cheaper_than_champion"}
    assert "not significantly less by 30.0%" in report.reason


def test_a_first_model_on_few_clients_passes_with_a_word_of_caution() -> None:
    few = slice(0, 40)
    small = replace(WEAK, clients=CLIENTS[few], probability=WEAK.probability[few])
    alone = compare(DEFAULTED[few], small, costs=COSTS, limits=replace(LIMITS, minimum_defaults=5))
    (refusing,) = (rule for rule in alone.rules if rule.name == "cheaper_than_refusing_everyone")
    assert refusing.passed
    assert refusing.sentence.endswith("less, which more clients would have to confirm")
    champion = replace(small, version="0")
    beside = compare(DEFAULTED[few], small, champion, costs=COSTS, limits=replace(LIMITS, minimum_defaults=5))
    assert "cheaper_than_refusing_everyone" in failed(beside)


def test_a_version_without_signature_does_not_pass() -> None:
    report = compare(DEFAULTED, replace(GOOD, has_signature=False), WEAK, costs=COSTS, limits=LIMITS)
    assert failed(report) == {"has_signature"}


@pytest.mark.parametrize("other", [CLIENTS[::-1], CLIENTS[:100]])
def test_models_judged_on_other_clients_are_not_compared_at_all(other: np.ndarray) -> None:
    champion = Judged("1", other, WEAK.probability[: len(other)], WEAK.threshold)
    report = compare(DEFAULTED, GOOD, champion, costs=COSTS, limits=LIMITS)
    assert failed(report) == {"same_clients"}
    assert "other clients than the champion" in report.reason
    assert not report.numbers
    assert not report.groups


def test_too_few_defaults_are_said_to_be_too_few() -> None:
    few = DEFAULTED & (np.cumsum(DEFAULTED) <= 19)
    report = compare(few, GOOD, WEAK, costs=COSTS, limits=LIMITS)
    assert failed(report) == {"enough_outcomes"}
    assert "19 defaults among the 3,000 clients judged, where 20 of either outcome are needed" in report.reason


def test_a_loss_of_auc_that_chance_may_explain_is_borne_up_to_a_limit() -> None:
    y, challenger, champion = DEFAULTED[:200], *(of(model, 200) for model in (judged("2", noise=0.6), GOOD))
    loss = rule(compare(y, challenger, champion, costs=COSTS, limits=LIMITS), "auc_kept")
    assert loss.passed is False
    assert "too large a loss" in loss.sentence
    assert rule(compare(y, challenger, champion, costs=COSTS, limits=replace(LIMITS, auc_loss=0.2)), "auc_kept").passed


def of(model: Judged, rows: int) -> Judged:
    return replace(model, clients=model.clients[:rows], probability=model.probability[:rows])


def test_a_model_too_sure_of_itself_does_not_pass_unless_the_champion_is_more_so() -> None:
    sharp, sharper = judged("2", slope=2.5), judged("1", slope=4)
    report = compare(DEFAULTED, sharp, GOOD, costs=COSTS, limits=LIMITS)
    assert {"calibration_slope", "brier_kept"} <= failed(report)
    assert "significantly outside 0.8 to 1.25" in rule(report, "calibration_slope").sentence
    assert rule(compare(DEFAULTED, sharp, sharper, costs=COSTS, limits=LIMITS), "calibration_slope").passed
    assert not rule(compare(DEFAULTED, sharper, sharp, costs=COSTS, limits=LIMITS), "calibration_slope").passed
    assert not rule(compare(DEFAULTED, sharp, costs=COSTS, limits=LIMITS), "calibration_slope").passed


@pytest.mark.parametrize(
    ("reasons", "broken"),
    [
        (Reasons(0.5, 0.4), set()),
        (Reasons(0.49, 0.9), {"first_reason_kept"}),
        (Reasons(0.9, 0.39), {"reasons_kept"}),
    ],
)
def test_reasons_must_stay_what_they_were(reasons: Reasons, broken: set[str]) -> None:
    assert failed(compare(DEFAULTED, GOOD, WEAK, costs=COSTS, limits=LIMITS, reasons=reasons)) == broken


def test_a_challenger_dearer_than_the_scorecard_does_not_pass_though_cheaper_than_the_champion() -> None:
    report = compare(DEFAULTED, WEAK, judged("1", noise=3), judged("scorecard"), costs=COSTS, limits=LIMITS)
    assert failed(report) == {"no_dearer_than_benchmark"}


def test_outcomes_of_another_length_than_the_challengers_clients_are_refused() -> None:
    with pytest.raises(ValueError, match="for each client"):
        compare(DEFAULTED[:-1], GOOD, costs=COSTS)


threshold = st.floats(0.01, 0.9)


@given(st.integers(0, 2**16), threshold, threshold)
def test_the_groups_are_all_clients_and_their_effects_the_difference_in_cost(
    seed: int, first: float, second: float
) -> None:
    random = np.random.default_rng(seed)
    y = np.arange(60) < random.integers(20, 41)
    new, old = (
        Judged(version, np.arange(60), random.random(60), cutoff, True)
        for version, cutoff in (("2", first), ("1", second))
    )
    report = compare(y, new, old, costs=COSTS, limits=replace(LIMITS, resamples=2))
    costs = [cost_per_client(y, model.refuses, COSTS) for model in (new, old)]
    assert sum(group.clients for group in report.groups) == 60
    assert sum(group.cost_effect.value for group in report.groups) == pytest.approx(costs[0] - costs[1])
    swapped = swapped_clients(y, new, old)
    flipped = {(group.champion, group.challenger): group for group in report.groups[:2]}
    for answers, group in flipped.items():
        own = [row for row in swapped.to_pylist() if (row["champion_answer"], row["challenger_answer"]) == answers]
        assert len(own) == group.clients
        if own:
            assert np.mean([row["TARGET"] for row in own]) == pytest.approx(group.default_rate.value)
    assert swapped.num_rows == sum(group.clients for group in flipped.values())


@given(st.integers(0, 2**16), threshold)
def test_no_model_passes_against_itself(seed: int, cutoff: float) -> None:
    random = np.random.default_rng(seed)
    model = Judged("1", np.arange(80), random.random(80), cutoff, True)
    report = compare(
        np.arange(80) % 2, model, replace(model, version="0"), costs=COSTS, limits=replace(LIMITS, resamples=5)
    )
    assert "cheaper_than_champion" in failed(report)
    assert not {"auc_kept", "brier_kept"} & failed(report)


def test_a_report_survives_being_written_and_read() -> None:
    report = compare(DEFAULTED, GOOD, WEAK, costs=COSTS, limits=LIMITS, reasons=Reasons(0.7, 0.6))
    again = GateReport.from_json(report.to_json())
    assert again == report
    assert again.digest == report.digest
    with pytest.raises(ValueError, match="GateReport"):
        GateReport.from_json('{"passed": true}')


def test_a_report_tells_every_rule_and_whom_both_answer_differently() -> None:
    report = compare(DEFAULTED, GOOD, WEAK, costs=COSTS, limits=LIMITS)
    text = report.markdown()
    for found in report.rules:
        assert found.name.replace("_", " ") in text
        assert found.sentence in text
    refused, approved = report.groups[:2]
    assert f"| approve | refuse | {refused.clients:,} |" in text
    assert f"| refuse | approve | {approved.clients:,} |" in text
    assert "refusing pays where more than 20.0% default" in text


def test_a_report_names_no_client() -> None:
    report = compare(DEFAULTED, GOOD, WEAK, costs=COSTS, limits=LIMITS)
    told = report.to_json() + report.markdown()
    assert not [
        client for client in swapped_clients(DEFAULTED, GOOD, WEAK)["SK_ID_CURR"].to_pylist() if str(client) in told
    ]


def test_the_same_clients_and_seed_give_the_same_report_but_for_its_date() -> None:
    first, again = (compare(DEFAULTED, GOOD, WEAK, costs=COSTS, limits=LIMITS, seed=4) for _ in range(2))
    assert replace(first, at=again.at) == again
