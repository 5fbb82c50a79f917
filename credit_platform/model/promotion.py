"""The gate a new version passes before it decides: cheaper than no model at all, and cheaper than the champion."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Gate:
    """Whether the challenger is to be promoted, and why or why not, in a sentence."""

    passed: bool
    reason: str


def gate(challenger_cost: float, no_model_cost: float, champion_cost: float | None) -> Gate:
    """Compares costs per client on the same test clients; `champion_cost` is None where there is no champion yet."""
    if challenger_cost >= no_model_cost:
        return Gate(
            False,
            f"costs {challenger_cost:.4f} per client, no less than deciding without a model ({no_model_cost:.4f})",
        )
    if champion_cost is None:
        return Gate(True, f"costs {challenger_cost:.4f} per client against {no_model_cost:.4f} without a model")
    if challenger_cost >= champion_cost:
        return Gate(False, f"costs {challenger_cost:.4f} per client, the champion {champion_cost:.4f}")
    return Gate(True, f"costs {challenger_cost:.4f} per client, less than the champion's {champion_cost:.4f}")
