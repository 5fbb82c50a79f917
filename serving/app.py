"""The API: puts endpoints, the model in force and the protection together.

Endpoints are thin: read the request, ask the scorer, the mart or the reports, answer. What they know lies beside this
module. Never import dagster, evidently, shap, scikit-learn or an `assets.py` from here: they cost seconds and memory.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi import Path as UrlPath
from fastapi.concurrency import run_in_threadpool
from fastapi.openapi.utils import get_openapi
from fastapi.responses import FileResponse

from credit_platform.scoring.scorer import Scorer
from credit_platform.settings import Settings
from credit_platform.settings import settings as settings_of_process
from serving import answers, bodies, clients, drift, metrics, problems
from serving.access import needs
from serving.champion import CurrentVersion, ModelSource, Seat, registry_source, registry_version
from serving.documentation import add_documentation
from serving.logs import AnonymousPaths
from serving.metrics import Metrics
from serving.problems import ProblemError
from serving.protection import METRICS_PATH, key_ring, protect
from serving.readiness import Readiness, leave_slowly

VERSION = "0.1.0"
_ANY = needs("score", "explain", "review")


def create_app(
    settings: Settings | None = None,
    model_source: ModelSource | None = None,
    patience: float = 10.0,
    current_version: CurrentVersion | None = None,
) -> FastAPI:
    """The API. Without a model, `model_source` is asked for one at most every `patience` seconds; with one,
    `current_version` is asked whether it is still the champion. By default both ask the configured registry.
    """
    settings = settings or settings_of_process()
    if model_source is None:
        model_source, current_version = registry_source(settings), registry_version(settings)
    seat = Seat(model_source, f"{settings.model_name}@{settings.model_alias}", patience, current_version)
    readiness = Readiness([lambda: None if seat.look() else "No model is in force."])
    keys, measured = key_ring(settings), Metrics()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        # Here rather than in `python -m serving`, because uvicorn sets up its loggers before it makes the app.
        access_log, anonymous = logging.getLogger("uvicorn.access"), AnonymousPaths()
        access_log.addFilter(anonymous)
        await run_in_threadpool(seat.look)
        with leave_slowly(readiness, settings.api_drain_seconds):
            yield
        access_log.removeFilter(anonymous)
        measured.close()

    app = FastAPI(
        title="Credit platform",
        summary="Probability of default, decision and reasons for a client.",
        version=VERSION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    problems.install(app)
    _add_decisions(app, seat, settings)
    _add_clients(app, seat, settings)
    _add_drift(app, settings)
    _add_operation(app, readiness, measured)
    add_documentation(app)
    _describe(app, seat, secured=keys.required)
    protect(app, settings, keys, measured)
    return app


async def _read_body(request: Request) -> bytes:
    return await request.body()


RawBody = Annotated[bytes, Depends(_read_body)]


def _body_of(name: str) -> dict[str, Any]:
    """Refers OpenAPI to a body that is typed only once a model is in force."""
    schema = {"$ref": bodies.REFERENCE.format(model=name)}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def _add_decisions(app: FastAPI, seat: Seat, settings: Settings) -> None:
    @app.get("/health", tags=["model"], responses=problems.document(["no-model"]))
    def health() -> answers.Health:
        """Whether a model is in force, and which."""
        scorer = seat.champion().scorer
        return answers.Health(
            model_name=settings.model_name,
            model_version=scorer.version,
            threshold=scorer.threshold.value,
            training_cohorts=list(scorer.schema.cohorts),
        )

    @app.get("/model", tags=["model"], responses=problems.document(["no-model"]), dependencies=[_ANY])
    def model() -> answers.Model:
        """What the model reads, and where it draws the line."""
        champion = seat.champion()
        scorer = champion.scorer
        return answers.Model(
            name=settings.model_name,
            version=scorer.version,
            training_cohorts=list(scorer.schema.cohorts),
            threshold=answers.ModelThreshold.model_validate(asdict(scorer.threshold)),
            features=[answers.ModelFeature.model_validate(asdict(f)) for f in scorer.schema.features],
            example=champion.bodies.example,
        )

    refusals = problems.document(["no-model", "body-too-large", "invalid-request"])

    @app.post(
        "/predict",
        tags=["decisions"],
        responses=refusals,
        openapi_extra=_body_of("PredictBody"),
        dependencies=[needs("score")],
    )
    def predict(body: RawBody) -> answers.Prediction:
        """Decides on a client from any subset of the model's features; what is not sent counts as missing."""
        champion = seat.champion()
        features = champion.bodies.read_predict(body)
        return answers.Prediction(**_prediction(champion.scorer, features))

    @app.post(
        "/explain",
        tags=["decisions"],
        responses=refusals,
        openapi_extra=_body_of("ExplainBody"),
        dependencies=[needs("explain")],
    )
    def explain(body: RawBody) -> answers.Explanation:
        """Decides as /predict does, and says how far each feature moved the log-odds of default."""
        champion = seat.champion()
        features, top = champion.bodies.read_explain(body)
        explanation = champion.scorer.explain(features)
        meanings = {f.name: f.meaning for f in champion.scorer.schema.features}
        return answers.Explanation(
            **_prediction(champion.scorer, features),
            baseline=explanation.baseline,
            margin=explanation.margin,
            contributions=[
                answers.FeatureContribution(**asdict(c), meaning=meanings[c.feature])
                for c in explanation.contributions[:top]
            ],
            others=sum(c.contribution for c in explanation.contributions[top:]) if top else 0.0,
        )


def _prediction(scorer: Scorer, features: dict[str, Any]) -> dict[str, Any]:
    probability = float(scorer.probabilities([features])[0])
    return {
        "probability_of_default": probability,
        "decision": scorer.decide(probability),
        "threshold": scorer.threshold.value,
        "model_version": scorer.version,
        "missing_features": [name for name in scorer.schema.names if features.get(name) is None],
        "unknown_categories": [
            feature.name
            for feature in scorer.schema.features
            if feature.kind == "category"
            and features.get(feature.name) is not None
            and features[feature.name] not in feature.categories
        ],
    }


def _add_clients(app: FastAPI, seat: Seat, settings: Settings) -> None:
    @app.get(
        "/clients",
        tags=["clients"],
        responses=problems.document(["no-mart", "invalid-request"]),
        dependencies=[_ANY],
    )
    def some_clients(
        limit: Annotated[int, Query(ge=1, le=100, description="How many ids to answer.")] = 20,
    ) -> answers.Clients:
        """A few clients of the newest cohort."""
        cohort, ids = clients.some(settings, limit)
        return answers.Clients(cohort=cohort, clients=ids)

    refusals = problems.document(["not-found", "no-model", "no-mart", "invalid-request"])

    @app.get("/clients/{sk_id_curr}", tags=["clients"], responses=refusals, dependencies=[_ANY])
    def client(sk_id_curr: Annotated[int, UrlPath(ge=1, le=2**63 - 1)]) -> answers.Client:
        """A client's features in the published mart, ready for /predict and /explain."""
        found = clients.find(settings, sk_id_curr, seat.champion().scorer.schema)
        if found is None:
            raise ProblemError("not-found", "No published cohort holds a client with this SK_ID_CURR.")
        return answers.Client(sk_id_curr=sk_id_curr, cohort=found.cohort, features=found.features)


def _add_drift(app: FastAPI, settings: Settings) -> None:
    @app.get("/drift", tags=["drift"], dependencies=[needs("review")])
    def drift_verdicts() -> list[drift.DriftVerdict]:
        """The drift verdicts, newest cohort first; empty until a cohort has been monitored."""
        return drift.verdicts(settings)

    @app.get(
        "/drift/{cohort}/report",
        tags=["drift"],
        response_class=FileResponse,
        dependencies=[needs("review")],
        responses={200: {"content": {"text/html": {}}}, **problems.document(["not-found", "invalid-request"])},
    )
    def drift_report(cohort: str) -> FileResponse:
        """The Evidently report of a cohort."""
        file = drift.report(settings, cohort)
        if file is None:
            raise ProblemError("not-found", "There is no drift report of this cohort; /drift lists those there are.")
        # The report runs scripts of its own; the sandbox keeps them away from everything else on this origin.
        return FileResponse(
            file, media_type="text/html; charset=utf-8", headers={"Content-Security-Policy": "sandbox allow-scripts"}
        )


def _add_operation(app: FastAPI, readiness: Readiness, measured: Metrics) -> None:
    @app.get("/ready", tags=["operation"], responses=problems.document(["not-ready"]))
    def ready() -> answers.Ready:
        """Whether requests should be sent to this server now."""
        readiness.demand()
        return answers.Ready()

    @app.get(METRICS_PATH, tags=["operation"], dependencies=[needs("metrics", "admin")], response_class=Response)
    def scrape() -> Response:
        """Metrics in Prometheus' text format."""
        return Response(measured.text(), media_type=metrics.CONTENT_TYPE)


def _describe(app: FastAPI, seat: Seat, secured: bool) -> None:
    """Makes OpenAPI name the features of the model in force, made anew when the model changes."""
    made: dict[str | None, dict[str, Any]] = {}

    def openapi() -> dict[str, Any]:
        champion = seat.look()
        version = champion.scorer.version if champion else None
        if version not in made:
            document = get_openapi(title=app.title, summary=app.summary, version=app.version, routes=app.routes)
            components = document.setdefault("components", {})
            schemas = components.setdefault("schemas", {})
            schemas["FieldProblem"] = problems.FieldProblem.model_json_schema()
            schemas["Problem"] = problems.Problem.model_json_schema(ref_template=bodies.REFERENCE)
            schemas["Problem"].pop("$defs")
            schemas |= champion.bodies.components() if champion else bodies.untyped_components()
            if secured:
                components["securitySchemes"] = {"key": {"type": "apiKey", "in": "header", "name": "X-API-Key"}}
                document["security"] = [{"key": []}]
            made.clear()
            made[version] = document
        return made[version]

    app.openapi = openapi  # type: ignore[method-assign]
