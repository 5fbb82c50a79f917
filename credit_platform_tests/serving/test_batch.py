"""Decisions on many clients at once: a list, a CSV file, a Parquet file, as one would be decided on."""

import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from fastapi.testclient import TestClient

from credit_platform.scoring.scorer import Scorer
from credit_platform.settings import Settings
from credit_platform_tests.serving.conftest import SCHEMA, local
from credit_platform_tests.serving.test_bad_requests import SECRET, refused
from credit_platform_tests.serving.test_decisions import BAD, GOOD, ask
from serving.app import create_app
from serving.decisions.log import DecisionLog

PATH = "/v1/predict/batch"
CLIENTS = pa.table(
    {
        "SK_ID_CURR": [11, 12, 13],
        "EXT_SOURCE_2": [0.95, 0.02, None],
        "AMT_CREDIT": [100_000, 1_900_000, 500_000],
        "OCCUPATION_TYPE": ["Managers", "Laborers", None],
        "CNT_CHILDREN": [0, 1, 2],  # a column of the mart that this model does not read
    }
)


def as_csv(table: pa.Table) -> bytes:
    out = io.BytesIO()
    pa.csv.write_csv(table, out)
    return out.getvalue()


def as_parquet(table: pa.Table) -> bytes:
    out = io.BytesIO()
    pa.parquet.write_table(table, out)
    return out.getvalue()


def with_broken_text() -> bytes:
    """Parquet does not check that texts are UTF-8."""
    broken = pa.array([b"\xff\xfe"]).view(pa.string())
    return as_parquet(pa.table({"OCCUPATION_TYPE": broken}))


def upload(api: TestClient, content: bytes, query: str = "") -> Any:
    return api.post(f"{PATH}{query}", files={"file": ("clients", content)})


def rows_of(answer: Any) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    kind = answer.headers["content-type"].partition(";")[0]
    if kind == "application/x-ndjson":
        return [json.loads(line) for line in answer.text.splitlines()]
    read = pa.csv.read_csv if kind == "text/csv" else pa.parquet.read_table
    rows: list[dict[str, Any]] = read(io.BytesIO(answer.content)).to_pylist()
    return rows


@pytest.mark.parametrize("query", ["", "?format=csv", "?format=parquet", "?format=ndjson"])
@pytest.mark.parametrize("kind", ["csv", "parquet", "list"])
def test_every_client_of_a_batch_is_decided_on_as_alone_and_on_record(api: TestClient, kind: str, query: str) -> None:
    features = [
        {name: value for name, value in row.items() if name in SCHEMA.names and value is not None}
        for row in CLIENTS.to_pylist()
    ]
    if kind == "list":
        numbers = CLIENTS.column("SK_ID_CURR").to_pylist()
        body = [{"features": row, "sk_id_curr": number} for row, number in zip(features, numbers, strict=True)]
        answer = api.post(f"{PATH}{query}", json=body)
    else:
        answer = upload(api, as_csv(CLIENTS) if kind == "csv" else as_parquet(CLIENTS), query)
    expected = {"list": "ndjson"}.get(kind, kind) if not query else query.removeprefix("?format=")
    assert expected in answer.headers["content-type"]
    rows = rows_of(answer)
    assert [row["SK_ID_CURR"] for row in rows] == [11, 12, 13]
    for row, alone in zip(rows, features, strict=True):
        single = ask(api, "/v1/predict", alone)
        for name in ("probability_of_default", "score", "grade", "decision", "threshold"):
            assert row[name] == single[name]
        assert str(row["model_version"]) == "3"
        record = api.get(f"/v1/decisions/{row['decision_id']}").json()
        assert (record["kind"], record["client"], record["inputs"]) == ("batch", row["SK_ID_CURR"], alone)
        assert api.post(f"/v1/decisions/{row['decision_id']}/replay").json()["identical"]


def test_reasons_come_where_they_are_asked_for_and_are_those_of_the_client_alone(api: TestClient) -> None:
    (good, bad) = rows_of(
        api.post(f"{PATH}?reasons=2&language=fr", json=[{"features": GOOD}, {"features": BAD, "sk_id_curr": 5}])
    )
    single = ask(api, "/v1/predict?reasons=2&language=fr", BAD)
    assert [bad["reason_1"], bad["reason_code_1"]] == [single["reasons"][0]["text"], single["reasons"][0]["code"]]
    assert api.post(f"/v1/decisions/{bad['decision_id']}/replay").json()["identical"]
    assert good["SK_ID_CURR"] is None
    assert "reason_1" not in rows_of(api.post(PATH, json=[{"features": BAD}]))[0]


def test_no_clients_are_no_decisions(api: TestClient) -> None:
    assert rows_of(api.post(PATH, json=[])) == []
    assert rows_of(upload(api, as_csv(CLIENTS.slice(3)))) == []
    assert rows_of(upload(api, as_parquet(CLIENTS.slice(3)))) == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "has no column that the model reads"),
        (b"AMT_CREDIT\n1\ns3cr3t-value\n", "column 1, line 3 does not hold what the model reads there"),
        (b"AMT_CREDIT,EXT_SOURCE_2\n1\n", "line 2 has more or fewer values than there are columns"),
        (b"AMT_CREDIT\ninf\n", "column AMT_CREDIT holds a number that is not finite"),
        (b"AMT_CREDIT\n1e999\n", "column AMT_CREDIT holds a number that is not finite"),
        (b"OCCUPATION_TYPE\n" + SECRET.encode() * 20 + b"\n", "column OCCUPATION_TYPE holds a text of more than 200"),
        (b"AMT_CREDIT,AMT_CREDIT\n1,2\n", "has two columns AMT_CREDIT"),
        (b"AMT_CREDIT,SHOE_SIZE\n1,2\n", "has columns that are no features: SHOE_SIZE"),
        (b"SK_ID_CURR\n1\n", "has no column that the model reads"),
        (b"\xff\xfe,AMT_CREDIT\n1,2\n", "is neither CSV in UTF-8 nor Parquet"),
        (b"OCCUPATION_TYPE\n\xff\xfe\n", "column 1, line 2 does not hold what the model reads there"),
        (b"PAR1 and nothing else", "is neither CSV nor Parquet, or was cut short"),
        (with_broken_text(), "is neither CSV nor Parquet, or was cut short"),
        (as_parquet(CLIENTS)[:-30], "is neither CSV nor Parquet, or was cut short"),
        (as_parquet(pa.table({"AMT_CREDIT": [[1.0]]})), "column AMT_CREDIT does not hold numbers"),
        (as_parquet(pa.table({"AMT_CREDIT": [SECRET]})), "column AMT_CREDIT does not hold numbers"),
        (as_parquet(pa.table({"AMT_CREDIT": [float("inf")]})), "column AMT_CREDIT holds a number that is not finite"),
    ],
)
def test_a_file_that_is_not_what_the_model_reads_is_refused_with_the_place(
    api: TestClient, settings: Settings, content: bytes, words: str
) -> None:
    (error,) = refused(upload(api, content))["errors"]
    assert error["field"] == "file"
    assert error["problem"].startswith(words)


def test_a_row_that_is_wrong_at_the_end_leaves_nothing_on_record(api: TestClient, settings: Settings) -> None:
    refused(upload(api, b"AMT_CREDIT\n" + b"100000\n" * 2_500 + b"much\n"))
    rows: list[dict[str, Any]] = [{"features": GOOD}, {"features": {"AMT_CREDIT": SECRET}}]
    (error,) = refused(api.post(PATH, json=rows))["errors"]
    assert error == {"field": "1.features.AMT_CREDIT", "problem": "must be a number or null"}
    with DecisionLog.open(settings) as log:
        assert list(log.since()) == []


def test_more_clients_than_allowed_are_refused(settings: Settings, scorer: Scorer) -> None:
    with local(create_app(settings.model_copy(update={"api_batch_rows": 3}), lambda: scorer)) as api:
        assert len(rows_of(api.post(PATH, json=[{"features": {}}] * 3))) == 3
        for answer in (api.post(PATH, json=[{"features": {}}] * 4), upload(api, b"AMT_CREDIT\n" + b"1\n" * 4)):
            assert refused(answer)["errors"] == [{"field": "file", "problem": "holds more than 3 clients"}]


def test_a_form_without_a_file_is_refused(api: TestClient) -> None:
    boundary = {"Content-Type": "multipart/form-data; boundary=x"}
    field = b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\nAMT_CREDIT\r\n--x--\r\n'
    for headers, content in [
        (boundary, b""),
        (boundary, b"--y\r\n\r\n"),
        (boundary, field),
        (boundary, field.replace(b'"file"', b'"other"')),
        ({"Content-Type": "multipart/form-data"}, field),
    ]:
        assert refused(api.post(PATH, content=content, headers=headers))["errors"][0]["field"] == "file"


def test_a_batch_that_can_not_be_recorded_is_not_given(api: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        from serving.decisions.errors import DecisionLogError

        raise DecisionLogError("no space left")

    monkeypatch.setattr(DecisionLog, "record_all", fails)
    answer = api.post(PATH, json=[{"features": BAD}] * 3)
    assert answer.status_code == 503
    assert answer.json()["type"] == "urn:credit-platform:problem:not-recorded"
    assert "credit_decision_log_failures_total 3.0" in api.get("/metrics").text
