"""What stands between the network and the endpoints, in order. What each layer knows is in its own module.

Not here: what a body may contain (`bodies.py`), and which scope an endpoint needs (it says so itself).
"""

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from credit_platform.settings import Settings
from serving.access import OPEN_PATHS, AccessControl
from serving.headers import SecurityHeaders
from serving.keys import KeyRing
from serving.limits import Allowance, BodyLimit, ConcurrencyLimit, RateLimit, TimeLimit, WholeBody
from serving.metrics import Metrics
from serving.observation import Observation
from serving.problems import Kind

BATCH_PATH = "/predict/batch"
UPLOAD_PATHS = (BATCH_PATH, f"/v1{BATCH_PATH}")
"""Where bodies may be as large, and take as long, as an upload."""

METRICS_PATH = "/metrics"

REFUSALS: tuple[Kind, ...] = (
    "unauthorised",
    "not-exposed",
    "forbidden",
    "upload-too-slow",
    "body-too-large",
    "too-many-requests",
    "overloaded",
    "too-slow",
)
"""What any endpoint may answer because of these layers; for OpenAPI."""


def key_ring(settings: Settings) -> KeyRing:
    """The keys that the settings name.

    Raises:
        KeyFileError: the key file can't be used.
    """
    return KeyRing(settings.keys_file, settings.api_key.get_secret_value() if settings.api_key else "")


def protect(app: FastAPI, settings: Settings, keys: KeyRing, metrics: Metrics) -> None:
    """Puts the layers around an application."""
    ordinary = Allowance(settings.api_max_body_bytes, settings.api_body_seconds, settings.api_timeout_seconds)
    upload_seconds = settings.api_upload_timeout_seconds
    uploads = dict.fromkeys(UPLOAD_PATHS, Allowance(settings.api_max_upload_bytes, upload_seconds, upload_seconds))

    # The last one added is the first one asked. Whoever watches over the server is let through at any load.
    watched = OPEN_PATHS | {METRICS_PATH, f"/v1{METRICS_PATH}"}
    app.add_middleware(ConcurrencyLimit, most=settings.api_concurrency, waiting=settings.api_waiting, exempt=watched)
    app.add_middleware(WholeBody, uploads=UPLOAD_PATHS)
    app.add_middleware(TimeLimit, ordinary=ordinary, others=uploads)
    app.add_middleware(BodyLimit, ordinary=ordinary, others=uploads)
    if settings.api_requests_per_second:
        app.add_middleware(RateLimit, rate=settings.api_requests_per_second)
    app.add_middleware(AccessControl, keys=keys, origins=settings.api_origins)
    if settings.api_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.api_origins,
            allow_methods=("GET", "POST"),
            allow_headers=("Authorization", "Content-Type", "X-API-Key", "X-Request-ID"),
            expose_headers=("Retry-After", "X-Request-ID"),
        )
    app.add_middleware(Observation, metrics=metrics)
    app.add_middleware(SecurityHeaders)
