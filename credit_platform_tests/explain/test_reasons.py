"""Adverse-action reasons: what worked against an applicant, by family, and nothing else."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from credit_platform.explain.glossary import LANGUAGES, Language
from credit_platform.explain.reason_table import ReasonTable
from credit_platform.explain.reasons import MOST_REASONS, Reason, adverse_reasons, family_sums, ranked
from credit_platform.features.schema import Feature, FeatureSchema
from credit_platform.scoring.scorer import Scorer
from credit_platform_tests.worlds import SCHEMA, applicants

THIN, WIDE = "\N{NARROW NO-BREAK SPACE}", "\N{NO-BREAK SPACE}"
USUAL: dict[str, Any] = {
    "DAYS_BIRTH": -15000.0,
    "CODE_GENDER": "F",
    "EXT_SOURCE_2": 0.57,
    "EXT_SOURCE_3": 0.53,
    "EXT_SOURCE_PRODUCT": 0.14,
    "AMT_INCOME_TOTAL": 146250.0,
    "DAYS_EMPLOYED": -1642.0,
    "OCCUPATION_TYPE": "Laborers",
    "ORGANIZATION_TYPE": "Bank",
    "CREDIT_TO_INCOME": 3.2,
    "ACTIVE_AMT_CREDIT_SUM_DEBT_SUM": 120000.0,
    "INSTAL_LATE_SHARE": 0.02,
    "INSTAL_DPD_VAR": 4.0,
    "CC_LATEST_UTILISATION": 0.25,
    "FLAG_OWN_CAR": 0.0,
    "HOUR_APPR_PROCESS_START": 12.0,
    "DAYS_LAST_PHONE_CHANGE": -758.0,
    "REFUSED_COUNT": 0.0,
}
NAMES = list(USUAL)


@pytest.fixture(scope="module")
def table() -> ReasonTable:
    return fitted()


def fitted() -> ReasonTable:
    features = tuple(
        Feature(name, "category", (value, "Drivers")) if isinstance(value, str) else Feature(name, "numeric")
        for name, value in USUAL.items()
    )
    return ReasonTable.fit(FeatureSchema(features, ("2025-01",)), pa.Table.from_pylist([USUAL]))


TABLE = fitted()
CONTRIBUTIONS = arrays(float, len(NAMES), elements=st.floats(-3, 3, allow_subnormal=False))
VALUES = st.fixed_dictionaries(
    {},
    optional={
        name: st.sampled_from(["Drivers", "XNA", "{braces}", None])
        if isinstance(value, str)
        else st.none() | st.floats(-1e7, 1e7) | st.just(math.nan) | st.just(value)
        for name, value in USUAL.items()
    },
)


def against(**contributions: float) -> np.ndarray:
    return np.array([contributions.get(name, 0.0) for name in NAMES])


def reasons(
    values: Mapping[str, Any], language: Language = "en", limit: int = MOST_REASONS, **contributions: float
) -> tuple[Reason, ...]:
    return adverse_reasons(against(**contributions), USUAL | dict(values), TABLE, language, limit)


def codes(found: tuple[Reason, ...]) -> list[str]:
    return [reason.code for reason in found]


def test_a_low_score_is_told_with_its_value_and_the_usual_one() -> None:
    (reason,) = reasons({"EXT_SOURCE_2": 0.12}, EXT_SOURCE_2=0.8)
    assert (reason.code, reason.case, reason.feature) == ("R-EXT", "low", "EXT_SOURCE_2")
    assert (reason.value, reason.reference, reason.value_text, reason.reference_text) == (0.12, 0.57, "0.12", "0.57")
    assert reason.text == (
        "Your external credit scores counted against you. Second external score: 0.12, below the usual 0.57."
    )


def test_the_same_reason_in_french() -> None:
    (reason,) = reasons({"ACTIVE_AMT_CREDIT_SUM_DEBT_SUM": 245000.0}, "fr", ACTIVE_AMT_CREDIT_SUM_DEBT_SUM=0.8)
    assert (reason.code, reason.family, reason.case) == ("R-DEB", "Dettes auprès d'autres prêteurs", "high")
    assert reason.text == (
        "Vos engagements auprès d'autres prêteurs ont joué en votre défaveur. Montant restant dû, au total sur vos "
        f"crédits en cours ailleurs{WIDE}: 245{THIN}000, plus que d'ordinaire (120{THIN}000)."
    )
    assert reason.advice == "Rembourser une partie de vos dettes auprès d'autres prêteurs peut améliorer votre dossier."


@pytest.mark.parametrize("missing", [None, math.nan])
def test_missing_is_told_apart_from_low(missing: float | None) -> None:
    (reason,) = reasons({"EXT_SOURCE_2": missing}, EXT_SOURCE_2=0.8)
    assert (reason.case, reason.value, reason.value_text) == ("missing", None, "")
    assert reason.text == "An external credit score was not available: second external score."
    assert "below" not in reason.text


def test_a_feature_that_was_not_sent_is_missing() -> None:
    (reason,) = adverse_reasons(against(AMT_INCOME_TOTAL=0.5), {}, TABLE, "fr")
    assert reason.case == "missing"
    assert reason.text == (
        "Certaines informations sur vos revenus, votre emploi ou votre formation n'étaient pas disponibles"
        f"{WIDE}: revenu annuel déclaré."
    )


@pytest.mark.parametrize("unknown", ["XNA", "(missing)"])
def test_what_the_source_writes_for_a_missing_category_is_missing(unknown: str) -> None:
    (reason,) = reasons({"ORGANIZATION_TYPE": unknown}, ORGANIZATION_TYPE=0.5)
    assert reason.case == "missing"


def test_a_category_is_compared_with_the_most_frequent_one() -> None:
    english, french = (
        reasons({"OCCUPATION_TYPE": "Drivers"}, language, OCCUPATION_TYPE=0.5)[0] for language in LANGUAGES
    )
    assert english.case == "other"
    assert english.text.endswith("Occupation: Drivers (usually Laborers).")
    assert french.text.endswith(f"Profession{WIDE}: chauffeurs (d'ordinaire ouvriers).")


def test_a_flag_is_answered_with_yes_or_no() -> None:
    (reason,) = reasons({"FLAG_OWN_CAR": 1}, "fr", FLAG_OWN_CAR=0.5)
    assert reason.text.endswith(f"Vous possédez une voiture{WIDE}: oui (d'ordinaire non).")


def test_a_recent_date_is_later_not_higher() -> None:
    (reason,) = reasons({"DAYS_LAST_PHONE_CHANGE": -20}, DAYS_LAST_PHONE_CHANGE=0.5)
    assert reason.case == "high"
    assert reason.text.endswith("Last change of your phone: 20 days ago, later than usual (2 years 1 month ago).")


def test_a_value_that_reads_like_the_usual_one_is_not_called_higher() -> None:
    (reason,) = reasons({"CREDIT_TO_INCOME": 3.2001}, CREDIT_TO_INCOME=0.5)
    assert reason.case == "other"
    assert reason.text.endswith("Loan compared with your yearly income: 3.2 times.")


def test_contributions_of_a_family_are_summed_and_strongest_first() -> None:
    found = reasons({}, EXT_SOURCE_2=0.3, EXT_SOURCE_3=0.3, CC_LATEST_UTILISATION=0.5)
    assert codes(found) == ["R-EXT", "R-CUS"]
    assert [reason.contribution for reason in found] == [pytest.approx(0.6), pytest.approx(0.5)]
    assert [reason.share for reason in found] == [pytest.approx(6 / 11), pytest.approx(5 / 11)]


def test_the_feature_that_contributed_most_speaks_for_its_family() -> None:
    (reason,) = reasons({"EXT_SOURCE_2": 0.1, "EXT_SOURCE_3": 0.1}, EXT_SOURCE_2=0.2, EXT_SOURCE_3=0.3)
    assert reason.feature == "EXT_SOURCE_3"


def test_a_family_in_favour_of_the_applicant_gives_no_reason_whatever_one_of_its_features_does() -> None:
    assert reasons({}, EXT_SOURCE_2=0.4, EXT_SOURCE_3=-0.5) == ()


def test_no_reason_where_nothing_worked_against_the_applicant() -> None:
    assert reasons({}, EXT_SOURCE_2=-0.4) == ()
    assert reasons({}) == ()


def test_what_hardly_weighs_is_no_reason() -> None:
    assert reasons({}, CREDIT_TO_INCOME=0.009) == ()
    assert codes(reasons({}, EXT_SOURCE_2=1.0, CREDIT_TO_INCOME=0.019)) == ["R-EXT"]
    assert codes(reasons({}, EXT_SOURCE_2=1.0, CREDIT_TO_INCOME=0.021)) == ["R-EXT", "R-AMT"]


def test_at_most_four_reasons_and_fewer_if_asked_for() -> None:
    strong = dict.fromkeys(
        ("EXT_SOURCE_2", "AMT_INCOME_TOTAL", "CREDIT_TO_INCOME", "INSTAL_LATE_SHARE", "REFUSED_COUNT"), 0.5
    )
    assert len(reasons({}, **strong)) == MOST_REASONS == 4
    assert len(reasons({}, limit=2, **strong)) == 2


def test_families_that_weigh_alike_come_in_the_order_of_the_table() -> None:
    order = [family.code for family in TABLE.families]
    found = codes(reasons({}, CC_LATEST_UTILISATION=0.5, EXT_SOURCE_2=0.5, AMT_INCOME_TOTAL=0.5))
    assert found == sorted(found, key=order.index)


def test_a_protected_attribute_is_never_a_reason_however_strong() -> None:
    found = reasons({"DAYS_BIRTH": -7800.0}, DAYS_BIRTH=3.0, CODE_GENDER=2.0, EXT_SOURCE_2=0.5)
    assert codes(found) == ["R-EXT"]
    assert found[0].share == pytest.approx(0.5 / 5.5)


def test_a_good_score_is_never_shown_as_the_reason() -> None:
    values = {"EXT_SOURCE_2": 0.8, "EXT_SOURCE_3": 0.2}
    (reason,) = reasons(values, EXT_SOURCE_2=0.5, EXT_SOURCE_3=0.1)
    assert (reason.feature, reason.case) == ("EXT_SOURCE_3", "low")
    (reason,) = reasons(values, EXT_SOURCE_2=0.5)
    assert (reason.feature, reason.case, reason.value, reason.value_text) == ("EXT_SOURCE_2", "other", 0.8, "")
    assert reason.text == "Your external credit scores counted against you. Second external score."


def test_a_column_that_says_nothing_to_a_client_gives_way_to_one_that_does() -> None:
    (reason,) = reasons({"INSTAL_LATE_SHARE": 0.3}, INSTAL_DPD_VAR=0.5, INSTAL_LATE_SHARE=0.1)
    assert reason.feature == "INSTAL_LATE_SHARE"
    (reason,) = reasons({"INSTAL_DPD_VAR": 90.0}, INSTAL_DPD_VAR=0.5)
    assert reason.text == (
        "The way you paid earlier instalments counted against you. Payment delay, how much it varies over your earlier "
        "instalments."
    )


def test_advice_is_given_where_the_value_shows_what_would_help() -> None:
    (late,) = reasons({"INSTAL_LATE_SHARE": 0.3}, INSTAL_LATE_SHARE=0.5)
    assert late.advice == "Paying every instalment in full and on time can help."
    (unknown,) = reasons({"INSTAL_LATE_SHARE": None}, INSTAL_LATE_SHARE=0.5)
    assert unknown.advice == ""
    (driver,) = reasons({"OCCUPATION_TYPE": "Drivers"}, OCCUPATION_TYPE=0.5)
    assert driver.advice == ""


def test_contributions_of_another_schema_are_refused() -> None:
    with pytest.raises(ValueError, match="3 contributions for a table of 18 features"):
        adverse_reasons(np.zeros(3), USUAL, TABLE)


def test_a_stored_table_gives_the_same_reasons(tmp_path: Path) -> None:
    TABLE.write(tmp_path)
    contributions = against(EXT_SOURCE_2=0.4, INSTAL_DPD_VAR=0.3, OCCUPATION_TYPE=0.2)
    assert adverse_reasons(contributions, USUAL, ReasonTable.read(tmp_path)) == adverse_reasons(
        contributions, USUAL, TABLE
    )


@given(contributions=CONTRIBUTIONS, values=VALUES, language=st.sampled_from(LANGUAGES))
def test_reasons_are_few_adverse_ordered_told_and_never_protected(
    contributions: np.ndarray, values: dict[str, Any], language: Language
) -> None:
    found = adverse_reasons(contributions, values, TABLE, language)
    sums = dict(zip([family.code for family in TABLE.families], family_sums(contributions, TABLE), strict=True))
    weights = [reason.contribution for reason in found]
    assert len(found) <= MOST_REASONS
    assert weights == sorted(weights, reverse=True)
    assert len({reason.code for reason in found}) == len(found)
    assert sum(reason.share for reason in found) <= 1 + 1e-9
    for reason in found:
        feature = TABLE.features[NAMES.index(reason.feature)]
        assert reason.code == feature.family != "R-PRO"
        assert reason.contribution == sums[reason.code] > TABLE.minimum
        assert contributions[NAMES.index(reason.feature)] > 0
        assert (reason.case == "missing") <= (reason.value is None)
        assert not {"{meaning}", "{value}", "{reference}", "nan"} & {*reason.text.replace(",", " ").split()}
        assert reason.text.endswith((".", ".)"))


@given(st.integers(0, 5).flatmap(lambda n: arrays(float, (n, len(NAMES)), elements=st.floats(-3, 3))))
def test_a_row_gives_the_same_sums_by_itself_and_among_others(contributions: np.ndarray) -> None:
    together = family_sums(contributions, TABLE)
    assert together.shape == (len(contributions), len(TABLE.families))
    for row, sums in zip(contributions, together, strict=True):
        assert np.array_equal(family_sums(row, TABLE), sums)
        assert sums.sum() == pytest.approx(row.sum(), abs=1e-9)


@given(contributions=CONTRIBUTIONS)
def test_what_is_withheld_shows_where_it_would_stand(contributions: np.ndarray) -> None:
    sums = family_sums(contributions, TABLE)
    told, all_of_them = ranked(sums, TABLE), ranked(sums, TABLE, len(TABLE.families), protected_too=True)
    assert [place for place in all_of_them if not TABLE.families[place].protected][:MOST_REASONS] == told


def test_reasons_of_a_real_model_add_up_to_what_it_says_of_the_client(scorer: Scorer) -> None:
    clients = applicants(40, seed=5)
    table = ReasonTable.fit(SCHEMA, applicants(600, seed=3))
    contributions = scorer.table_contributions(clients)
    sums = family_sums(contributions[:, :-1], table)
    assert sums.sum(axis=1) + contributions[:, -1] == pytest.approx(scorer.table_margins(clients), abs=1e-9)
    for row, values in zip(contributions, clients.to_pylist(), strict=True):
        for reason in adverse_reasons(row[:-1], values, table, "fr"):
            assert reason.value == values[reason.feature]
            assert reason.contribution > 0
