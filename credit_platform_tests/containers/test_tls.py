"""TLS before the API: nginx with the configuration that the documentation names, and the API behind it."""

import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from credit_platform.settings import Settings
from credit_platform_tests.containers.files import DOCKER
from credit_platform_tests.serving.server import serve, until
from serving.app import create_app
from serving.keys import add_key

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
NAME = "api.example.com"


def certificate(folder: Path) -> ssl.SSLContext:
    """A certificate of its own for the example's name, written where nginx looks; and who trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    (folder / "tls.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "tls.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    )
    return ssl.create_default_context(cafile=str(folder / "tls.pem"))


@pytest.fixture
def proxied(settings: Settings, tmp_path: Path) -> Iterator[tuple[int, int, str, ssl.SSLContext, Path]]:
    """Ports of TLS and of plain HTTP, a key, who trusts the certificate, and nginx's log."""
    if NGINX is None:
        pytest.skip("nginx is not installed: `apt-get install nginx-light` to run this")
    _, key = add_key(settings.keys_file, "anna", ["score", "metrics"])
    trusting, log = certificate(tmp_path), tmp_path / "log"
    with serve(create_app(settings)) as api, socket.socket() as one, socket.socket() as other:
        for free in (one, other):
            free.bind(("127.0.0.1", 0))
        secure, plain = one.getsockname()[1], other.getsockname()[1]
        one.close(), other.close()
        text = (DOCKER / "tls" / "nginx.conf").read_text("utf-8")
        for before, now in (
            ("listen 8443", f"listen 127.0.0.1:{secure}"),
            ("listen 8080", f"listen 127.0.0.1:{plain}"),
            ("http://127.0.0.1:8000", api),
            ("/tmp/nginx", str(tmp_path / "nginx")),  # noqa: S108 - what the file says
        ):
            assert before in text
            text = text.replace(before, now)
        (tmp_path / "nginx.conf").write_text(text, "utf-8")
        with log.open("wb") as out:
            command = [NGINX, "-c", tmp_path / "nginx.conf", "-p", tmp_path, "-g", "daemon off;"]
            process = subprocess.Popen(command, stdout=out, stderr=out)
        try:
            until(lambda: _listens(secure) and process.poll() is None)
            yield secure, plain, key, trusting, log
        finally:
            process.terminate()
            process.wait(10)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_the_api_answers_through_tls_to_its_name_and_the_log_names_no_client(
    proxied: tuple[int, int, str, ssl.SSLContext, Path],
) -> None:
    secure, plain, key, trusting, log = proxied
    extensions = {"sni_hostname": NAME}
    with httpx.Client(verify=trusting, trust_env=False, headers={"Host": NAME}) as client:
        url = f"https://127.0.0.1:{secure}"
        assert client.get(f"{url}/metrics", headers={"X-API-Key": key}, extensions=extensions).status_code == 200
        assert client.get(f"{url}/metrics", extensions=extensions).status_code == 401
        answer = client.get(f"{url}/v1/clients/100001", headers={"X-API-Key": key}, extensions=extensions)
        assert answer.headers["Strict-Transport-Security"]
        assert (
            client.get(f"http://127.0.0.1:{plain}/v1/clients/100001").headers["Location"].startswith(f"https://{NAME}/")
        )
    until(lambda: log.read_text().count(NAME) >= 4)
    assert "100001" not in log.read_text()


def test_old_versions_of_tls_are_refused(proxied: tuple[int, int, str, ssl.SSLContext, Path]) -> None:
    secure, _, _, trusting, _ = proxied
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        trusting.minimum_version, trusting.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError), socket.create_connection(("127.0.0.1", secure)) as connection:
        trusting.wrap_socket(connection, server_hostname=NAME)
