"""The explanations are tested on the scorer's tests' version."""

from credit_platform_tests.scoring.conftest import scorer, version_folder

__all__ = ["scorer", "version_folder"]
