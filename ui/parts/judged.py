"""The parts that a version was judged on, and the one that a person looks at."""

import streamlit as st

from ui.answers import dossier
from ui.answers.dossier import Interval, Judged
from ui.problems import ApiError, UserError
from ui.texts import Texts
from ui.visit import Visit, remembered


def choose(visit: Visit, key: str) -> Judged:
    """How the version in force did on the part that is chosen, by default the newest clients.

    Raises:
        UserError: it was not judged, or this person may not know.
    """
    t, version = visit.t, visit.model.version
    try:
        found = remembered("evaluation", version, lambda: dossier.evaluation(visit.api, version))
    except ApiError as error:
        raise (UserError("not-judged", version=version) if error.key == "not-found" else error) from None
    parts = {part.part: part for part in found.parts}
    chosen = st.segmented_control(
        t("judged.part"),
        list(parts),
        format_func=lambda part: t(
            "judged.of", part=t.get(f"judged.parts.{part}", part), clients=_count(t, parts[part])
        ),
        default=found.parts[-1].part,
        required=True,
        key=f"{key}_part",
    )
    return parts[chosen or found.parts[-1].part]


def written(t: Texts, found: Interval, decimals: int = 3) -> str:
    """A number with its interval."""
    value, low, high = (t.number(each, decimals) for each in (found.value, found.low, found.high))
    return t("judged.interval", value=value, low=low, high=high)


def written_share(t: Texts, value: float, low: float, high: float) -> str:
    """A share with its interval."""
    return t("judged.interval", value=t.percent(value), low=t.percent(max(low, 0.0)), high=t.percent(high))


def _count(t: Texts, part: Judged) -> str:
    return t.number(part.clients)
