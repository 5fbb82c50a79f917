"""Who decides, and how that changes: the registry's alias and the ledger, also where a process dies between the two."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from credit_platform.model import registry, succession
from credit_platform.model.ledger import LedgerError, opened
from credit_platform.model.succession import PromotionError, history, promote, reconcile, roll_back, settle
from credit_platform.settings import Settings
from credit_platform_tests.gates import register, report

pytestmark = pytest.mark.xdist_group("graph")


@pytest.fixture
def settings(tracked: Settings) -> Settings:
    """A registry that several tests share, with a model of the test's own that has two versions."""
    register(tracked), register(tracked)
    return tracked


def deciding(settings: Settings) -> str | None:
    return registry.number_under(settings, settings.model_alias)


def lines(settings: Settings) -> list[tuple[str, str | None, str | None, str]]:
    return [(e.kind, e.from_version, e.to_version, state) for e, state in history(settings)[0]]


@pytest.fixture
def signed_off(settings: Settings) -> Settings:
    return settings.model_copy(update={"promotion": "sign-off"})


def test_where_there_is_no_registry_there_is_no_history(tmp_path: Path) -> None:
    bare = Settings(_env_file=None, data_dir=tmp_path / "data", mlflow_tracking_uri="")
    assert history(bare) == ([], ())
    assert not bare.mlflow_dir.exists()


def test_a_passed_gate_promotes(settings: Settings) -> None:
    assert settle(settings, report("1")).result == "promoted"
    assert deciding(settings) == "1"
    assert settle(settings, report("2", "1")).result == "promoted"
    assert deciding(settings) == "2"
    assert lines(settings) == [("promotion", None, "1", "done"), ("promotion", "1", "2", "done")]
    assert history(settings)[0][0].entry.by == "the gate"


def test_a_failed_gate_is_recorded_with_its_reasons_and_changes_nothing(settings: Settings) -> None:
    settle(settings, report("1"))
    failed = report("2", "1", passes=False)
    outcome = settle(settings, failed)
    assert (outcome.result, outcome.reason) == ("refused", failed.reason)
    assert deciding(settings) == "1"
    assert lines(settings)[1:] == [("refusal", "1", "2", "")]
    assert history(settings)[0][1].entry.why == failed.reason


def test_the_version_that_decides_is_not_promoted_again(settings: Settings) -> None:
    settle(settings, report("1"))
    assert settle(settings, report("1")).result == "unchanged"
    assert len(lines(settings)) == 1


def test_a_gate_that_compared_with_another_champion_decides_nothing(settings: Settings) -> None:
    register(settings)
    settle(settings, report("1"))
    late = report("3", "1")
    settle(settings, report("2", "1"))
    with pytest.raises(PromotionError, match="version 3 was compared with version 1, while by now version 2 decides"):
        settle(settings, late)
    assert deciding(settings) == "2"


def test_with_sign_off_a_passed_gate_waits_for_a_person(signed_off: Settings) -> None:
    outcome = settle(signed_off, report("1"))
    assert outcome.result == "waits"
    assert outcome.reason.endswith("credit-platform promote 1 --by NAME --why TEXT")
    assert deciding(signed_off) is None
    assert lines(signed_off) == [("sign-off request", None, "1", "waits")]
    promote(signed_off, "1", "Ann", "the swap set looks right")
    assert deciding(signed_off) == "1"
    assert lines(signed_off) == [("sign-off request", None, "1", "promoted"), ("promotion", None, "1", "done")]
    entry = history(signed_off)[0][1].entry
    assert (entry.by, entry.why, entry.overridden) == ("Ann", "the swap set looks right", ())


def test_a_promotion_is_told_by_the_registry_too(settings: Settings) -> None:
    settle(settings, report("1"))
    tags = registry.client(settings).get_model_version(settings.model_name, "1").tags
    entry = history(settings)[0][0].entry
    assert (tags["promoted_by"], tags["promoted_entry"]) == ("the gate", entry.name)
    assert tags["gate"] == "passed"
    assert tags["gate_report"] == entry.gate_report


def test_the_gate_report_lies_with_the_versions_run_for_machines_and_for_people(settings: Settings) -> None:
    made = report("1")
    settle(settings, made)
    assert succession.gate_report(settings, "1") == made
    path = history(settings)[0][0].entry.gate_report
    assert registry.attached(settings, "1", path.replace(".json", ".md")) == made.markdown()
    assert succession.gate_report(settings, "2") is None


def test_a_version_that_failed_its_gate_is_promoted_only_by_override_and_the_ledger_says_so(settings: Settings) -> None:
    settle(settings, report("1"))
    settle(settings, report("2", "1", passes=False))
    with pytest.raises(PromotionError, match="cheaper than champion: costs"):
        promote(settings, "2", "Ann", "I like it")
    assert deciding(settings) == "1"
    assert lines(settings)[-1] == ("refusal", "1", "2", "")
    assert history(settings)[0][-1].entry.by == "Ann"
    promote(settings, "2", "Ann", "the regulator asks for it", override=True)
    assert deciding(settings) == "2"
    entry = history(settings)[0][-1].entry
    assert entry.why == "the regulator asks for it"
    assert any("cheaper than champion" in against for against in entry.overridden)


def test_a_version_that_no_gate_has_seen_is_not_promoted(settings: Settings) -> None:
    with pytest.raises(PromotionError, match="it has not been through the gate"):
        promote(settings, "1", "Ann", "in a hurry")
    assert deciding(settings) is None


def test_a_version_compared_with_an_earlier_champion_is_not_promoted(signed_off: Settings) -> None:
    settle(signed_off, report("1"))
    settle(signed_off, report("2"))
    promote(signed_off, "2", "Ann", "first come")
    with pytest.raises(PromotionError, match="it was compared with no champion, while by now version 2 decides"):
        promote(signed_off, "1", "Bob", "second come")


def test_a_gate_report_that_was_edited_does_not_count(signed_off: Settings) -> None:
    settle(signed_off, report("1", passes=False))
    path = history(signed_off)[0][0].entry.gate_report
    text = registry.attached(signed_off, "1", path)
    assert text is not None
    registry.attach(signed_off, "1", path, text.replace('"passed": false', '"passed": true'))
    with pytest.raises(PromotionError, match="is not the one that the ledger names"):
        promote(signed_off, "1", "Ann", "it passed, see?")


@pytest.mark.parametrize("version", ["7", "seven", ""])
def test_a_version_that_is_not_registered_is_named(settings: Settings, version: str) -> None:
    with pytest.raises(registry.NoModelError, match=f"no version '{version}' of model"):
        promote(settings, version, "Ann", "why not")
    assert lines(settings) == []


@pytest.mark.parametrize(("by", "why"), [("", "reason"), ("Ann", "  ")])
def test_nobody_decides_without_name_and_reason(settings: Settings, by: str, why: str) -> None:
    settle(settings, report("1"))
    for decide in (lambda: promote(settings, "1", by, why), lambda: roll_back(settings, by, why)):
        with pytest.raises(PromotionError, match="needs a name"):
            decide()


def test_a_rollback_goes_back_to_the_champion_before_and_once_more_to_the_one_before_that(settings: Settings) -> None:
    register(settings)
    settle(settings, report("1"))
    settle(settings, report("2", "1"))
    settle(settings, report("3", "2"))
    assert roll_back(settings, "Ann", "complaints").version == "2"
    assert roll_back(settings, "Ann", "more of them").version == "1"
    assert deciding(settings) == "1"
    assert lines(settings)[3:] == [("rollback", "3", "2", "done"), ("rollback", "2", "1", "done")]
    tags = registry.client(settings).get_model_version(settings.model_name, "2").tags
    assert tags["reinstated_why"] == "complaints"
    assert tags["rolled_back_why"] == "more of them"
    with pytest.raises(PromotionError, match="there is no earlier champion"):
        roll_back(settings, "Ann", "and again")


def test_a_rollback_may_name_an_earlier_champion_but_no_other_version(settings: Settings) -> None:
    register(settings), register(settings)
    for version, champion in (("1", None), ("2", "1"), ("3", "2")):
        settle(settings, report(version, champion))
    with pytest.raises(PromotionError, match="version 4 has never decided"):
        roll_back(settings, "Ann", "a try", to="4")
    with pytest.raises(PromotionError, match="version 3 decides already"):
        roll_back(settings, "Ann", "a try", to="3")
    assert roll_back(settings, "Ann", "far back", to="1").version == "1"
    assert deciding(settings) == "1"


def test_a_version_that_was_rolled_back_is_not_promoted_again_without_a_person(settings: Settings) -> None:
    settle(settings, report("1"))
    settle(settings, report("2", "1"))
    roll_back(settings, "Ann", "complaints")
    outcome = settle(settings, report("2", "1"))
    assert outcome.result == "waits"
    assert "was rolled back by Ann (complaints)" in outcome.reason
    assert deciding(settings) == "1"
    promote(settings, "2", "Ann", "complaints were about something else")
    assert deciding(settings) == "2"


class KilledError(BaseException):
    """The process dies."""


@contextmanager
def killed(monkeypatch: pytest.MonkeyPatch, after_the_alias_moved: bool) -> Iterator[None]:
    """Whoever moves the alias in the block dies of it, just before or just after."""
    point = registry.point

    def dying(settings: Settings, alias: str, number: str) -> None:
        if after_the_alias_moved:
            point(settings, alias, number)
        raise KilledError

    with monkeypatch.context() as patched, suppress(KilledError):
        patched.setattr(registry, "point", dying)
        yield
        pytest.fail("the alias was not moved")


def test_a_promotion_that_died_before_the_alias_moved_did_not_take_place_and_can_be_repeated(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(settings, report("1"))
    made = report("2", "1")
    with killed(monkeypatch, after_the_alias_moved=False):
        settle(settings, made)
    (note,) = reconcile(settings)
    assert "from version 1 to 2 was interrupted before the alias moved and did not take place" in note
    assert reconcile(settings) == ()
    assert lines(settings)[1:] == [("promotion", "1", "2", "not carried out")]
    promote(settings, "2", "Ann", "once more")
    assert deciding(settings) == "2"


def test_a_promotion_that_died_after_the_alias_moved_is_done_and_the_registry_told(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(settings, report("1"))
    with killed(monkeypatch, after_the_alias_moved=True):
        settle(settings, report("2", "1"))
    outcome = settle(settings, report("2", "1"))
    assert outcome.result == "unchanged"
    assert "was interrupted after the alias had moved; it is recorded as done now" in outcome.notes[0]
    assert lines(settings)[1:] == [("promotion", "1", "2", "done")]
    assert registry.client(settings).get_model_version(settings.model_name, "2").tags["promoted_by"] == "the gate"
    assert reconcile(settings) == ()


def test_a_rollback_that_died_after_the_alias_moved_is_done(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(settings, report("1"))
    settle(settings, report("2", "1"))
    with killed(monkeypatch, after_the_alias_moved=True):
        roll_back(settings, "Ann", "complaints")
    assert lines(settings)[2:] == [("rollback", "2", "1", "done")]
    assert settle(settings, report("2", "1")).result == "waits"


def test_an_alias_that_was_moved_by_other_means_is_written_down(settings: Settings) -> None:
    settle(settings, report("1"))
    registry.point(settings, settings.model_alias, "2")
    (note,) = reconcile(settings)
    assert note == "the alias champion names version 2, the ledger 1: moved by other means"
    assert reconcile(settings) == ()
    assert lines(settings)[1:] == [("found", "1", "2", "")]
    assert roll_back(settings, "Ann", "who was that?").version == "1"


def test_a_champion_from_before_the_ledger_is_taken_up(settings: Settings) -> None:
    registry.point(settings, settings.model_alias, "1")
    outcome = settle(settings, report("2", "1"))
    assert outcome.result == "promoted"
    assert "the alias champion names version 1, the ledger None" in outcome.notes[0]
    assert roll_back(settings, "Ann", "back").version == "1"


def test_a_ledger_that_lost_its_end_is_noticed(settings: Settings) -> None:
    settle(settings, report("1"))
    newest = registry.tag_of_model(settings, "promotion_ledger")
    folder = settings.data_dir / "model" / "promotions" / settings.model_name
    (folder / f"{newest}.json").rename(folder / ".away")
    with pytest.raises(LedgerError, match=f"the registry names entry {newest}, which the ledger"):
        reconcile(settings)
    registry.client(settings).delete_registered_model_tag(settings.model_name, "promotion_ledger")
    assert "recorded as done" in reconcile(settings)[0]


def test_a_damaged_ledger_lets_nobody_promote(settings: Settings) -> None:
    settle(settings, report("1"))
    with opened(settings) as book:
        first = book.entries[0]
    path = settings.data_dir / "model" / "promotions" / settings.model_name / f"{first.name}.json"
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), "by": "somebody"}), "utf-8")
    with pytest.raises(LedgerError, match="is not what was written"):
        settle(settings, report("2", "1"))
    assert deciding(settings) == "1"


def test_the_signature_of_a_version_is_seen(tracked: Settings) -> None:
    import mlflow
    import pandas as pd
    from mlflow.models import infer_signature

    frame = pd.DataFrame({"a": [1.0]})
    client = registry.client(tracked)
    experiment = client.get_experiment_by_name(tracked.mlflow_experiment)
    for signature in (infer_signature(frame), None):
        with mlflow.start_run(experiment_id=experiment.experiment_id):
            mlflow.pyfunc.log_model(
                name="model",
                python_model=mlflow.pyfunc.PythonModel(),
                registered_model_name=tracked.model_name,
                signature=signature,
                pip_requirements=[],
            )
    assert registry.has_signature(tracked, "1")
    assert not registry.has_signature(tracked, "2")
