"""The reason table: every column of the mart has one family, and every family has its texts."""

import re
import string
from collections import Counter
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

import pyarrow as pa
import pytest

from credit_platform.explain.glossary import LANGUAGES, category_words, column_words, declaration
from credit_platform.explain.reason_table import (
    ExplainedFeature,
    ReasonTable,
    families,
    family_of,
    format_of,
    reference_values,
)
from credit_platform.features.schema import Feature, FeatureSchema
from credit_platform.home_credit import contracts
from credit_platform.mart.aggregates import MartColumn
from credit_platform.mart.build import CLIENT_KEY, mart_columns
from credit_platform_tests.worlds import SCHEMA, applicants

COLUMNS = {column.name: column for column in mart_columns() if column.name != CLIENT_KEY}
TELLING = [family for family in families() if not family.protected]
CODES = (
    "R-PRO R-EXT R-ENQ R-AMT R-DEL R-DEB R-BUR R-CIR R-REF R-PRE R-PAY R-POS R-CPA R-CUS R-DOC R-AST R-HOU R-REG R-SOC "
    "R-INC"
)
DECLARED = declaration("reason_table.toml")
DETAILS = DECLARED["details"]


@pytest.fixture(scope="module")
def table() -> ReasonTable:
    return ReasonTable.fit(SCHEMA, applicants(300))


def feature(table: ReasonTable, name: str) -> ExplainedFeature:
    return next(feature for feature in table.features if feature.name == name)


def column(name: str, step: str, *sources: str) -> MartColumn:
    return MartColumn(name, "DOUBLE", step, sources, "expression", "1", "count", "Something new")


def test_every_column_of_the_mart_has_exactly_one_family() -> None:
    counts = Counter(family_of(column) for column in COLUMNS.values())
    print(counts)  # noqa: T201 the sizes of the families, to be read with `pytest -s`
    assert set(counts) == {family.code for family in families()}
    assert counts.total() == len(COLUMNS)


def test_the_codes_of_the_families_stay_what_they_are() -> None:
    assert [family.code for family in families()] == CODES.split()


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("EXT_SOURCE_MEAN", "R-EXT"),
        ("DAYS_EMPLOYED", "R-INC"),
        ("ANNUITY_TO_INCOME", "R-AMT"),
        ("BURO_AMT_CREDIT_SUM_DEBT_SUM", "R-DEB"),
        ("BURO_AMT_CREDIT_SUM_OVERDUE_SUM", "R-DEL"),
        ("BURO_DAYS_CREDIT_MEAN", "R-BUR"),
        ("ENQUIRY_COUNT", "R-ENQ"),
        ("PREV_REFUSED_SHARE", "R-REF"),
        ("APPROVED_AMT_CREDIT_MEAN", "R-PRE"),
        ("INSTAL_LATE_SHARE", "R-PAY"),
        ("POS_LATE_SHARE", "R-POS"),
        ("CC_UTILISATION_MEAN", "R-CUS"),
        ("CC_LATE_SHARE", "R-CPA"),
        ("CC_LATEST_UTILISATION", "R-CUS"),
        ("FLAG_DOCUMENT_3", "R-DOC"),
        ("FLAG_OWN_CAR", "R-AST"),
        ("WALLSMATERIAL_MODE", "R-HOU"),
        ("REGION_RATING_CLIENT", "R-REG"),
        ("HOUR_APPR_PROCESS_START", "R-CIR"),
        ("PREV_WEEKDAY_APPR_PROCESS_START_SUNDAY_SHARE", "R-CIR"),
        ("DEF_30_CNT_SOCIAL_CIRCLE", "R-SOC"),
    ],
)
def test_columns_are_where_an_analyst_looks_for_them(name: str, code: str) -> None:
    assert family_of(COLUMNS[name]) == code


@pytest.mark.parametrize(
    "name",
    [
        "CODE_GENDER",
        "AGE_YEARS",
        "EMPLOYED_TO_BIRTH",
        "NAME_FAMILY_STATUS",
        "CHILDREN_SHARE",
        "INCOME_PER_PERSON",
        "PREV_NAME_TYPE_SUITE_CHILDREN_SHARE",
    ],
)
def test_what_is_computed_from_a_protected_attribute_is_protected_itself(name: str) -> None:
    assert family_of(COLUMNS[name]) == "R-PRO"


def test_further_columns_can_be_protected_with_all_that_is_computed_from_them() -> None:
    assert family_of(COLUMNS["REGION_RATING_CLIENT"], {"REGION_RATING_CLIENT"}) == "R-PRO"
    assert family_of(COLUMNS["CREDIT_TO_INCOME"], {"application.AMT_INCOME_TOTAL"}) == "R-PRO"
    table = ReasonTable.fit(SCHEMA, applicants(50), protected=["application.AMT_INCOME_TOTAL"])
    assert feature(table, "AMT_INCOME_TOTAL").family == "R-PRO"


def test_a_new_column_falls_into_place() -> None:
    assert family_of(column("BURO_WORST_OVERDUE", "bureau", "bureau.CREDIT_DAY_OVERDUE")) == "R-DEL"
    assert family_of(column("SHARE_OF_LIFE", "application", "application.DAYS_BIRTH")) == "R-PRO"


def test_a_new_column_without_words_is_explained_by_its_family_and_never_shown() -> None:
    new = column("BURO_WORST_OVERDUE", "bureau", "bureau.CREDIT_DAY_OVERDUE")
    assert column_words(new) == {}
    assert format_of(new) == "hidden"


def test_a_column_that_fits_no_family_is_refused_with_its_name() -> None:
    with pytest.raises(ValueError, match=r"no family .* fits the column application/SHOE_SIZE"):
        family_of(column("SHOE_SIZE", "application", "application.SHOE_SIZE"))


def test_every_column_has_words_in_both_languages() -> None:
    for name, words in ((column.name, column_words(column)) for column in COLUMNS.values()):
        assert set(words) == set(LANGUAGES), name
        assert not any(re.search(r"[{}_]|^[A-Z]|  ", text) for text in words.values()), words


def test_words_are_put_together_from_measure_aggregate_and_population() -> None:
    assert column_words(COLUMNS["ACTIVE_AMT_CREDIT_SUM_DEBT_SUM"]) == {
        "en": "debt still owed, in total over your running credits elsewhere",
        "fr": "montant restant dû, au total sur vos crédits en cours ailleurs",
    }
    assert (
        column_words(COLUMNS["BURO_DAYS_CREDIT_MAX"])["en"] == "date of application, latest over your credits elsewhere"
    )
    assert column_words(COLUMNS["PREV_COUNT"])["fr"] == "nombre de vos demandes antérieures chez nous"
    assert column_words(COLUMNS["FLAG_DOCUMENT_3"])["en"] == "document 3 handed in"


def test_a_share_names_the_category_that_is_counted() -> None:
    words = column_words(COLUMNS["BURO_CREDIT_TYPE_CAR_LOAN_SHARE"])
    assert words["en"] == 'kind of credit "Car loan", share among your credits elsewhere'
    assert words["fr"] == (
        "type de crédit «\N{NO-BREAK SPACE}crédit automobile\N{NO-BREAK SPACE}», part parmi vos crédits ailleurs"
    )
    assert '"not stated"' in column_words(COLUMNS["BURO_CREDIT_TYPE_MISSING_SHARE"])["en"]


def test_every_category_of_the_application_has_french_words() -> None:
    for name, spec in contracts.table("application").columns.items():
        for category in spec.categories if spec.type == "VARCHAR" else ():
            if category not in ("F", "M", "Y", "N", "Yes", "No", "XNA", "Unknown", "not specified") and name in COLUMNS:
                known = name == "NAME_FAMILY_STATUS" or category_words(category)["fr"] != category
                assert known, f"{name}: {category}"


def test_every_column_that_is_not_declared_hidden_has_a_format() -> None:
    hidden = next(fields["names"] for fields in DECLARED["formats"] if fields["format"] == "hidden")
    unformatted = {name for name, column in COLUMNS.items() if format_of(column) == "hidden"}
    assert unformatted == {name for name in COLUMNS if any(fnmatchcase(name, pattern) for pattern in hidden)}
    assert format_of(COLUMNS["WALLSMATERIAL_MODE"]) == "category"
    assert format_of(COLUMNS["EMERGENCYSTATE_MODE"]) == "flag"
    assert format_of(COLUMNS["PREV_DAYS_SINCE_LAST_REFUSAL"]) == "duration"
    assert format_of(COLUMNS["DAYS_LAST_PHONE_CHANGE"]) == "moment"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("family", TELLING, ids=lambda family: family.code)
def test_every_family_has_its_texts_in_both_languages(family, language: str) -> None:
    assert family.title[language]
    assert placeholders(family.against[language]) == set()
    assert placeholders(family.missing[language]) == {"meaning"}
    assert family.against[language].endswith(".")
    assert not family.advice or family.advice[language].endswith(".")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_case_has_its_details_in_both_languages(language: str) -> None:
    assert set(DETAILS) == {"high", "low", "later", "earlier", "other", "same", "named"}
    for case, words in DETAILS.items():
        known = {"meaning"} if case == "named" else {"meaning", "value"} if case == "same" else None
        assert placeholders(words[language]) == (known or {"meaning", "value", "reference"})


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("family", TELLING, ids=lambda family: family.code)
def test_the_sentences_around_a_value_are_short(family, language: str) -> None:
    longest = max(DETAILS.values(), key=lambda words: len(words[language].split()))[language]
    assert len(family.against[language].split()) + len(longest.split()) <= 20
    assert len(family.missing[language].split()) <= 18
    assert not family.advice or len(family.advice[language].split()) <= 16


def test_french_texts_keep_punctuation_on_the_line() -> None:
    french = [words["fr"] for family in TELLING for words in (family.against, family.missing)]
    french += [column_words(column)["fr"] for column in COLUMNS.values()]
    assert not [text for text in french if re.search(r" [:;!?»]|[«°] ", text)]


def test_no_text_of_a_telling_family_speaks_of_a_protected_attribute() -> None:
    told = [column_words(column) for column in COLUMNS.values() if family_of(column) != "R-PRO"]
    pattern = r"\b(your age|gender|children|family|birth|votre âge|enfants|sexe|naissance|foyer)\b"
    spoken = {text for words in told for text in words.values() if re.search(pattern, text)}
    assert spoken == set()


def test_usual_values_are_medians_and_most_frequent_categories_of_those_that_have_one() -> None:
    schema = FeatureSchema(
        (Feature("BURO_COUNT", "numeric"), Feature("OCCUPATION_TYPE", "category"), Feature("AMT_ANNUITY", "numeric")),
        (),
    )
    rows = pa.table(
        {
            "BURO_COUNT": [1, 2, 9, None],
            "OCCUPATION_TYPE": ["Managers", "Drivers", None, None],
            "AMT_ANNUITY": pa.array([None, float("nan"), None, None], pa.float64()),
        }
    )
    assert reference_values(rows, schema) == {"BURO_COUNT": 2.0, "OCCUPATION_TYPE": "Drivers", "AMT_ANNUITY": None}


def test_rows_that_lack_a_feature_are_refused() -> None:
    with pytest.raises(KeyError, match="BURO_COUNT"):
        ReasonTable.fit(SCHEMA, applicants(20).drop_columns("BURO_COUNT"))


def test_a_feature_that_is_no_column_of_the_mart_is_refused_with_its_name() -> None:
    with pytest.raises(ValueError, match=r"no column of the mart.*SHOE_SIZE"):
        ReasonTable.fit(FeatureSchema((Feature("SHOE_SIZE", "numeric"),), ()), pa.table({"SHOE_SIZE": [42.0]}))


def test_features_stand_in_the_order_of_the_schema_and_know_their_family(table: ReasonTable) -> None:
    assert table.names == SCHEMA.names
    codes = [table.families[place].code for place in table.groups]
    assert codes == ["R-EXT", "R-INC", "R-INC", "R-PRO", "R-AMT", "R-BUR"]
    assert table.members[table.groups[1]].tolist() == [1, 2]


def test_a_stored_table_is_read_unchanged(table: ReasonTable, tmp_path: Path) -> None:
    table.write(tmp_path)
    read = ReasonTable.read(tmp_path)
    assert read == table
    assert read.digest == table.digest


def test_the_digest_changes_with_any_word(table: ReasonTable) -> None:
    assert replace(table, version="2").digest != table.digest
    assert replace(table, families=table.families[1:]).digest != table.digest


def test_a_folder_without_a_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        ReasonTable.read(tmp_path)


def placeholders(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}
