"""The card of a version that was trained, judged and put before the gate: what a validator needs is on it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from credit_platform.lake import require
from credit_platform.model import registry
from credit_platform.model.assets import SearchConfig, candidate, champion, evaluation, model_card, scorecard
from credit_platform.model.card import CARD, MADE_WITH, model_card_markdown
from credit_platform.model.provenance import code_digest
from credit_platform.resources import resources
from credit_platform.settings import Settings

pytestmark = pytest.mark.xdist_group("graph")

SMALL = SearchConfig(families={"catboost": {"depth": [2], "iterations": [10], "learning_rate": [0.3]}})


@pytest.fixture(scope="module")
def carded(store: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    own = store.model_copy(update={"model_name": "carded", "mlflow_experiment": "carded", "bootstrap_samples": 20})
    with pytest.MonkeyPatch.context() as environment:
        environment.chdir(tmp_path_factory.mktemp("elsewhere"))
        result = dg.materialize(
            [scorecard, candidate, evaluation, champion, model_card],
            resources=resources(own),
            run_config=dg.RunConfig({"candidate": SMALL}),
        )
        assert result.success
        yield own


@pytest.fixture(scope="module")
def text(carded: Settings) -> str:
    return registry.attached(carded, "1", f"{CARD}.md") or ""


@pytest.fixture(scope="module")
def page(carded: Settings) -> str:
    return registry.attached(carded, "1", f"{CARD}.html") or ""


def test_it_has_a_section_for_each_thing_a_validator_asks_for(text: str) -> None:
    assert re.findall(r"(?m)^## (.*)$", text) == [
        "In short",
        "What to look at",
        "What it is for, and what not",
        "Data, and how it was trained",
        "Judged on the test part",
        "The cut-off and its defence",
        "Points and grades",
        "Reasons",
        "Protected attributes",
        "How it was found",
        "The gate",
        "Limits",
        "To rebuild it",
        "Sign-off",
    ]


def test_its_numbers_are_those_that_were_measured(carded: Settings, text: str) -> None:
    report = json.loads(registry.attached(carded, "1", "evaluation/report.json") or "")["test"]
    auc, rate = report["metrics"]["auc"], report["metrics"]["default_rate"]
    assert f"| {auc['value']:.4f} ({auc['low']:.4f} to {auc['high']:.4f}) |" in text
    assert f"| {rate['value']:.2%} ({rate['low']:.2%} to {rate['high']:.2%}) |" in text
    assert all(f"| {row['by']} | {row['group']} |" in text for row in report["segments"])
    assert all(f"| {row['model']:.4f} | {row['scorecard']:.4f} |" in text for row in report["beside_the_scorecard"])


def test_it_names_what_the_version_was_made_with_not_what_is_there_by_now(carded: Settings, text: str) -> None:
    made = json.loads(registry.attached(carded, "1", MADE_WITH) or "")
    splits = require(carded, "feature_splits").content
    assert made["data"]["feature_splits"] == splits
    assert [(row["part"], row["clients"]) for row in made["parts"]] == [("train", 300), ("valid", 300), ("test", 300)]
    for digest in (splits, made["code"], code_digest()):
        assert f"| {digest} |" in text
    for library, number in made["libraries"].items():
        assert f"| {library} | {number} |" in text


def test_it_says_whether_the_version_decides(carded: Settings, text: str) -> None:
    deciding = registry.number_under(carded, carded.model_alias) == "1"
    assert f"and {'decides' if deciding else 'does not decide'}; `credit-platform promotions`" in text


def test_the_page_holds_its_pictures_and_no_scripts(page: str, text: str) -> None:
    links = re.findall(r"\]\((\.\./evaluation/\w+\.png)\)", text)
    assert len(links) == page.count('src="data:image/png;base64,') == 7
    assert "../evaluation" not in page
    assert "<script" not in page
    anchors = re.findall(r'<a href="#([\w-]+)">', page)
    assert len(anchors) == 14
    assert all(f'id="{anchor}"' in page for anchor in anchors)


def test_a_version_that_was_not_evaluated_has_no_card(carded: Settings, tmp_path: Path) -> None:
    from credit_platform_tests.worlds import register, write_version

    number = register(carded, write_version(tmp_path / "version"))
    with pytest.raises(LookupError, match="has not been evaluated; materialise evaluation first"):
        model_card_markdown(carded, registry.version(carded, number))
