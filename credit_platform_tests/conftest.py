"""What tests share: settings with a data folder of their own, samples, a tiny delivery landed, an object store."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from credit_platform.home_credit.contracts import TABLE_NAMES
from credit_platform.home_credit.landing import land
from credit_platform.raw.ingest import ingest
from credit_platform.settings import Settings
from credit_platform_tests.bank import open_bank
from credit_platform_tests.deliveries import TinyDelivery

SAMPLES = Path(__file__).parents[1] / "data" / "samples"
COHORT = "2025-01"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of an empty data folder, without any .env file."""
    return Settings(_env_file=None, data_dir=tmp_path / "data")


@pytest.fixture(scope="session")
def samples() -> Path:
    """The committed delivery: a folder per cohort, outcomes for the first ones."""
    return SAMPLES


@pytest.fixture
def delivery() -> TinyDelivery:
    """A faultless delivery of a few clients."""
    return TinyDelivery()


@pytest.fixture(scope="session")
def _tiny_landing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    settings = Settings(_env_file=None, data_dir=folder / "data")
    land(settings, TinyDelivery().write(folder / COHORT))
    return settings.data_dir


@pytest.fixture
def landed(settings: Settings, _tiny_landing: Path) -> Settings:
    """Settings of a data folder in which the tiny delivery has been landed as 2025-01."""
    shutil.copytree(_tiny_landing, settings.data_dir)
    return settings


@pytest.fixture(scope="session")
def _tiny_lake(tmp_path_factory: pytest.TempPathFactory, _tiny_landing: Path) -> Path:
    settings = Settings(_env_file=None, data_dir=tmp_path_factory.mktemp("lake") / "data")
    shutil.copytree(_tiny_landing, settings.data_dir)
    for name in (*TABLE_NAMES, "outcomes"):
        ingest(settings, name, COHORT)
    return settings.data_dir


@pytest.fixture
def lake(settings: Settings, _tiny_lake: Path) -> Settings:
    """Settings of a data folder in which the tiny delivery has been landed and ingested as 2025-01."""
    shutil.copytree(_tiny_lake, settings.data_dir)
    return settings


@pytest.fixture(scope="session")
def bank(tmp_path_factory: pytest.TempPathFactory, samples: Path) -> Settings:
    """Settings of a small bank whose clients have histories, see `bank.py`; nobody writes to it."""
    return open_bank(tmp_path_factory.mktemp("bank"), samples)


@pytest.fixture(scope="session")
def object_store() -> Iterator[dict[str, str]]:
    """A real S3-compatible server on loopback: the environment in which it is found."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    server.stop()


@pytest.fixture
def store_bucket(object_store: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of an empty bucket; keys, region and endpoint are in the environment, as they are in production."""
    import boto3

    for name, value in object_store.items():
        monkeypatch.setenv(name, value)
    name = f"lake-{abs(hash(str(tmp_path)))}"
    boto3.client("s3").create_bucket(Bucket=name)
    return name


@pytest.fixture(scope="session")
def filed(tmp_path_factory: pytest.TempPathFactory, bank: Settings) -> Settings:
    """The small bank with everything on file that runs of the graph leave, see `dossiers.py`."""
    from credit_platform_tests.dossiers import file_everything

    data = tmp_path_factory.mktemp("filed") / "data"
    shutil.copytree(bank.data_dir, data)
    settings = bank.model_copy(update={"data_dir": data})
    file_everything(settings, data / "version", COHORT)
    return settings
