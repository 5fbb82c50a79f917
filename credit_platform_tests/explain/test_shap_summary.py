"""The global SHAP summary on a small model."""

import numpy as np
import pytest

from credit_platform.explain.shap_summary import global_explanation, importance, plots, swarm
from credit_platform.scoring.scorer import Scorer
from credit_platform_tests.worlds import SCHEMA, applicants

TABLE = applicants(60, seed=21)


def test_values_and_baseline_add_up_to_the_models_margin(scorer: Scorer) -> None:
    explanation = global_explanation(scorer, TABLE)
    margin = explanation.values.sum(axis=1) + explanation.base_values
    assert margin == pytest.approx(scorer.table_margins(TABLE), abs=1e-9)
    assert explanation.feature_names == SCHEMA.names


def test_values_that_miss_the_margin_are_refused(scorer: Scorer, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = scorer.table_contributions(TABLE) + 0.01
    monkeypatch.setattr(Scorer, "table_contributions", lambda self, table: wrong)
    with pytest.raises(ArithmeticError, match="miss the model's margin"):
        global_explanation(scorer, TABLE)


def test_categories_are_coloured_by_their_rank_by_name(scorer: Scorer) -> None:
    shown = global_explanation(scorer, TABLE).data[:, SCHEMA.names.index("OCCUPATION_TYPE")]
    values = TABLE.column("OCCUPATION_TYPE").to_pylist()
    ranks = dict(zip(values, shown, strict=True))
    assert ranks == {None: 0, "Drivers": 1, "Laborers": 2, "Managers": 3}


def test_numbers_are_shown_as_they_are_and_gaps_as_gaps(scorer: Scorer) -> None:
    shown = global_explanation(scorer, TABLE).data[:, SCHEMA.names.index("EXT_SOURCE_2")]
    assert np.array_equal(shown, TABLE.column("EXT_SOURCE_2").to_numpy(), equal_nan=True)


def test_importance_is_the_mean_absolute_value_strongest_first(scorer: Scorer) -> None:
    explanation = global_explanation(scorer, TABLE)
    found = importance(explanation)
    strengths = [strength for _, strength in found]
    assert found[0][0] == "EXT_SOURCE_2"
    assert strengths == sorted(strengths, reverse=True)
    assert dict(found)["BURO_COUNT"] == pytest.approx(
        np.abs(explanation.values[:, SCHEMA.names.index("BURO_COUNT")]).mean()
    )


def test_every_plot_is_drawn_and_none_stays_open_in_pyplot(scorer: Scorer) -> None:
    from matplotlib import pyplot as plt

    plt.switch_backend("Agg")
    figures = plots(global_explanation(scorer, TABLE), top=4)
    assert set(figures) == {"shap_bar", "shap_beeswarm", "shap_dependence"}
    titles = [figures[name].axes[0].get_title() for name in ("shap_bar", "shap_beeswarm")]
    assert all(title.startswith("Global SHAP") for title in titles)
    assert figures["shap_dependence"].axes[0].get_xlabel() == "EXT_SOURCE_2"
    assert not plt.get_fignums()


def test_the_bars_are_features_and_not_the_sum_of_the_others(scorer: Scorer) -> None:
    explanation = global_explanation(scorer, TABLE)
    bars = plots(explanation, top=3)["shap_bar"].axes[0]
    names = [label.get_text() for label in bars.get_yticklabels() if label.get_text()]
    assert set(names) == {name for name, _ in importance(explanation)[:3]}


def test_a_swarm_holds_ranks_of_numbers_and_nothing_of_gaps_and_categories(scorer: Scorer) -> None:
    explanation = global_explanation(scorer, TABLE)
    found = swarm(explanation, ["OCCUPATION_TYPE"], points=60)
    assert list(found) == [name for name, _ in importance(explanation)]
    assert all(rank is None for _, rank in found["OCCUPATION_TYPE"])
    ranks = [rank for _, rank in found["EXT_SOURCE_2"]]
    known = [rank for rank in ranks if rank is not None]
    assert (min(known), max(known)) == (0, 1)
    assert ranks.count(None) == TABLE.column("EXT_SOURCE_2").null_count > 0
    contributions = [contribution for contribution, _ in found["EXT_SOURCE_2"]]
    place = SCHEMA.names.index("EXT_SOURCE_2")
    assert contributions == sorted(explanation.values[:, place].tolist())
