"""What is on file about versions of the model, for whoever answers for them."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from credit_platform.model import registry
from credit_platform.settings import Settings
from serving import dossier
from serving.access import needs
from serving.champion import Seat
from serving.routes import refusals, router
from serving.wishes import parameters, wishes_of

VersionNumber = Annotated[
    str | None,
    Query(pattern=r"^[0-9]{1,9}$", description="A version's number.", examples=["7"]),
]


def on_file(settings: Settings, seat: Seat) -> APIRouter:
    """The endpoints."""
    routes = router("model")
    scope = [needs("review")]
    of_version = refusals("not-found", "no-model", "invalid-request", "damaged")

    @routes.get("/model/evaluation", responses=of_version, dependencies=scope)
    def evaluation(version: VersionNumber = None) -> dossier.Evaluation:
        """How a version, by default the one in force, did on clients it was not fitted on: metrics, curve, groups."""
        return dossier.evaluation(settings, version or seat.champion().scorer.version)

    @routes.get("/model/cut-off", responses=refusals("no-model"), dependencies=scope)
    def cut_off() -> dossier.Defence:
        """Why the cut-off in force lies where it does."""
        return dossier.defence(seat.champion().scorer)

    @routes.get(
        "/model/importance",
        responses=refusals("no-model", "invalid-request"),
        openapi_extra={"parameters": parameters()},
        dependencies=scope,
    )
    def importance(request: Request) -> dossier.Importance:
        """What moves the version in force, by family of reasons and by feature, strongest first."""
        return dossier.importance(settings, seat.champion().scorer, wishes_of(request).language)

    @routes.get("/model/versions", responses=refusals(), dependencies=scope)
    def versions() -> list[dossier.ListedVersion]:
        """The newest fifty versions with what was measured of them, the newest first."""
        return dossier.versions(settings)

    @routes.get("/model/promotions", responses=refusals("damaged"), dependencies=scope)
    def promotions() -> list[dossier.Promotion]:
        """The promotion ledger, the newest entry first: who let which version decide, and why."""
        return dossier.promotions(settings)

    @routes.get("/model/gate", responses=of_version, dependencies=scope)
    def gate(version: VersionNumber = None) -> dossier.Gate:
        """The gate's report on a version, by default the challenger: rules, numbers side by side, who flips."""
        number = version or registry.number_under(settings, registry.CHALLENGER) or seat.champion().scorer.version
        return dossier.gate(settings, number)

    return routes
