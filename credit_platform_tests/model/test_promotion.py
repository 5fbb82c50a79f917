"""The gate and its sentences."""

import pytest

from credit_platform.model.promotion import gate


@pytest.mark.parametrize(
    ("challenger", "no_model", "champion", "passed", "reason"),
    [
        (0.5, 0.8, None, True, "costs 0.5000 per client against 0.8000 without a model"),
        (0.5, 0.8, 0.6, True, "costs 0.5000 per client, less than the champion's 0.6000"),
        (0.5, 0.8, 0.4, False, "costs 0.5000 per client, the champion 0.4000"),
        (0.5, 0.8, 0.5, False, "costs 0.5000 per client, the champion 0.5000"),
        (0.9, 0.8, None, False, "costs 0.9000 per client, no less than deciding without a model (0.8000)"),
        (0.8, 0.8, 1.2, False, "costs 0.8000 per client, no less than deciding without a model (0.8000)"),
    ],
)
def test_a_challenger_must_cost_less_than_no_model_and_than_the_champion(
    challenger: float, no_model: float, champion: float | None, passed: bool, reason: str
) -> None:
    outcome = gate(challenger, no_model, champion)
    assert outcome.passed is passed
    assert outcome.reason == reason
