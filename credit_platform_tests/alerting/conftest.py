"""The rehearsal scores by a registered version, so it is given the model tests' store."""

from credit_platform_tests.model.conftest import store, tracked

__all__ = ["store", "tracked"]
