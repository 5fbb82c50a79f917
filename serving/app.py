"""The API: puts endpoints, the models, the decision log and the protection together.

What endpoints there are stands in `routes/`, what they know beside it. Never import dagster, evidently, shap,
scikit-learn or an `assets.py` from here: they cost seconds and memory.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from credit_platform.model.registry import CHALLENGER
from credit_platform.settings import Settings
from credit_platform.settings import settings as settings_of_process
from serving import applications, bodies, problems
from serving.champion import ConfiguredRegistry, CurrentVersion, ModelSource, NoRegistry, Registry, Seat, Versions
from serving.desk import Desk
from serving.documentation import add_documentation
from serving.keys import KeyRing
from serving.logs import AnonymousPaths
from serving.metrics import Metrics
from serving.protection import key_ring, protect
from serving.readiness import Readiness, leave_slowly
from serving.recorder import Recorder
from serving.routes import alerts, insight, outcomes
from serving.routes.applications import of_records
from serving.routes.batches import batch_decisions
from serving.routes.clients import of_mart
from serving.routes.decisions import decided, deciding
from serving.routes.dossier import on_file
from serving.routes.drift import monitoring
from serving.routes.insight import behind_decisions
from serving.routes.model import model_in_force
from serving.routes.operation import operation
from serving.routes.portfolio import by_cohort

VERSION = "0.1.0"
PREFIX = "/v1"


def create_app(
    settings: Settings | None = None,
    model_source: ModelSource | None = None,
    patience: float = 10.0,
    current_version: CurrentVersion | None = None,
    registry: Registry | None = None,
) -> FastAPI:
    """The API. It asks the registry, by default the configured one, every `patience` seconds for the champion.

    `model_source` brings the champion from elsewhere; `current_version` says which version that would be now.
    """
    settings = settings or settings_of_process()
    keys, measured = key_ring(settings), Metrics()
    serves = partial(measured.serves, settings.model_name)
    if model_source is None:
        registry = registry or ConfiguredRegistry(settings)
        seat = Seat.under(registry, settings, settings.model_alias, patience, serves)
    else:
        registry = registry or NoRegistry()
        seat = Seat(model_source, f"{settings.model_name}@{settings.model_alias}", patience, current_version, serves)
    challenger = Seat.under(registry, settings, CHALLENGER, patience) if settings.shadow_challenger else None
    recorder = Recorder(settings, measured)
    readiness = Readiness([lambda: None if seat.occupant else "No model is in force.", recorder.missing])
    desk = Desk(settings, seat, challenger, recorder, measured)
    seats = [seat] if challenger is None else [seat, challenger]

    def look() -> None:
        for each in seats:
            each.look()
        recorder.open()

    async def watch() -> None:
        """Looks again and again, in a thread, whether there is another version, or a log where there was none."""
        await asyncio.to_thread(applications.online_mart)
        while True:
            await asyncio.sleep(max(patience, 0.01))
            await asyncio.to_thread(look)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        # Here rather than in `python -m serving`, because uvicorn sets up its loggers before it makes the app.
        access_log, anonymous = logging.getLogger("uvicorn.access"), AnonymousPaths()
        access_log.addFilter(anonymous)
        await asyncio.to_thread(look)
        watching = asyncio.create_task(watch())
        with leave_slowly(readiness, settings.api_drain_seconds):
            yield
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
        await asyncio.to_thread(recorder.close)
        access_log.removeFilter(anonymous)
        measured.close()

    app = FastAPI(
        title="Credit platform",
        summary="Probability of default, decision and reasons for a client.",
        description=f"Every path is also answered without {PREFIX}.",
        version=VERSION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    problems.install(app)
    for routes in (
        deciding(desk),
        decided(desk, Versions(registry.load, seats)),
        batch_decisions(settings, desk),
        of_mart(settings, desk),
        of_records(desk),
        behind_decisions(settings, desk),
        outcomes.outcomes(desk),
        model_in_force(settings, seat, registry.card),
        on_file(settings, seat),
        by_cohort(settings),
        monitoring(settings),
        alerts.alerting(settings),
        operation(readiness, measured),
    ):
        app.include_router(routes, prefix=PREFIX)
        app.include_router(routes, include_in_schema=False)
    add_documentation(app)
    _describe(app, seat, keys)
    protect(app, settings, keys, measured)
    return app


def _describe(app: FastAPI, seat: Seat, keys: KeyRing) -> None:
    """Makes OpenAPI name the features of the model in force, and the key where one is asked for: as it is now."""
    made: dict[tuple[str | None, bool], dict[str, Any]] = {}

    def openapi() -> dict[str, Any]:
        champion = seat.occupant
        now = (champion.scorer.version if champion else None, keys.required)
        if now not in made:
            document = get_openapi(title=app.title, summary=app.summary, version=app.version, routes=app.routes)
            components = document.setdefault("components", {})
            schemas = components.setdefault("schemas", {})
            schemas["FieldProblem"] = problems.FieldProblem.model_json_schema()
            schemas["Problem"] = problems.Problem.model_json_schema(ref_template=bodies.REFERENCE)
            schemas["Problem"].pop("$defs")
            schemas |= champion.bodies.components() if champion else bodies.untyped_components()
            schemas |= applications.components() | outcomes.components() | alerts.components() | insight.components()
            if keys.required:
                components["securitySchemes"] = {"key": {"type": "apiKey", "in": "header", "name": "X-API-Key"}}
                document["security"] = [{"key": []}]
            made.clear()
            made[now] = document
        return made[now]

    app.openapi = openapi  # type: ignore[method-assign]
