"""Settings come from the environment, refuse nonsense and give every path from one root."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from credit_platform.settings import Settings
from credit_platform.settings import settings as process_settings


def test_every_path_lies_under_the_data_folder(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, data_dir=tmp_path)
    paths = [
        settings.landing_dir,
        settings.lake_dir,
        settings.monitoring_dir,
        settings.dagster_home,
        settings.mlflow_dir,
    ]
    assert len(set(paths)) == len(paths)
    assert all(tmp_path in path.parents for path in paths)


def test_the_environment_sets_what_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDIT_THREADS", "7")
    monkeypatch.setenv("CREDIT_COST_FALSE_NEGATIVE", "12.5")
    settings = Settings(_env_file=None)
    assert (settings.threads, settings.cost_false_negative) == (7, 12.5)


def test_an_env_file_sets_what_it_names_and_the_environment_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("CREDIT_THREADS=3\nCREDIT_SEED=4\nSOMETHING_ELSE=5\n")
    monkeypatch.setenv("CREDIT_SEED", "6")
    settings = Settings(_env_file=tmp_path / ".env")
    assert (settings.threads, settings.seed) == (3, 6)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("threads", 0),
        ("cost_false_negative", 0),
        ("cost_false_positive", -1),
        ("test_share", 0.5),
        ("valid_share", 0),
        ("cross_validation_folds", 1),
        ("drift_share", 1.1),
        ("memory_limit", None),
    ],
)
def test_nonsense_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(ValidationError, match=name):
        Settings(_env_file=None, **{name: value})


def test_settings_cannot_be_changed_in_passing(settings: Settings) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        settings.threads = 9  # type: ignore[misc]


def test_mlflow_runs_go_to_a_store_in_the_data_folder_unless_a_server_is_named(tmp_path: Path) -> None:
    assert Settings(_env_file=None, data_dir=tmp_path).tracking_uri == f"sqlite:///{tmp_path}/mlflow/mlflow.db"
    assert Settings(_env_file=None, mlflow_tracking_uri="http://mlflow:5000").tracking_uri == "http://mlflow:5000"


def test_the_key_is_not_shown(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, api_key="open sesame")
    assert "sesame" not in repr(settings)
    assert settings.api_key is not None
    assert settings.api_key.get_secret_value() == "open sesame"


def test_a_process_reads_its_settings_once() -> None:
    assert process_settings() is process_settings()
