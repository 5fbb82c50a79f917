"""Landing takes a delivery whole or not at all, in every shape it may come in, and never touches it."""

import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from credit_platform.home_credit import landing
from credit_platform.home_credit.delivery import DeliveryError
from credit_platform.home_credit.landing import content_hashes, has_outcomes, land, landed_cohorts
from credit_platform.lake import files
from credit_platform.settings import Settings
from credit_platform_tests.deliveries import TinyDelivery, zipped

COHORT = "2025-01"
TABLES = {
    "application.csv",
    "bureau.csv",
    "bureau_balance.csv",
    "previous_application.csv",
    "POS_CASH_balance.csv",
    "installments_payments.csv",
    "credit_card_balance.csv",
}


def content(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, hidden ones included."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def refusal(settings: Settings, source: Path, cohort: str | None = None) -> str:
    """Why a delivery was refused; checks that neither it nor what was landed before has changed."""
    before = content(settings.data_dir) if settings.data_dir.exists() else {}
    delivered = content(source) if source.is_dir() else {}
    with pytest.raises(DeliveryError) as refused:
        land(settings, source, cohort)
    assert (content(settings.data_dir) if settings.data_dir.exists() else {}) == before
    assert (content(source) if source.is_dir() else {}) == delivered
    return str(refused.value)


def as_kaggle(delivery: TinyDelivery, folder: Path) -> Path:
    """A Kaggle download: two application files with shared histories, and files that are no tables."""
    train = delivery.with_outcomes("application").write(folder)
    (train / "application.csv").rename(train / "application_train.csv")
    other = TinyDelivery()
    for row in other.rows["application"]:
        row["SK_ID_CURR"] = f"2{row['SK_ID_CURR'][1:]}"
    other.write(folder, only=["application"])
    (folder / "application.csv").rename(folder / "application_test.csv")
    (folder / "sample_submission.csv").write_text("SK_ID_CURR,TARGET\n")
    (folder / "HomeCredit_columns_description.csv").write_bytes("Description,\x85\n".encode("latin-1"))
    return folder


def test_a_folder_is_landed_under_its_own_name(settings: Settings, tmp_path: Path, delivery: TinyDelivery) -> None:
    source = delivery.write(tmp_path / COHORT)
    before = content(source)
    (result,) = land(settings, source)
    assert (result.cohort, result.rows["application"], result.warnings) == (COHORT, delivery.clients, [])
    assert landed_cohorts(settings) == [COHORT]
    assert {path.name for path in (settings.landing_dir / COHORT).iterdir()} == {*TABLES, "delivery.json"}
    assert content(source) == before
    assert content(settings.landing_dir / COHORT)["bureau.csv"] == before["bureau.csv"]


def test_the_manifest_tells_rows_and_hashes(landed: Settings) -> None:
    folder = landed.landing_dir / COHORT
    manifest = json.loads((folder / "delivery.json").read_text("utf-8"))
    assert manifest["cohort"] == COHORT
    assert manifest["rows"]["bureau"] == TinyDelivery().clients
    assert manifest["sha256"] == content_hashes(folder)
    assert set(manifest["sha256"]) == TABLES


def test_cohort_names_a_delivery_whose_folder_does_not(
    settings: Settings, tmp_path: Path, delivery: TinyDelivery
) -> None:
    source = delivery.write(tmp_path / "März 25")
    assert "'März 25' is no cohort name; name it with --cohort" in refusal(settings, source)
    land(settings, source, "2025-03")
    assert landed_cohorts(settings) == ["2025-03"]


@pytest.mark.parametrize("cohort", ["", ".", "../x", "../../x", "/x", "a b", ".hidden", "a/b", "x" * 65, "a\n"])
@pytest.mark.parametrize("shape", ["folder", "folder per cohort", "kaggle"])
def test_a_cohort_name_that_could_lead_elsewhere_is_refused(
    settings: Settings, tmp_path: Path, delivery: TinyDelivery, cohort: str, shape: str
) -> None:
    source = tmp_path / "given"
    delivery.write(source / COHORT if shape == "folder per cohort" else source, only=["application"])
    if shape == "kaggle":
        (source / "application.csv").rename(source / "application_train.csv")
    assert f"{cohort!r} is no cohort name" in refusal(settings, source, cohort)


def test_a_folder_per_cohort_is_landed_at_once(settings: Settings, samples: Path) -> None:
    landed = land(settings, samples)
    assert [result.cohort for result in landed] == landed_cohorts(settings)
    assert [has_outcomes(settings, cohort) for cohort in landed_cohorts(settings)] == [True, True, False, False]
    assert all(result.rows["application"] == 400 for result in landed)
    assert [str(warning) for result in landed for warning in result.warnings] == []


def test_several_cohorts_take_no_name(settings: Settings, tmp_path: Path, delivery: TinyDelivery) -> None:
    for cohort in ("2025-01", "2025-02"):
        delivery.write(tmp_path / "given" / cohort, only=["application"])
    message = refusal(settings, tmp_path / "given", "2025-03")
    assert message.endswith("given: holds 2 cohorts, 2025-01, 2025-02; leave out --cohort")


def test_a_problem_names_the_cohorts_folder_and_a_fault_in_one_cohort_keeps_all_out(
    settings: Settings, tmp_path: Path, delivery: TinyDelivery
) -> None:
    source = tmp_path / "given"
    delivery.write(source / "2025-01")
    delivery.rows["bureau"][3]["SK_ID_BUREAU"] = "x"
    delivery.write(source / "2025-02")
    assert refusal(settings, source) == "2025-02/bureau.csv, column SK_ID_BUREAU, row 4: is not a whole number"
    assert landed_cohorts(settings) == []


def test_hidden_folders_are_no_cohorts(settings: Settings, tmp_path: Path, delivery: TinyDelivery) -> None:
    delivery.write(tmp_path / "given" / ".2025-01.partial", only=["application"])
    assert "holds no delivery" in refusal(settings, tmp_path / "given")


@pytest.mark.parametrize("shape", ["folder", "zip", "folder in a folder", "zip of a folder", "zips in a folder"])
def test_a_kaggle_download_becomes_train_and_test_with_shared_histories(
    settings: Settings, tmp_path: Path, delivery: TinyDelivery, shape: str
) -> None:
    outer = tmp_path / "outer"
    inner = as_kaggle(delivery, outer / "home-credit-default-risk")
    source = {
        "folder": inner,
        "folder in a folder": outer,
        "zip": tmp_path / "download.zip",
        "zip of a folder": tmp_path / "download.zip",
        "zips in a folder": inner,
    }[shape]
    if shape.startswith("zip "):
        zipped(outer, source)
    elif shape == "zip":
        zipped(inner, source)
    elif shape == "zips in a folder":
        for path in sorted(inner.iterdir()):
            with zipfile.ZipFile(f"{path}.zip", "w") as archive:
                archive.write(path, path.name)
            path.unlink()
    before = content(outer)
    train, test = land(settings, source)
    assert (train.cohort, test.cohort) == ("train", "test")
    assert has_outcomes(settings, "train")
    assert not has_outcomes(settings, "test")
    for cohort in ("train", "test"):
        assert set(content_hashes(settings.landing_dir / cohort)) == TABLES
    assert content(outer) == before


def test_one_kaggle_application_alone_may_be_named(settings: Settings, tmp_path: Path, delivery: TinyDelivery) -> None:
    source = as_kaggle(delivery, tmp_path / "kaggle")
    assert "holds 2 cohorts, train, test; leave out --cohort" in refusal(settings, source, "2018")
    (source / "application_test.csv").unlink()
    assert [result.cohort for result in land(settings, source, "2018")] == ["2018"]


def test_a_kaggle_download_with_an_application_file_beside_is_refused(
    settings: Settings, tmp_path: Path, delivery: TinyDelivery
) -> None:
    source = delivery.write(as_kaggle(delivery, tmp_path / "kaggle"), only=["application"])
    assert refusal(settings, source) == "application.csv: lies beside Kaggle's; leave one of them out"


def test_two_kaggle_downloads_are_refused(settings: Settings, tmp_path: Path, delivery: TinyDelivery) -> None:
    for name in ("a", "b"):
        as_kaggle(delivery, tmp_path / "given" / name)
    assert "holds the cohort train twice" in refusal(settings, tmp_path / "given")


def test_a_zip_of_bare_files_is_landed_under_its_own_name(
    settings: Settings, tmp_path: Path, delivery: TinyDelivery
) -> None:
    archive = zipped(delivery.write(tmp_path / "files", suffix=".csv.gz"), tmp_path / "2025-05.zip")
    assert [result.cohort for result in land(settings, archive)] == ["2025-05"]
    assert "bureau.csv.gz" in content_hashes(settings.landing_dir / "2025-05")


def test_zips_beside_files_complete_the_folder_and_leave_it_as_it_was(
    settings: Settings, tmp_path: Path, delivery: TinyDelivery
) -> None:
    source = delivery.write(tmp_path / "given" / COHORT).parent
    late = TinyDelivery().with_outcomes().write(tmp_path / "late" / COHORT, only=["outcomes"]).parent
    zipped(late, source / "more.ZIP")
    before = content(source)
    assert [result.cohort for result in land(settings, source)] == [COHORT]
    assert has_outcomes(settings, COHORT)
    assert content(source) == before


def test_a_file_that_is_there_unpacked_and_zipped_is_refused(
    settings: Settings, tmp_path: Path, delivery: TinyDelivery
) -> None:
    source = delivery.write(tmp_path / COHORT, only=["bureau"])
    with zipfile.ZipFile(source / "bureau.csv.zip", "w") as archive:
        archive.write(source / "bureau.csv", "bureau.csv")
    assert refusal(settings, source) == "bureau.csv.zip: holds bureau.csv twice"


def zip_bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("application.csv", bytes(20_000_000))


def zip_without_tables(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("photo.jpg", b"")


def zip_with_password(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("application.csv", b"SK_ID_CURR\n")
    packed = bytearray(path.read_bytes())
    packed[packed.index(b"PK\x01\x02") + 8] |= 1
    packed[packed.index(b"PK\x03\x04") + 6] |= 1
    path.write_bytes(packed)


def zip_with_damage(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("application.csv", b"SK_ID_CURR,TARGET\n" + b"".join(b"%d,0\n" % i for i in range(5000)))
    packed = bytearray(path.read_bytes())
    packed[100:900] = bytes(byte ^ 0xFF for byte in packed[100:900])
    path.write_bytes(packed)


def zip_cut_off(path: Path) -> None:
    zip_with_damage(path)
    path.write_bytes(path.read_bytes()[:-60])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (zip_bomb, "wrong.zip: would unpack to 20,000,000 bytes, which is no delivery"),
        (zip_without_tables, "wrong.zip: holds no delivery; expected application.csv, bureau.csv"),
        (zip_with_password, "wrong.zip: can't be unpacked"),
        (zip_with_damage, "it is damaged, deliver it again"),
        (zip_cut_off, "wrong.zip: is a damaged zip, perhaps cut short; deliver it again"),
        (lambda path: path.write_bytes(b""), "wrong.zip: is a damaged zip, perhaps cut short; deliver it again"),
    ],
)
def test_a_wrong_zip_is_refused_by_name(
    settings: Settings, tmp_path: Path, spoil: Callable[[Path], None], message: str
) -> None:
    spoil(tmp_path / "wrong.zip")
    assert message in refusal(settings, tmp_path / "wrong.zip")


def test_a_zip_writes_nowhere_but_into_the_cohort(
    settings: Settings, tmp_path: Path, delivery: TinyDelivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = zipped(delivery.write(tmp_path / "files"), tmp_path / f"{COHORT}.zip")
    with zipfile.ZipFile(archive, "a") as more:
        more.writestr("../../outcomes.csv", "SK_ID_CURR,TARGET\n100001,0\n")
        more.writestr("../../evil.txt", "evil")
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "a" / "b"))
    before = set(tmp_path.rglob("*"))
    land(settings, archive)
    new = {p for p in set(tmp_path.rglob("*")) - before if settings.data_dir not in (p, *p.parents)}
    assert {str(path.relative_to(tmp_path)) for path in new} == {f"a/b/credit-platform-{os.getuid()}"}
    assert set(content_hashes(settings.landing_dir / COHORT)) == {*TABLES, "outcomes.csv"}


def test_a_path_that_is_not_there_is_refused(settings: Settings, tmp_path: Path) -> None:
    assert refusal(settings, tmp_path / "nowhere") == f"{tmp_path / 'nowhere'}: does not exist"


def test_a_single_table_is_no_delivery(settings: Settings, tmp_path: Path, delivery: TinyDelivery) -> None:
    path = delivery.write(tmp_path / COHORT, only=["bureau"]) / "bureau.csv"
    assert refusal(settings, path) == "bureau.csv: is neither a folder nor a zip; give the delivery's folder or zip"


def test_a_folder_without_tables_is_refused_with_what_was_expected(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "empty: holds no delivery; expected application.csv, bureau.csv" in refusal(settings, tmp_path / "empty")


def test_every_missing_table_is_named(settings: Settings, tmp_path: Path, delivery: TinyDelivery) -> None:
    source = delivery.write(tmp_path / COHORT, only=["application"])
    assert set(refusal(settings, source).splitlines()) == {
        f"{name}: the table is missing from the delivery of cohort {COHORT}" for name in TABLES - {"application.csv"}
    }


def test_all_problems_are_told_at_once(settings: Settings, tmp_path: Path, delivery: TinyDelivery) -> None:
    delivery.rows["bureau_balance"][0]["MONTHS_BALANCE"] = "last month"
    delivery.rows["pos_cash_balance"][1]["SK_ID_CURR"] = ""
    source = delivery.write(tmp_path / COHORT)
    (source / "credit_card_balance.csv").write_bytes(b"")
    (source / "bureau.csv").unlink()
    assert sorted(refusal(settings, source).splitlines()) == [
        "POS_CASH_balance.csv, column SK_ID_CURR, row 2: has no value",
        f"bureau.csv: the table is missing from the delivery of cohort {COHORT}",
        "bureau_balance.csv, column MONTHS_BALANCE, row 1: is not a whole number",
        "credit_card_balance.csv: is empty; a delivered file has at least a header",
    ]


def test_a_truncated_gz_is_refused(settings: Settings, tmp_path: Path, delivery: TinyDelivery) -> None:
    source = delivery.write(tmp_path / COHORT, suffix=".csv.gz")
    path = source / "application.csv.gz"
    path.write_bytes(path.read_bytes()[:-20])
    assert refusal(settings, source).startswith("application.csv.gz: can't be read")


def test_what_is_odd_but_accepted_is_told_and_kept_in_the_manifest(
    settings: Settings, tmp_path: Path, delivery: TinyDelivery
) -> None:
    delivery.rows["application"][0]["NAME_CONTRACT_TYPE"] = "Car loans"
    delivery.rows["bureau"] = []
    expected = [
        "application.csv, column NAME_CONTRACT_TYPE: unknown category 'Car loans'",
        "bureau.csv: holds no rows",
    ]
    (result,) = land(settings, delivery.write(tmp_path / COHORT))
    assert [str(warning) for warning in result.warnings] == expected
    manifest = json.loads((settings.landing_dir / COHORT / "delivery.json").read_text("utf-8"))
    assert manifest["warnings"] == expected


def test_a_corrected_file_replaces_its_own_and_the_others_stay(landed: Settings, tmp_path: Path) -> None:
    before = content_hashes(landed.landing_dir / COHORT)
    corrected = TinyDelivery()
    corrected.rows["bureau_balance"][0]["STATUS"] = "5"
    (result,) = land(landed, corrected.write(tmp_path / COHORT, only=["bureau_balance"], suffix=".csv.gz"))
    after = content_hashes(landed.landing_dir / COHORT)
    assert result.rows == {"bureau_balance": corrected.clients}
    assert set(after) == TABLES - {"bureau_balance.csv"} | {"bureau_balance.csv.gz"}
    assert {name: after[name] for name in before if name in after} == {
        name: before[name] for name in before if name != "bureau_balance.csv"
    }


def test_outcomes_may_come_late_and_alone(landed: Settings, tmp_path: Path, delivery: TinyDelivery) -> None:
    assert not has_outcomes(landed, COHORT)
    land(landed, delivery.with_outcomes().write(tmp_path / COHORT, only=["outcomes"]))
    assert has_outcomes(landed, COHORT)
    assert set(content_hashes(landed.landing_dir / COHORT)) == {*TABLES, "outcomes.csv"}


def test_outcomes_of_a_cohort_that_was_never_landed_are_refused(
    landed: Settings, tmp_path: Path, delivery: TinyDelivery
) -> None:
    source = delivery.with_outcomes().write(tmp_path / "2025-09", only=["outcomes"])
    assert refusal(landed, source) == (
        "outcomes.csv: comes alone, and no cohort 2025-09 has been landed; name the outcomes' cohort with --cohort"
    )


def test_landing_the_same_again_changes_no_hash(landed: Settings) -> None:
    before = content_hashes(landed.landing_dir / COHORT)
    land(landed, landed.landing_dir / COHORT)
    assert content_hashes(landed.landing_dir / COHORT) == before


def test_a_refused_correction_leaves_the_old_landing_intact(landed: Settings, tmp_path: Path) -> None:
    wrong = TinyDelivery()
    wrong.rows["bureau_balance"][2]["MONTHS_BALANCE"] = "x"
    assert "row 3" in refusal(landed, wrong.write(tmp_path / COHORT, only=["bureau_balance"]))


@pytest.mark.parametrize("failing", ["copy", "manifest", "second move"])
def test_a_failure_in_the_middle_leaves_nothing_half_landed_and_the_old_landing_intact(
    landed: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    shutil.copytree(landed.landing_dir / COHORT, landed.landing_dir / "2025-02")
    corrected = TinyDelivery()
    corrected.rows["bureau_balance"][0]["STATUS"] = "5"
    for cohort in (COHORT, "2025-02"):
        corrected.write(tmp_path / "given" / cohort, only=["bureau_balance"])
    before = content(landed.landing_dir)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    exchange, moved = files._exchange, []

    def move(source: Path, target: Path) -> None:
        if target.name == "2025-02" and not moved:
            moved.append(target)
            full()
        exchange(source, target)

    with monkeypatch.context() as patched:
        if failing == "copy":
            patched.setattr(shutil, "copyfile", full)
        elif failing == "manifest":
            patched.setattr(landing.json, "dumps", full)
        else:
            patched.setattr(files, "_exchange", move)
        with pytest.raises(OSError, match="No space left"):
            land(landed, tmp_path / "given")
    assert content(landed.landing_dir) == before
    land(landed, tmp_path / "given")
    assert content(landed.landing_dir) != before


def test_clients_that_another_cohort_holds_are_told(lake: Settings, tmp_path: Path, delivery: TinyDelivery) -> None:
    message = "of its clients are in cohort {} too; where both have outcomes, the newer ones count"
    for cohort in ("2025-02", "2025-03"):
        delivery.write(tmp_path / "given" / cohort)
    delivery.rows["application"][0]["SK_ID_CURR"] = "777"
    delivery.write(tmp_path / "given" / "2025-03", only=["application"])
    told = {result.cohort: [str(warning) for warning in result.warnings] for result in land(lake, tmp_path / "given")}
    assert told == {
        "2025-02": [
            f"application.csv: 12 {message.format(COHORT)}",
            f"application.csv: 11 {message.format('2025-03')}",
        ],
        "2025-03": [
            f"application.csv: 11 {message.format(COHORT)}",
            f"application.csv: 11 {message.format('2025-02')}",
        ],
    }
    assert land(lake, delivery.write(tmp_path / COHORT), COHORT)[0].warnings == []


def test_a_name_that_is_not_utf_8_is_refused(settings: Settings, tmp_path: Path, delivery: TinyDelivery) -> None:
    source = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    source.mkdir()
    delivery.write(source, only=["bureau_balance"])
    assert "has a name that is not UTF-8; rename it" in refusal(settings, source, "2025-01")


def test_progress_is_told(landed: Settings, tmp_path: Path, delivery: TinyDelivery) -> None:
    told: list[str] = []
    land(landed, delivery.write(tmp_path / COHORT, only=["bureau_balance"]), progress=told.append)
    assert told == [f"{COHORT}: checking bureau_balance.csv", f"{COHORT}: landing"]


def test_nothing_is_landed_in_an_empty_data_folder(settings: Settings) -> None:
    assert landed_cohorts(settings) == []
