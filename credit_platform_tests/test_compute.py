"""Pieces of work in this process and on a real Ray cluster of two nodes: the same results, whatever dies."""

import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow.parquet as pq
import pytest
from joblib import Parallel, delayed

from credit_platform import cluster, compute
from credit_platform.cluster import AHEAD, ClusterError
from credit_platform.features.schema import model_frame
from credit_platform.home_credit.contracts import TABLE_NAMES
from credit_platform.home_credit.landing import land
from credit_platform.lake import DamagedTableError, bucket_file, buckets, current, table_path
from credit_platform.mart import buckets as mart
from credit_platform.raw.ingest import ingest
from credit_platform.scoring.batch import score_cohort
from credit_platform.scoring.scorer import Scorer
from credit_platform.settings import Settings
from credit_platform_tests.deliveries import TinyDelivery
from credit_platform_tests.tables import put
from credit_platform_tests.worlds import SCHEMA, applicants, outcomes, write_version

COHORT = "2025-01"
NODE: dict[str, Any] = {
    "num_cpus": 1,
    "object_store_memory": 80 * 2**20,
    "node_ip_address": "127.0.0.2",  # Ray would replace 127.0.0.1 by the address that others see
    "include_dashboard": False,
    "include_log_monitor": False,
}


@pytest.fixture(scope="module")
def two_nodes(object_store: dict[str, str]) -> Iterator[Any]:
    """Two nodes of one processor each on loopback, which find the object store."""
    if sys.platform != "linux":
        pytest.skip("Ray has clusters of several nodes on Linux only")
    with pytest.MonkeyPatch.context() as environment, TemporaryDirectory("ray", ignore_cleanup_errors=True) as folder:
        quiet = {"RAY_TMPDIR": folder, "RAY_USAGE_STATS_ENABLED": "0", "RAY_DISABLE_DOCKER_CPU_WARNING": "1"}
        for name, value in {**object_store, **quiet}.items():
            environment.setenv(name, value)
        import ray
        from ray.cluster_utils import Cluster

        nodes = Cluster()
        try:
            nodes.add_node(**NODE, _system_config={"health_check_initial_delay_ms": 0, "health_check_period_ms": 200})
            nodes.add_node(**NODE)
            yield nodes
        finally:
            ray.shutdown()
            nodes.shutdown()


@pytest.fixture
def there(settings: Settings, two_nodes: Any) -> Settings:
    """The settings under which pieces run on the cluster; one thread, so that it has two places."""
    return settings.model_copy(update={"compute": "ray", "ray_address": two_nodes.address, "threads": 1})


@pytest.fixture
def doomed(two_nodes: Any, there: Settings) -> Iterator[Path]:
    """A file for pieces to find: the second node is to die, and is replaced afterwards."""
    (node,) = two_nodes.worker_nodes
    (raylet,) = node.all_processes["raylet"]
    file = there.data_dir / f"doomed-{raylet.process.pid}"
    file.parent.mkdir(exist_ok=True)
    file.touch()
    yield file
    two_nodes.remove_node(node, allow_graceful=False)
    two_nodes.add_node(**NODE)


@pytest.fixture(scope="module")
def _built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = Settings(_env_file=None, data_dir=tmp_path_factory.mktemp("built"), bucket_clients=3, threads=1)
    land(settings, TinyDelivery().write(tmp_path_factory.mktemp("delivery") / COHORT))
    for name in TABLE_NAMES:
        ingest(settings, name, COHORT)
    mart.build_cohort(settings, COHORT)
    return settings.data_dir


@pytest.fixture
def built(settings: Settings, _built: Path) -> Settings:
    """Settings of a lake with the raw tables of twelve clients in four buckets, and the mart as it is built here."""
    shutil.copytree(_built, settings.data_dir)
    return settings.model_copy(update={"bucket_clients": 3, "threads": 1})


def on(there: Settings, settings: Settings) -> Settings:
    """The same settings, with pieces on the cluster."""
    return settings.model_copy(update={name: getattr(there, name) for name in ("compute", "ray_address", "threads")})


def contents(settings: Settings, table: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in buckets(table_path(settings, table, COHORT))}


def half(number: int) -> float:
    return 1 / number


def grid_search(settings: Settings) -> Any:
    from catboost import CatBoostClassifier
    from sklearn.model_selection import GridSearchCV

    table = applicants(400, seed=9)
    estimator = CatBoostClassifier(iterations=15, verbose=False, allow_writing_files=False, thread_count=1)
    with compute.fitting(settings):
        return GridSearchCV(estimator, {"depth": [1, 3]}, scoring="roc_auc", cv=2, error_score="raise").fit(
            model_frame(table, SCHEMA), outcomes(table, 9), cat_features=SCHEMA.category_names
        )


def touch(folder: Path, name: str) -> bytes:
    (folder / name).touch()
    return b"x" * 200_000


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def kill_this_node_if_doomed(folder: Path) -> None:
    """A node dies with its raylet, the parent of this process. Those of the other node wait until that is so."""
    while doomed := list(folder.glob("doomed-*")):
        if doomed[0].name == f"doomed-{os.getppid()}":
            doomed[0].unlink()
            os.kill(os.getppid(), signal.SIGKILL)
            die()
        time.sleep(0.05)


def bucket_content_on_doomed_node(settings: Settings, *arguments: Any) -> bytes:
    kill_this_node_if_doomed(settings.data_dir)
    return mart.bucket_content(settings, *arguments)


def squared_on_doomed_node(folder: Path, number: int) -> int:
    kill_this_node_if_doomed(folder)
    return number**2


def test_pieces_run_here_in_their_order_and_tell_their_progress(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="credit_platform.compute"):
        assert list(compute.each(settings, half, [(1,), (2,)])) == [(0, 1.0), (1, 0.5)]
    assert caplog.messages == ["half: 1 of 2", "half: 2 of 2"]


def test_a_piece_that_fails_here_ends_the_rest(settings: Settings, tmp_path: Path) -> None:
    pieces = compute.each(settings, touch, [("a",), ("no/such/folder",), ("b",)], (tmp_path,))
    assert next(pieces)[0] == 0
    with pytest.raises(FileNotFoundError):
        next(pieces)
    assert [path.name for path in tmp_path.glob("?")] == ["a"]


def test_a_mart_is_built_here_without_ray(built: Settings) -> None:
    put(built, "client_mart", COHORT)
    program = (
        "import sys; from credit_platform.mart.buckets import build_cohort; "
        "from credit_platform.settings import Settings\n"
        "assert build_cohort(Settings.model_validate_json(sys.argv[1]), '2025-01').buckets == 4\n"
        "assert not {'ray', 'joblib'} & set(sys.modules)"
    )
    root = Path(__file__).parents[1]
    subprocess.run([sys.executable, "-c", program, built.model_dump_json()], cwd=root, check=True)


def test_the_mart_is_the_same_to_the_byte_on_two_nodes(built: Settings, there: Settings) -> None:
    here = contents(built, "client_mart")
    put(built, "client_mart", COHORT)
    assert mart.build_cohort(on(there, built), COHORT).reused == 0
    assert contents(built, "client_mart") == here
    assert len(here) == 4


def test_the_mart_is_the_same_when_a_node_dies_over_a_bucket(
    built: Settings, there: Settings, doomed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = contents(built, "client_mart")
    put(built, "client_mart", COHORT)
    monkeypatch.setattr(mart, "bucket_content", bucket_content_on_doomed_node)
    assert mart.build_cohort(on(there, built), COHORT).reused == 0
    assert not doomed.exists()
    assert contents(built, "client_mart") == here


def test_fits_are_begun_again_when_a_node_dies(there: Settings, doomed: Path) -> None:
    with compute.fitting(there):
        found = Parallel()(delayed(squared_on_doomed_node)(there.data_dir, number) for number in range(6))
    assert not doomed.exists()
    assert found == [0, 1, 4, 9, 16, 25]


def test_scores_are_the_same(settings: Settings, there: Settings, tmp_path: Path) -> None:
    scorer = Scorer.load(write_version(tmp_path / "version"), "7")
    table = applicants(250, seed=12)
    put(settings, "client_mart", COHORT, table.slice(0, 100), table.slice(100))
    here = score_cohort(settings, scorer, COHORT)
    put(settings, "scores", COHORT)
    assert score_cohort(there, scorer, COHORT).version.content == here.version.content


def test_a_grid_search_finds_the_same(settings: Settings, there: Settings) -> None:
    here, elsewhere = grid_search(settings), grid_search(there)
    assert here.best_params_ == elsewhere.best_params_
    for name, scores in here.cv_results_.items():
        assert "time" in name or list(scores) == list(elsewhere.cv_results_[name]), name
    table = model_frame(applicants(50), SCHEMA)
    assert (here.predict_proba(table) == elsewhere.predict_proba(table)).all()


def test_the_lake_may_be_in_an_object_store(
    built: Settings, there: Settings, store_bucket: str, tmp_path: Path
) -> None:
    stored = built.model_copy(update={"lake_uri": f"s3://{store_bucket}/lake", "data_dir": tmp_path / "stored"})
    for name in TABLE_NAMES:
        put(stored, f"raw_{name}", COHORT, *map(pq.read_table, buckets(table_path(built, f"raw_{name}", COHORT))))
    mart.build_cohort(on(there, stored), COHORT)
    shutil.rmtree(stored.lake_dir)
    assert contents(stored, "client_mart") == contents(built, "client_mart")


def test_what_a_piece_raises_there_is_raised_here(built: Settings, there: Settings) -> None:
    before = put(built, "client_mart", COHORT)
    path = table_path(built, "raw_bureau", COHORT) / bucket_file(2)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DamagedTableError, match=r"^raw_bureau of cohort 2025-01: bucket-002\.parquet holds 100") as it:
        mart.build_cohort(on(there, built), COHORT)
    assert it.type is DamagedTableError
    assert current(built, "client_mart", COHORT) == before


def test_a_fit_that_fails_there_fails_here(there: Settings) -> None:
    with compute.fitting(there), pytest.raises(ZeroDivisionError) as it:
        Parallel()(delayed(half)(number) for number in (1, 0))
    assert it.type is ZeroDivisionError


def test_no_more_is_under_way_than_the_cluster_can_hold(there: Settings, tmp_path: Path) -> None:
    pieces = compute.each(there, touch, [(str(number),) for number in range(40)], (tmp_path,))
    next(pieces)
    pieces.close()
    assert 1 <= len([path for path in tmp_path.iterdir() if path.is_file()]) <= AHEAD * 2


def test_a_node_that_sees_another_folder_is_named(there: Settings, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    own = there.model_copy(update={"data_dir": Path("/proc/self/cwd/of-this-process-only")})
    with pytest.raises(ClusterError, match=r"can't see the lake at .*: there is no such folder; put CREDIT_DATA_DIR"):
        list(compute.each(own, half, [(1,)]))


def test_a_node_with_other_libraries_is_named(there: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_versions", lambda: {"duckdb": "0.1"})
    with pytest.raises(ClusterError, match=r"has duckdb \d+\.\d+\.\d+ instead of 0\.1; install the same versions"):
        list(compute.each(there, half, [(1,)]))


def test_a_piece_whose_process_always_dies_is_given_up(there: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "RETRIES", 0)
    with pytest.raises(ClusterError, match="the cluster gave a task up: "):
        list(compute.each(there, die, [()]))


@pytest.mark.parametrize("address", ["127.0.0.1:9", "ray://127.0.0.1:9", "nonsense", "127.0.0.1:port"])
def test_a_cluster_that_is_not_there_is_named(settings: Settings, address: str) -> None:
    import ray

    ray.shutdown()
    absent = settings.model_copy(update={"compute": "ray", "ray_address": address})
    with pytest.raises(ClusterError, match=rf"no Ray cluster can be joined at {address}: .*CREDIT_RAY_ADDRESS"):
        list(compute.each(absent, half, [(1,)]))
