"""What moves the model: families and features by mean absolute SHAP value, and the reason table."""

import streamlit as st

from ui import charts, curves
from ui.answers import dossier
from ui.answers.dossier import Importance
from ui.visit import Visit, remembered

_STRONGEST = 12


def show(visit: Visit) -> None:
    t = visit.t
    key = (visit.model.version, t.language)
    found = remembered("importance", key, lambda: dossier.importance(visit.api, t.language))
    st.markdown(t("moves.what"))
    st.subheader(t("moves.features"), anchor=False)
    _swarm(visit, found)
    with st.expander(t("moves.all", number=t.number(len(found.features))), icon=":material/list:"):
        _features(visit, found)
    st.subheader(t("moves.families"), anchor=False)
    _families(visit, found)
    with st.expander(t("moves.table"), icon=":material/chat:"):
        _reasons(visit, found)


def _families(visit: Visit, found: Importance) -> None:
    t = visit.t
    shown = [family for family in found.families if family.importance > 0]
    figure = curves.strengths(
        visit.palette,
        [family.title for family in shown],
        [family.importance for family in shown],
        [t.number(family.importance, 2) for family in shown],
        [not family.told for family in shown],
    )
    charts.draw(figure, t("moves.described_families"), "moves_families")


def _swarm(visit: Visit, found: Importance) -> None:
    t = visit.t
    shown = [feature for feature in found.features[:_STRONGEST] if feature.points]
    if not shown:
        st.info(t("moves.no_points"), icon=":material/info:")
        strongest = found.features[:_STRONGEST]
        figure = curves.strengths(
            visit.palette,
            [feature.label for feature in strongest],
            [feature.importance for feature in strongest],
            [t.number(feature.importance, 2) for feature in strongest],
            [False] * len(strongest),
        )
        charts.draw(figure, t("moves.described_features"), "moves_features")
        return
    words = {each: t(f"moves.{each}") for each in ("low", "middle", "high", "none", "axis")}
    figure = curves.swarm(
        visit.palette,
        [_short(feature.label) for feature in shown],
        [[(point.contribution, point.rank) for point in feature.points] for feature in shown],
        words,
    )
    charts.draw(figure, t("moves.described_swarm"), "moves_swarm")


def _reasons(visit: Visit, found: Importance) -> None:
    import pandas as pd

    t = visit.t
    table = pd.DataFrame(
        {
            t("moves.code"): [family.code.replace("-", "\N{NON-BREAKING HYPHEN}") for family in found.families],
            t("moves.family"): [family.title for family in found.families],
            t("moves.told"): [t(f"moves.{'yes' if family.told else 'never'}") for family in found.families],
            t("moves.text"): [family.against for family in found.families],
            t("moves.advice"): [family.advice for family in found.families],
            t("moves.count"): [t.number(family.features) for family in found.families],
        }
    )
    st.table(table.set_index(t("moves.code")))


def _features(visit: Visit, found: Importance) -> None:
    t, titles = visit.t, {family.code: family.title for family in found.families}
    st.dataframe(
        {
            t("moves.feature"): [feature.label for feature in found.features],
            t("moves.column"): [feature.feature for feature in found.features],
            t("moves.family"): [titles[feature.family] for feature in found.features],
            t("moves.strength"): [round(feature.importance, 4) for feature in found.features],
        },
        hide_index=True,
        width="stretch",
    )


def _short(label: str, most: int = 52) -> str:
    return label if len(label) <= most else label[: most - 1].rstrip() + "…"
