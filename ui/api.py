"""The API as the page sees it: answers as plain dicts, and every failure as a sentence for people.

Not here: anything that is shown, or computed from an answer.
"""

from collections.abc import Mapping
from typing import Any

import httpx

from credit_platform.settings import Settings, settings

_PATIENCE = httpx.Timeout(30.0, connect=3.0)  # a server that has just found its first model takes seconds to answer


class ApiError(Exception):
    """The API did not do what was asked; the message says why and what to do about it."""


class Api:
    """The endpoints that the page uses. Every method raises ApiError, and nothing else, when it can't answer."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client

    @property
    def url(self) -> str:
        return str(self.client.base_url).rstrip("/")

    def health(self) -> dict[str, Any]:
        answer = self._object("GET", "/health")
        if not {"model_name", "model_version", "threshold", "training_cohorts"} <= answer.keys():
            raise self._stranger()
        return answer

    def model(self) -> dict[str, Any]:
        return self._object("GET", "/model")

    def clients(self, limit: int) -> dict[str, Any]:
        return self._object("GET", f"/clients?limit={limit}")

    def client_features(self, sk_id_curr: str) -> dict[str, Any]:
        return self._object("GET", f"/clients/{sk_id_curr}")

    def explain(self, features: Mapping[str, Any]) -> dict[str, Any]:
        return self._object("POST", "/explain", {"features": features})

    def drift(self) -> list[dict[str, Any]]:
        answer = self._json(self._ask("GET", "/drift"))
        if not isinstance(answer, list):
            raise self._stranger()
        return answer

    def drift_report(self, cohort: str) -> str:
        return self._ask("GET", f"/drift/{cohort}/report").text

    def _object(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        answer = self._json(self._ask(method, path, body))
        if not isinstance(answer, dict):
            raise self._stranger()
        return answer

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> httpx.Response:
        try:
            answer = self.client.request(method, path, json=body)
        except httpx.TimeoutException:
            raise ApiError(f"The API at {self.url} takes too long to answer. Try again in a moment.") from None
        except (httpx.HTTPError, httpx.InvalidURL):
            raise ApiError(
                f"The API at {self.url} does not answer. Start it with `python -m serving`, "
                "or set CREDIT_API_URL to where it runs."
            ) from None
        except UnicodeError:
            raise ApiError("A text of the request holds half a character. Copy and paste it again.") from None
        except ValueError:
            # JSON has no NaN and no infinity, so httpx does not even send them.
            raise ApiError("A number of the request is not finite; leave a missing value out or use null.") from None
        if answer.is_success:
            return answer
        raise ApiError(_sentence(answer))

    def _json(self, answer: httpx.Response) -> Any:
        try:
            return answer.json()
        except ValueError:
            raise self._stranger() from None

    def _stranger(self) -> ApiError:
        return ApiError(
            f"What answers at {self.url} is not the API of this platform. CREDIT_API_URL says where to look."
        )


def connect(of: Settings | None = None) -> Api:
    """The API that the settings point to, with the key they hold."""
    of = of or settings()
    headers = {"X-API-Key": of.api_key.get_secret_value()} if of.api_key else {}
    # The API is a neighbour, never beyond the proxy that the environment may name.
    return Api(httpx.Client(base_url=of.api_url, headers=headers, timeout=_PATIENCE, trust_env=False))


def _sentence(answer: httpx.Response) -> str:
    if answer.status_code == 401:
        return "The API asks for a key. Set CREDIT_API_KEY to the same value where the API and this page run."
    try:
        problem = answer.json()
        detail, errors = str(problem["detail"]), problem.get("errors", [])
        fields = [f"{e['field'].removeprefix('features.')} {e['problem']}" for e in errors]
    except (ValueError, LookupError, TypeError, AttributeError):
        return f"The API failed with status {answer.status_code} and did not say why; its log will."
    return detail if len(fields) < 2 else f"{detail} " + "; ".join(fields) + "."
