"""Versions of the model, and the ledger of who let which one decide."""

import streamlit as st

from ui.answers import dossier
from ui.answers.dossier import ListedVersion, Promotion
from ui.visit import Visit

_METRICS = ("test_auc", "test_cost_per_client", "out_of_time_auc", "out_of_time_cost_per_client")


def show(visit: Visit) -> None:
    t = visit.t
    st.subheader(t("versions.title"), anchor=False)
    found = dossier.versions(visit.api)
    if found:
        _versions(visit, found)
    else:
        st.info(t("versions.none"), icon=":material/inbox:")
    st.subheader(t("versions.ledger"), anchor=False)
    entries = dossier.promotions(visit.api)
    if not entries:
        st.info(t("versions.no_entries"), icon=":material/inbox:")
        return
    st.caption(t("versions.signed"))
    for entry in entries:
        _entry(visit, entry)


def _versions(visit: Visit, found: list[ListedVersion]) -> None:
    t = visit.t
    st.dataframe(
        {
            t("versions.version"): [version.number for version in found],
            t("versions.role"): [
                ", ".join(t.get(f"versions.roles.{alias}", alias) for alias in version.aliases) for version in found
            ],
            t("versions.made"): [t.moment(version.made_at) for version in found],
            t("versions.family"): [version.parameters.get("family", "") for version in found],
            t("versions.cohorts"): [_span(version.parameters.get("cohorts", "")) for version in found],
            **{
                t(f"versions.metrics.{name}"): [
                    t.number(version.metrics[name], 3) if name in version.metrics else "" for version in found
                ]
                for name in _METRICS
            },
        },
        hide_index=True,
        width="stretch",
    )


def _span(cohorts: str) -> str:
    names = cohorts.split(", ")
    return names[0] if len(names) == 1 else f"{names[0]} … {names[-1]}"


def _entry(visit: Visit, entry: Promotion) -> None:
    t = visit.t
    with st.container(border=True):
        what, who = st.columns([3, 1], gap="medium")
        kind, state = (t.get(f"versions.{group}.{name}", name) for group, name in _spelled(entry))
        icon = {"promotion": "trending_up", "rollback": "undo", "refusal": "block"}.get(entry.kind, "description")
        moved = t("versions.moved", before=entry.from_version or t("versions.nobody"), after=entry.to_version or "")
        title = f"**:material/{icon}: {kind}** · {moved}" + (f" · {state}" if entry.state else "")
        what.markdown(f"{title}  \n{entry.why}")
        for each in entry.overridden:
            what.markdown(f":orange[:material/gavel: {t('versions.overridden')}] {each}")
        who.markdown(f"**{t('versions.the_gate') if entry.by == 'the gate' else entry.by}**  \n{t.moment(entry.at)}")
        who.caption(t("versions.hash", number=entry.number, hash=entry.hash[:12]))


def _spelled(entry: Promotion) -> tuple[tuple[str, str], tuple[str, str]]:
    return ("kinds", entry.kind.replace(" ", "_").replace("-", "_")), ("states", entry.state.replace(" ", "_"))
