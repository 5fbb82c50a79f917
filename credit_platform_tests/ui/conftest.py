"""The page runs against the API's own small world."""

from credit_platform_tests.serving.conftest import scorer, settings, version_folder

__all__ = ["scorer", "settings", "version_folder"]
