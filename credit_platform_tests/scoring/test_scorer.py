"""The scorer: rows and tables agree, explanations add up, gaps and unseen categories are no accident."""

import math
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from credit_platform.scoring.scorer import Scorer
from credit_platform_tests.worlds import SCHEMA, THRESHOLD, applicants, fit_version, outcomes

TABLE = applicants(200, seed=11)
ROWS = TABLE.to_pylist()


def log_odds(probability: float) -> float:
    return math.log(probability / (1 - probability))


def test_rows_and_table_give_the_same_probabilities(scorer: Scorer) -> None:
    assert np.abs(scorer.probabilities(ROWS) - scorer.table_probabilities(TABLE)).max() <= 1e-12


def test_probabilities_differ_between_clients_and_lie_between_0_and_1(scorer: Scorer) -> None:
    found = scorer.table_probabilities(TABLE)
    assert found.std() > 0.01
    assert ((found > 0) & (found < 1)).all()


def test_a_feature_that_a_row_lacks_counts_as_missing(scorer: Scorer) -> None:
    row = {**ROWS[0], "EXT_SOURCE_2": None, "OCCUPATION_TYPE": None}
    lacking = {name: value for name, value in row.items() if value is not None}
    assert "EXT_SOURCE_2" not in lacking
    assert scorer.probabilities([lacking])[0] == scorer.probabilities([row])[0]
    assert scorer.probabilities([{**row, "EXT_SOURCE_2": math.nan}])[0] == scorer.probabilities([row])[0]


def test_a_row_without_any_feature_has_a_probability(scorer: Scorer) -> None:
    assert 0 < scorer.probabilities([{}])[0] < 1


def test_fields_the_model_does_not_know_change_nothing(scorer: Scorer) -> None:
    assert scorer.probabilities([{**ROWS[0], "SHOE_SIZE": 43}])[0] == scorer.probabilities([ROWS[0]])[0]


def test_an_unseen_category_is_scored_like_any_other_unseen_one(scorer: Scorer) -> None:
    first, second = (
        scorer.probabilities([{**ROWS[0], "OCCUPATION_TYPE": name}])[0] for name in ("Astronauts", "Mimes")
    )
    assert first == second
    explained = scorer.explain({**ROWS[0], "OCCUPATION_TYPE": "Astronauts"})
    assert explained.margin == pytest.approx(log_odds(first), abs=1e-9)


def test_a_table_without_a_feature_is_refused_by_name(scorer: Scorer) -> None:
    with pytest.raises(KeyError, match="DAYS_BIRTH"):
        scorer.table_probabilities(TABLE.drop_columns(["DAYS_BIRTH"]))


def test_the_order_of_a_tables_columns_and_its_other_columns_change_nothing(scorer: Scorer) -> None:
    shuffled = TABLE.select(TABLE.column_names[::-1]).append_column("SHOE_SIZE", pa.array(np.arange(200)))
    assert (scorer.table_probabilities(shuffled) == scorer.table_probabilities(TABLE)).all()


def test_whole_numbers_in_a_table_score_as_the_same_doubles_do(scorer: Scorer) -> None:
    position = TABLE.column_names.index("BURO_COUNT")
    whole = TABLE.set_column(position, "BURO_COUNT", TABLE.column("BURO_COUNT").cast(pa.int64()))
    assert (scorer.table_probabilities(whole) == scorer.table_probabilities(TABLE)).all()


def test_contributions_add_up_to_the_log_odds_of_every_client(scorer: Scorer) -> None:
    total = scorer.table_contributions(TABLE).sum(axis=1)
    assert total == pytest.approx(scorer.table_margins(TABLE), abs=1e-9)
    assert total == pytest.approx([log_odds(p) for p in scorer.table_probabilities(TABLE)], abs=1e-9)


def test_an_explanation_adds_up_to_the_clients_own_probability(scorer: Scorer) -> None:
    for row in ROWS[:20]:
        explained = scorer.explain(row)
        assert explained.margin == pytest.approx(log_odds(scorer.probabilities([row])[0]), abs=1e-9)


def test_an_explanation_names_every_feature_once_strongest_first_with_the_clients_value(scorer: Scorer) -> None:
    row = {**ROWS[0], "EXT_SOURCE_2": math.nan, "OCCUPATION_TYPE": None}
    found = scorer.explain(row).contributions
    assert sorted(c.feature for c in found) == sorted(SCHEMA.names)
    assert [abs(c.contribution) for c in found] == sorted((abs(c.contribution) for c in found), reverse=True)
    values = {c.feature: c.value for c in found}
    assert values["EXT_SOURCE_2"] is values["OCCUPATION_TYPE"] is None
    assert values["BURO_COUNT"] == row["BURO_COUNT"]


def test_table_and_single_explanations_are_the_same(scorer: Scorer) -> None:
    contributions = {c.feature: c.contribution for c in scorer.explain(ROWS[3]).contributions}
    assert [contributions[name] for name in SCHEMA.names] == pytest.approx(
        scorer.table_contributions(TABLE)[3, :-1], abs=1e-12
    )


def test_a_probability_at_the_cutoff_is_refused_and_one_just_below_approved(scorer: Scorer) -> None:
    assert scorer.decide(THRESHOLD) == "refuse"
    assert scorer.decide(float(np.nextafter(THRESHOLD, 0))) == "approve"


def test_a_client_is_told_what_is_decided_with_points_grade_and_reasons(scorer: Scorer) -> None:
    for row, probability in zip(ROWS[:40], scorer.probabilities(ROWS[:40]).tolist(), strict=True):
        decided = scorer.score_row(row)
        assert decided.probability_of_default == probability
        assert decided.decision == scorer.decide(probability)
        assert decided.score == scorer.scale.score(probability)
        assert decided.grade == scorer.scale.grade(probability)
        assert len(decided.reasons) <= 4
        assert len(scorer.score_row(row, most_reasons=1).reasons) == min(1, len(decided.reasons))
        assert scorer.score_row(row, most_reasons=0).reasons == ()


def test_reasons_are_the_same_families_in_both_languages(scorer: Scorer) -> None:
    english, french = (scorer.score_row(ROWS[0], language).reasons for language in ("en", "fr"))
    assert [reason.code for reason in english] == [reason.code for reason in french] != []
    assert [reason.text for reason in english] != [reason.text for reason in french]


def test_the_most_important_features_are_ordered_and_bounded(scorer: Scorer) -> None:
    names = [feature.name for feature in scorer.most_important(2)]
    assert names[0] == "EXT_SOURCE_2"
    assert len(names) == 2
    assert len(scorer.most_important(100)) == len(SCHEMA.features)


def test_a_version_scores_the_same_after_a_round_trip_through_its_folder(version_folder: Path, scorer: Scorer) -> None:
    again = Scorer.load(version_folder, "8")
    assert again.schema == SCHEMA
    assert again.threshold == scorer.threshold
    assert again.version == "8"
    assert (again.table_probabilities(TABLE) == scorer.table_probabilities(TABLE)).all()


@pytest.mark.parametrize(
    "lost",
    [
        "model.cbm",
        "leaf_shap.npz",
        "feature_schema.json",
        "calibration.json",
        "threshold.json",
        "scale.json",
        "reason_table.json",
        "importance.json",
    ],
)
def test_a_version_that_lost_a_file_does_not_load(version_folder: Path, tmp_path: Path, lost: str) -> None:
    copy = shutil.copytree(version_folder, tmp_path / "version")
    (copy / lost).unlink()
    with pytest.raises(FileNotFoundError, match=lost if lost != "model.cbm" else "model.skops"):
        Scorer.load(copy, "1")


def test_a_version_with_another_models_leaf_tables_does_not_load(version_folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(version_folder, tmp_path / "version")
    other = fit_version(tmp_path / "other", SCHEMA, TABLE, outcomes(TABLE), TABLE)
    shutil.copy(other / "leaf_shap.npz", copy)
    with pytest.raises(ValueError, match="belongs to model"):
        Scorer.load(copy, "1")


def test_scoring_rows_needs_no_catboost_nor_what_it_brings_along(version_folder: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from credit_platform.scoring.scorer import Scorer; "
        "Scorer.load(Path(sys.argv[1]), '1').explain({}); "
        "heavy = {'catboost', 'dagster', 'evidently', 'mlflow', 'pandas', 'scipy', 'shap', 'sklearn'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program, str(version_folder)], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_a_version_that_was_stored_without_its_leaf_index_scores_the_same(
    version_folder: Path, scorer: Scorer, tmp_path: Path
) -> None:
    copy = shutil.copytree(version_folder, tmp_path / "version")
    (copy / "leaf_index.npz").unlink()
    assert (Scorer.load(copy, "7").table_margins(TABLE) == scorer.table_margins(TABLE)).all()
