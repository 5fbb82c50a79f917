"""API keys: the file they are kept in, what opens what, and changes while the server runs."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from credit_platform.settings import Settings
from credit_platform_tests.serving.conftest import local
from credit_platform_tests.serving.small import small
from serving import commands, keys
from serving.app import create_app
from serving.champion import NoRegistry
from serving.keys import KeyFileError, KeyRing, add_key, read_keys, revoke_key


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A changed key file is noticed with the next request."""
    monkeypatch.setattr(keys, "_LOOK_EVERY_SECONDS", 0)


def test_a_key_opens_what_it_was_made_for_and_the_file_does_not_tell_it(tmp_path: Path) -> None:
    file = tmp_path / "new" / "api-keys.json"
    key, secret = add_key(file, "ui", ["score", "explain"])
    caller = KeyRing(file).caller(secret.encode())
    assert caller is not None
    assert (caller.name, caller.scopes) == ("ui", {"score", "explain"})
    assert secret not in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    assert read_keys(file) == (key,)


@pytest.mark.parametrize(
    "change", [lambda s: s[:-1], lambda s: s[:-1] + "~", str.upper, lambda s: s[12:], lambda _: ""]
)
def test_what_is_not_quite_the_key_opens_nothing(tmp_path: Path, change: object) -> None:
    file = tmp_path / "api-keys.json"
    _, secret = add_key(file, "ui", ["score"])
    assert KeyRing(file).caller(change(secret).encode()) is None  # type: ignore[operator]


def test_the_secret_of_one_key_with_the_id_of_another_opens_nothing(tmp_path: Path) -> None:
    file = tmp_path / "api-keys.json"
    (one, secret), (other, _) = add_key(file, "a", ["score"]), add_key(file, "b", ["admin"])
    assert KeyRing(file).caller(secret.replace(one.id, other.id).encode()) is None


def test_several_keys_of_one_name_are_valid_at_once(tmp_path: Path) -> None:
    file = tmp_path / "api-keys.json"
    old, new = (add_key(file, "ui", ["score"])[1] for _ in range(2))
    ring = KeyRing(file)
    assert ring.caller(old.encode()) == ring.caller(new.encode()) is not None


def test_an_expired_key_opens_nothing_any_more(tmp_path: Path) -> None:
    file, now = tmp_path / "api-keys.json", datetime.now(UTC)
    _, past = add_key(file, "ui", ["score"], now - timedelta(seconds=1))
    ring = KeyRing(file)
    assert ring.caller(past.encode()) is None
    assert ring.required
    assert not ring.usable
    _, future = add_key(file, "ui", ["score"], now + timedelta(hours=1))
    assert KeyRing(file).caller(future.encode()) is not None


@pytest.mark.usefixtures("at_once")
def test_keys_are_added_and_revoked_while_the_server_runs(settings: Settings) -> None:
    with small(settings) as (_, api):
        assert api.get("/caller").json()["caller"] == "local"
        old, secret = add_key(settings.keys_file, "ui", ["score"])
        assert api.get("/caller").status_code == 401
        assert api.get("/caller", headers={"X-API-Key": secret}).json()["caller"] == "ui"
        _, newer = add_key(settings.keys_file, "ui", ["score"])
        revoke_key(settings.keys_file, old.id)
        assert api.get("/caller", headers={"X-API-Key": secret}).status_code == 401
        assert api.get("/caller", headers={"X-API-Key": newer}).status_code == 200


@pytest.mark.usefixtures("at_once")
def test_a_door_that_was_locked_is_not_opened_by_removing_the_keys(settings: Settings) -> None:
    key, _ = add_key(settings.keys_file, "ui", ["score"])
    with small(settings) as (_, api):
        revoke_key(settings.keys_file, key.id)
        assert api.get("/caller").status_code == 401
        settings.keys_file.unlink()
        assert api.get("/caller").status_code == 401


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("damage", ["{", '{"keys": [{"id": "x"}]}', "readable"])
def test_a_damaged_file_leaves_the_keys_in_force(
    settings: Settings, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    _, secret = add_key(settings.keys_file, "ui", ["score"])
    with small(settings) as (_, api):
        if damage == "readable":
            settings.keys_file.chmod(0o644)
        else:
            settings.keys_file.write_text(damage)
        assert api.get("/caller", headers={"X-API-Key": secret}).status_code == 200
    assert "the API keys stay as they were" in caplog.text


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "api-keys.json"
    add_key(file, "ui", ["score"])
    file.chmod(0o640)
    with pytest.raises(KeyFileError, match="chmod 600"):
        KeyRing(file)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is no key file"),
        (b"\xff", "is no key file"),
        (b"[]", "is no key file"),
        (b'{"keys": [{"id": "0123abcd", "name": "x", "scopes": ["everything"]}]}', "scopes"),
    ],
)
def test_a_file_that_is_no_key_file_is_refused_by_its_place(tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "api-keys.json"
    file.touch(0o600)
    file.write_bytes(content)
    with pytest.raises(KeyFileError, match=words):
        read_keys(file)


def test_the_key_of_the_environment_opens_everything_beside_those_of_the_file(settings: Settings) -> None:
    _, secret = add_key(settings.keys_file, "ui", ["score"])
    with small(settings.model_copy(update={"api_key": SecretStr("open sesame")})) as (_, api):
        assert api.get("/caller", headers={"X-API-Key": "open sesame"}).json()["caller"] == "default"
        assert api.get("/caller", headers={"X-API-Key": secret}).json()["caller"] == "ui"
        assert api.get("/metrics", headers={"X-API-Key": "open sesame"}).status_code == 200


class TestCommands:
    @pytest.fixture(autouse=True)
    def _own_settings(self, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(commands, "settings", lambda: settings)
        monkeypatch.setenv("COLUMNS", "160")

    def call(self, *arguments: str) -> tuple[int, str, str]:
        result = CliRunner().invoke(commands.keys, arguments)
        return result.exit_code, result.stdout, result.stderr

    def test_a_key_is_shown_once_listed_and_revoked(self, settings: Settings) -> None:
        code, secret, _ = self.call("add", "ui", "--scope", "score", "--scope", "explain", "--expires", "2999-01-01")
        assert code == 0
        caller = KeyRing(settings.keys_file).caller(secret.strip().encode())
        assert caller is not None
        assert caller.scopes == {"score", "explain"}
        number = secret.split("_")[1]
        _, listed, _ = self.call("list")
        assert all(told in listed for told in (number, "ui", "score, explain", "2999-01-01"))
        assert secret.strip() not in listed
        assert self.call("revoke", number) == (0, f"revoked key {number} of ui\n", "")
        assert self.call("list")[1] == "there are no keys\n"

    def test_what_can_not_be_done_is_said(self, settings: Settings) -> None:
        assert self.call("revoke", "00000000")[0] == 1
        assert "letters, digits" in self.call("add", "no name!", "--scope", "score")[2]
        assert self.call("add", "ui")[0] != 0
        settings.keys_file.touch(0o600)
        settings.keys_file.write_text(json.dumps({"keys": 1}))
        assert "is no key file" in self.call("list")[2]
        os.chmod(settings.keys_file, 0o604)
        assert "chmod 600" in self.call("add", "ui", "--scope", "score")[2]


def test_the_description_names_the_key_as_soon_as_there_is_one(settings: Settings, at_once: None) -> None:
    with local(create_app(settings, registry=NoRegistry())) as api:
        assert "securitySchemes" not in api.get("/openapi.json").json()["components"]
        _, key = add_key(settings.keys_file, "somebody", ["score"])
        described = api.get("/openapi.json", headers={"X-API-Key": key}).json()
        assert described["components"]["securitySchemes"]["key"]["name"] == "X-API-Key"
