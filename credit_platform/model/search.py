"""The search for a challenger: a grid of each family, judged by business cost and AUC in cross-validation.

Models are fitted without class weights unless asked otherwise: weights leave the ranking as it is and break the
probabilities, which the business cost needs (benchmarks/model.md measures it). Not here: which families there are
(`families.py`), and what is made of the winner's out-of-fold margins (`calibration.py`, `business_cost.py`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from credit_platform import compute
from credit_platform.model.business_cost import Costs, cost_per_client
from credit_platform.model.calibration import log_odds
from credit_platform.model.families import CATBOOST, FAMILIES, Family
from credit_platform.settings import Settings

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.model_selection import StratifiedKFold

Grids = Mapping[str, Mapping[str, Sequence[Any]]]
Selected = Callable[[NDArray[np.intp]], "pd.DataFrame"]


@dataclass(frozen=True)
class Trial:
    """One point of a family's grid, with its cost per client and AUC on each fold, and seconds per fit.

    `rounds` of boosting are those that early stopping left on each fold, 0 for a family without.
    """

    family: str
    parameters: Mapping[str, Any]
    costs: tuple[float, ...]
    aucs: tuple[float, ...]
    seconds: float
    rounds: tuple[int, ...] = ()

    @property
    def cost(self) -> float:
        return float(np.mean(self.costs))


@dataclass(frozen=True)
class Found:
    """The winner, fitted on all rows; its out-of-fold margins (n,), in log-odds; and every trial there was.

    The winning trial's parameters hold the rounds of boosting.
    """

    trial: Trial
    estimator: Any
    margins: NDArray[np.float64]
    trials: tuple[Trial, ...]


def costs_of(settings: Settings) -> Costs:
    return Costs(settings.cost_false_negative, settings.cost_false_positive)


def search(
    settings: Settings,
    train: "pd.DataFrame",
    outcomes: NDArray[np.int64],
    grids: Grids,
    weight: NDArray[np.float64] | None = None,
    progress: Callable[[str], None] = lambda _: None,
    selected: Selected | None = None,
) -> Found:
    """Fits every point of every grid on every fold, then the winner on each fold again and on all rows.

    `grids` maps families to the values of their parameters. CatBoost wins unless another family costs less by more than
    the standard error of the difference over the folds: it is explained exactly and served fastest.

    Early stopping ends with the search: the winner is fitted with the mean of the rounds that it left on the folds.
    Each fit would stop elsewhere, and the margins of a model of fifty trees say nothing of how to calibrate one of two
    hundred: in 16 samples of 3,000 clients the slope on new clients had a standard deviation of 0.35, and so has 0.14.

    `selected` gives the frame with the features that some rows by themselves choose. Without it the margins held out
    come from features that their own outcomes helped to choose, and seem better than they are.

    Raises:
        KeyError: no such family, or none at all.
    """
    if (unknown := sorted(set(grids) - set(FAMILIES))) or not grids:
        raise KeyError(f"asked for {', '.join(unknown) or 'no family'}; families are {', '.join(FAMILIES)}")
    trials: list[Trial] = []
    for family, grid in grids.items():
        trials += _trials(settings, family, grid, train, outcomes, weight)
        best = min((trial for trial in trials if trial.family == family), key=lambda trial: trial.cost)
        progress(f"{family}: cost {best.cost:.4f} per client, AUC {np.mean(best.aucs):.4f}, {best.seconds:.1f} s a fit")
    winner = _held(_winner(trials))
    progress(f"{winner.family} wins with {dict(winner.parameters)}; fitting it out of fold and on all rows")
    margins = _out_of_fold(settings, winner, outcomes, weight, selected or (lambda _: train))
    return Found(winner, fit(settings, winner, train, outcomes, weight), margins, tuple(trials))


def fit(
    settings: Settings,
    trial: Trial,
    train: "pd.DataFrame",
    outcomes: NDArray[np.int64],
    weight: NDArray[np.float64] | None = None,
) -> Any:
    """The estimator of a trial, fitted on a frame of shape (n, features)."""
    from threadpoolctl import threadpool_limits

    estimator = FAMILIES[trial.family].estimator(settings).set_params(**trial.parameters)
    with threadpool_limits(settings.threads):
        return estimator.fit(train, outcomes, **_weighted(estimator, weight))


def _trials(
    settings: Settings,
    family: str,
    grid: Mapping[str, Sequence[Any]],
    train: "pd.DataFrame",
    outcomes: NDArray[np.int64],
    weight: NDArray[np.float64] | None,
) -> list[Trial]:
    from sklearn.model_selection import GridSearchCV
    from threadpoolctl import threadpool_limits

    kind = FAMILIES[family]
    estimator = kind.estimator(settings)
    cutoff = uncalibrated_cutoff(costs_of(settings), outcomes, weight)
    searched = GridSearchCV(
        estimator,
        {name: list(values) for name, values in grid.items()},
        scoring=_judged(kind, costs_of(settings), cutoff),
        refit=False,
        cv=folds_of(settings),
        n_jobs=settings.search_jobs if settings.compute == "local" else None,
        error_score="raise",
    )
    with compute.fitting(settings), threadpool_limits(settings.threads):
        results = searched.fit(train, outcomes, **_weighted(estimator, weight)).cv_results_
    folds = range(settings.cross_validation_folds)
    return [
        Trial(
            family,
            parameters,
            tuple(float(results[f"split{fold}_test_business_cost"][i]) for fold in folds),
            tuple(float(results[f"split{fold}_test_auc"][i]) for fold in folds),
            float(results["mean_fit_time"][i]),
            tuple(int(results[f"split{fold}_test_rounds"][i]) for fold in folds),
        )
        for i, parameters in enumerate(results["params"])
    ]


def _judged(kind: Family, costs: Costs, cutoff: float) -> Callable[..., dict[str, float]]:
    """What a fit comes to on the clients held out, each of whom counts once, whatever weights it was fitted with."""

    def score(fitted: Any, x: "pd.DataFrame", y: NDArray[np.int64], sample_weight: Any = None) -> dict[str, float]:  # noqa: ARG001
        from sklearn.metrics import roc_auc_score

        probability = fitted.predict_proba(x)[:, 1]
        return {
            "business_cost": cost_per_client(y, probability >= cutoff, costs),
            "auc": float(roc_auc_score(y, probability)),
            "rounds": kind.rounds(fitted),
        }

    return score


def uncalibrated_cutoff(costs: Costs, outcomes: NDArray[np.int64], weight: NDArray[np.float64] | None) -> float:
    """The theoretical cut-off, moved to where it lies among the odds of a model that was fitted with weights."""
    cutoff = costs.theoretical_threshold
    if weight is None:
        return cutoff
    odds = cutoff / (1 - cutoff) * weight[outcomes == 1].mean() / weight[outcomes == 0].mean()
    return float(odds / (1 + odds))


def _winner(trials: Sequence[Trial]) -> Trial:
    cheapest = min(trials, key=lambda trial: trial.cost)
    ours = min((trial for trial in trials if trial.family == CATBOOST), key=lambda trial: trial.cost, default=cheapest)
    saved = np.subtract(ours.costs, cheapest.costs)
    return cheapest if saved.mean() > saved.std(ddof=1) / np.sqrt(len(saved)) else ours


def _held(trial: Trial) -> Trial:
    """The trial with the rounds of boosting that the folds stopped at, on average."""
    rounds = max(1, round(np.mean(trial.rounds)))
    return replace(trial, parameters={**trial.parameters, **FAMILIES[trial.family].held(rounds)})


def _out_of_fold(
    settings: Settings,
    trial: Trial,
    outcomes: NDArray[np.int64],
    weight: NDArray[np.float64] | None,
    selected: Selected,
) -> NDArray[np.float64]:
    margins = np.empty(len(outcomes))
    for seen, held_out in folds_of(settings).split(outcomes, outcomes):
        train = selected(seen)
        of_seen = None if weight is None else weight[seen]
        model = fit(settings, trial, train.iloc[seen], outcomes[seen], of_seen)
        margins[held_out] = log_odds(model.predict_proba(train.iloc[held_out])[:, 1])
    return margins


def _weighted(estimator: Any, weight: NDArray[np.float64] | None) -> dict[str, NDArray[np.float64]]:
    """The weights as a fit takes them: a pipeline hands them to its last step."""
    if weight is None:
        return {}
    steps = getattr(estimator, "steps", None)
    return {f"{steps[-1][0]}__sample_weight" if steps else "sample_weight": weight}


def folds_of(settings: Settings) -> "StratifiedKFold":
    """The folds of the search, the same for every family."""
    from sklearn.model_selection import StratifiedKFold

    return StratifiedKFold(settings.cross_validation_folds, shuffle=True, random_state=settings.seed)
