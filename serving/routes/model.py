"""The model in force: whether there is one, what it reads and where it draws the line, and its card."""

from collections.abc import Callable

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from credit_platform.model.registry import NoModelError
from credit_platform.settings import Settings
from serving import answers
from serving.access import needs
from serving.champion import Seat
from serving.problems import ProblemError
from serving.routes import refusals, router

_PAGE = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"}
CARD_PATH = "/model/card"


def model_in_force(settings: Settings, seat: Seat, card: Callable[[str], str | None]) -> APIRouter:
    """The endpoints. `card` brings the HTML of a version's card."""
    routes = router("model")

    @routes.get("/health", responses=refusals("no-model"))
    async def health() -> answers.Health:
        """Whether a model is in force, and which."""
        scorer = seat.champion().scorer
        return answers.Health(
            model_name=settings.model_name,
            model_version=scorer.version,
            threshold=scorer.threshold.value,
            training_cohorts=list(scorer.schema.cohorts),
        )

    any_key = needs("score", "explain", "review")

    @routes.get("/model", responses=refusals("no-model"), dependencies=[any_key])
    def model() -> answers.Model:
        """What the model reads, and where it draws the line."""
        champion = seat.champion()
        scorer = champion.scorer
        return answers.Model(
            name=settings.model_name,
            version=scorer.version,
            training_cohorts=list(scorer.schema.cohorts),
            threshold=answers.ModelThreshold.model_validate(scorer.threshold),
            scale=answers.ModelScale.model_validate(scorer.scale),
            card=f"/v1{CARD_PATH}",
            features=[answers.ModelFeature.model_validate(feature) for feature in scorer.schema.features],
            example=champion.bodies.example,
        )

    @routes.get(
        CARD_PATH,
        response_class=HTMLResponse,
        responses=refusals("not-found", "no-model"),
        dependencies=[any_key],
    )
    def model_card() -> HTMLResponse:
        """The model card of the version in force."""
        version = seat.champion().scorer.version
        try:
            page = card(version)
        except NoModelError:
            page = None
        if page is None:
            raise ProblemError("not-found", f"Version {version} has no model card.")
        return HTMLResponse(page, headers=_PAGE)

    return routes
