"""Adds the REST reference to the site, made from the API as it is."""

from tempfile import TemporaryDirectory
from typing import Any

from mkdocs.structure.files import File, Files


def on_files(files: Files, config: Any, **_: Any) -> Files:
    """Called by MkDocs once it knows the pages."""
    from pathlib import Path

    from credit_platform.settings import Settings
    from serving.app import create_app
    from serving.reference import reference_markdown

    with TemporaryDirectory() as folder:
        document = create_app(Settings(_env_file=None, data_dir=Path(folder))).openapi()
    files.append(File.generated(config, "rest.md", content=reference_markdown(document)))
    return files
