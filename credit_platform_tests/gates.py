"""Gate reports that pass or fail, and versions to go with them, without any model being fitted."""

from dataclasses import replace

import numpy as np

from credit_platform.model import registry
from credit_platform.model.business_cost import Costs
from credit_platform.model.promotion import DEFAULT_LIMITS, GateReport, Judged, compare
from credit_platform.settings import Settings

LIMITS = replace(DEFAULT_LIMITS, resamples=20, confidence=0.5)

random = np.random.default_rng(3)
PROBABILITY = random.beta(1, 5, 800)
DEFAULTED = random.random(800) < PROBABILITY
GUESSED = random.permutation(PROBABILITY)


def register(settings: Settings) -> str:
    """Registers a version without files and returns its number."""
    client = registry.client(settings)
    if not client.search_registered_models(f"name = '{settings.model_name}'"):
        client.create_registered_model(settings.model_name)
    run = client.create_run(client.get_experiment_by_name(settings.mlflow_experiment).experiment_id).info
    return str(client.create_model_version(settings.model_name, f"{run.artifact_uri}/model", run.run_id).version)


def report(version: str, champion: str | None = None, passes: bool = True) -> GateReport:
    """A gate report on a version that knows the probabilities, or guesses; the champion does the other."""
    new, old = (PROBABILITY, GUESSED) if passes else (GUESSED, PROBABILITY)
    clients = np.arange(len(DEFAULTED))
    made = compare(
        DEFAULTED,
        Judged(version, clients, new, 0.2, True),
        Judged(champion, clients, old, 0.2) if champion else None,
        costs=Costs(4, 1),
        limits=LIMITS,
    )
    assert made.passed is passes
    return made
