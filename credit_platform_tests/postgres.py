"""A throwaway PostgreSQL for tests: a server of its own on a free loopback port, an empty schema per test.

Tests import the fixtures by name: `from credit_platform_tests.postgres import postgres_server, postgres_url`. They are
skipped where PostgreSQL is not installed.
"""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest


def _programs() -> Path | None:
    """Where initdb and pg_ctl are: on the path, or where Debian hides them."""
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).parent
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda file: int(file.parts[-3]))
    return found[-1].parent if found else None


@contextmanager
def postgres() -> Iterator[str]:
    """Runs a server as another user than root, who may not. Yields its address, without a database.

    Raises:
        FileNotFoundError: PostgreSQL is not installed.
    """
    programs = _programs()
    if programs is None:
        raise FileNotFoundError("PostgreSQL is not installed")
    owner = None
    if os.getuid() == 0:
        names = {entry.pw_name for entry in pwd.getpwall()}
        owner = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    if owner:
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def call(program: str, *arguments: str) -> None:
        subprocess.run(
            [programs / program, "-D", folder / "data", *arguments],
            cwd=folder,
            user=owner.pw_uid if owner else None,
            group=owner.pw_gid if owner else None,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            timeout=60,
            check=True,
        )

    # Nothing here must survive a power cut.
    options = f"-p {port} -c listen_addresses=127.0.0.1 -k {folder} -c fsync=off -c full_page_writes=off"
    try:
        call("initdb", "--username=tests", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
        call("pg_ctl", "start", "--wait", "--silent", "-l", str(folder / "log"), "-o", options)
        try:
            yield f"postgresql://tests@127.0.0.1:{port}"
        finally:
            call("pg_ctl", "stop", "--wait", "--silent", "-m", "immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of a server for the whole session."""
    try:
        with postgres() as url:
            yield url
    except FileNotFoundError as error:
        pytest.skip(f"{error}: `apt-get install postgresql` to run this")


@pytest.fixture
def postgres_url(postgres_server: str) -> str:
    """A URL whose connections see an empty schema; a database for each test would take 7 MB and a second."""
    import psycopg

    name = f"test_{uuid4().hex}"
    with psycopg.connect(f"{postgres_server}/postgres", autocommit=True) as connection:
        connection.execute(f"create schema {name}")
    return f"{postgres_server}/postgres?options=-csearch_path%3D{name}"
