"""Who is approved, counted by hand."""

import json
import warnings

import numpy as np
import pyarrow as pa
import pytest

from credit_platform.model.fairness import AUDITED, audit

CUTOFF = 0.1


def clients(**groups: tuple[int, int, int, int]) -> tuple[pa.Table, np.ndarray, np.ndarray]:
    """Clients by gender: approved who repay, approved who default, refused who would have, refused who do not."""
    gender, defaulted, probability = [], [], []
    for name, counts in groups.items():
        for count, (p, y) in zip(counts, ((0.05, 0), (0.05, 1), (0.4, 0), (0.4, 1)), strict=True):
            gender += [name] * count
            defaulted += [y] * count
            probability += [p] * count
    return pa.table({"CODE_GENDER": gender}), np.array(defaulted), np.array(probability)


def audited(*world: object, resamples: int = 200) -> dict[str, dict[str, float]]:
    return {row["group"]: row for row in audit(*world, CUTOFF, resamples, seed=1)}  # type: ignore[arg-type]


def test_the_impact_ratio_compares_approval_rates_with_those_of_the_most_approved_group() -> None:
    found = audited(*clients(F=(80, 10, 8, 2), M=(50, 10, 20, 20)))
    assert set(found) == {"F", "M"}
    assert (found["F"]["approval rate"], found["M"]["approval rate"]) == (0.9, 0.6)
    assert found["F"]["impact ratio"] == 1
    assert found["M"]["impact ratio"] == pytest.approx(0.6 / 0.9)
    assert (found["F"]["clients"], found["M"]["clients"]) == (100, 100)


def test_the_ratio_is_of_approvals_and_not_of_predicted_defaults() -> None:
    """Taken on the positive class of the model it would say that the group refused more often is favoured."""
    found = audited(*clients(F=(80, 10, 8, 2), M=(50, 10, 20, 20)))
    assert found["M"]["impact ratio"] < 1


def test_the_interval_covers_the_ratio_and_that_of_the_most_approved_group_is_1() -> None:
    found = audited(*clients(F=(80, 10, 8, 2), M=(50, 10, 20, 20)))
    assert 0.5 < found["M"]["low"] < found["M"]["impact ratio"] < found["M"]["high"] < 0.85
    assert (found["F"]["low"], found["F"]["high"]) == (1, 1)


def test_the_interval_covers_the_true_ratio_about_as_often_as_it_says() -> None:
    random, held = np.random.default_rng(2), 0
    for _ in range(60):
        group = random.choice(["F", "M"], 600)
        approved = random.random(600) < np.where(group == "F", 0.8, 0.6)
        world = pa.table({"CODE_GENDER": group}), np.zeros(600, int), np.where(approved, 0.0, 1.0)
        found = audited(*world, resamples=120)["M"]
        held += found["low"] <= 0.75 <= found["high"]
    assert held >= 52


def test_good_clients_refused_and_defaults_stand_beside_it() -> None:
    found = audited(*clients(F=(80, 10, 8, 2), M=(50, 10, 20, 20)))
    assert found["F"]["good clients refused"] == pytest.approx(8 / 88)
    assert found["M"]["good clients refused"] == pytest.approx(20 / 70)
    assert found["F"]["default rate"] == pytest.approx(0.12)
    assert found["M"]["default rate"] == pytest.approx(0.3)


def test_a_group_of_few_clients_is_not_judged_and_is_nobodys_yardstick() -> None:
    found = audited(*clients(F=(60, 10, 20, 10), M=(50, 10, 20, 20), XNA=(10, 0, 0, 0)))
    assert set(found) == {"F", "M"}
    assert found["F"]["impact ratio"] == 1


def test_a_single_group_has_nothing_to_be_compared_with() -> None:
    assert audited(*clients(F=(60, 10, 20, 10), XNA=(10, 0, 0, 0))) == {}


@pytest.mark.parametrize(
    "groups",
    [
        {"F": (0, 0, 60, 10), "M": (0, 0, 50, 10)},
        {"F": (60, 10, 0, 0), "M": (50, 10, 0, 0)},
    ],
)
def test_where_everyone_is_treated_alike_the_ratio_is_1(groups: dict[str, tuple[int, int, int, int]]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = audited(*clients(**groups))
    assert {(row["impact ratio"], row["low"], row["high"]) for row in found.values()} == {(1, 1, 1)}


def test_every_audited_attribute_is_looked_at_by_itself_and_ages_and_children_in_groups() -> None:
    random = np.random.default_rng(3)
    rows = pa.table(
        {
            "CODE_GENDER": random.choice(["F", "M"], 900),
            "DAYS_BIRTH": -365.25 * random.uniform(21, 69, 900),
            "NAME_FAMILY_STATUS": random.choice(["Married", "Widow"], 900),
            "CNT_CHILDREN": random.choice([0, 1, 2], 900),
            "NAME_CONTRACT_TYPE": random.choice(["Cash loans", "Revolving loans"], 900),
        }
    )
    found = audit(rows, random.integers(0, 2, 900), random.random(900), CUTOFF, 20, seed=1)
    groups: dict[str, set[str]] = {}
    for row in found:
        groups.setdefault(row["by"], set()).add(row["group"])
    assert groups == {
        "gender": {"F", "M"},
        "age": {"under 30", "30 to 39", "40 to 49", "50 to 59", "60 and over"},
        "family status": {"Married", "Widow"},
        "children": {"children", "no children"},
    }
    assert tuple(groups) == AUDITED
    for kind in AUDITED:
        assert sum(row["clients"] for row in found if row["by"] == kind) == 900
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_the_same_seed_gives_the_same_intervals() -> None:
    world = clients(F=(80, 10, 8, 2), M=(50, 10, 20, 20))
    assert audited(*world) == audited(*world)
