"""Whom the functions trust: the packaged stores, held to certifi, to OpenSSL and to Amazon's list; and the way back."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import botocore.httpsession
import botocore.session
import certifi
import pytest
from botocore.exceptions import SSLError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from chalicelib.adapters.aws.trust import trust_amazon
from chalicelib.trust import AMAZON, roots
from tools import trust

BUNDLE = Path(certifi.where()).read_text(encoding="utf-8")
pytestmark = pytest.mark.filterwarnings("ignore:Parsed a serial number")


def test_the_committed_roots_are_those_that_amazon_publishes() -> None:
    committed = AMAZON.read_text(encoding="utf-8")
    assert {trust.key_hash(pem) for pem in trust.certificates(committed)} == set(trust.PUBLISHED)
    assert committed == trust.amazon_roots(BUNDLE), (
        "certifi has other certificates of these keys: python -m tools.trust"
    )


def test_each_root_is_one_for_years() -> None:
    for pem in trust.certificates(AMAZON.read_text(encoding="utf-8")):
        assert x509.load_pem_x509_certificate(pem.encode()).not_valid_after_utc > datetime.now(UTC) + timedelta(
            days=730
        )


PAGE = """<h2>Subscriber Agreement</h2><p>{0}</p><h3>Root CAs</h3><table>{rows}
<tr><td>CN=Amazon Root EU M1,O=Amazon,C=DE</td><td>{1}</td></tr></table>
<h3>Subordinate CAs</h3><tr><td>CN=Amazon RSA 2048 M01,O=Amazon,C=US</td><td>{2}</td></tr>"""


def a_page(*keys: str) -> str:
    rows = "".join(f"<tr>\n<td>CN=Root {key[:4]},O=Amazon,C=US</td>\n<td>{key}</td></tr>" for key in keys)
    return PAGE.format("a" * 64, "b" * 64, "c" * 64, rows=rows)


def test_amazons_page_is_read_for_its_roots_alone() -> None:
    assert trust.published_keys(a_page(*trust.PUBLISHED)) == set(trust.PUBLISHED)
    assert trust.published_keys(a_page(*trust.PUBLISHED, "d" * 64)) == {*trust.PUBLISHED, "d" * 64}


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not here")
def test_every_public_root_is_filed_as_openssl_looks_for_it(tmp_path: Path) -> None:
    trust.write_directory(BUNDLE, tmp_path / "roots")
    filed = {path.name: path.read_text() for path in (tmp_path / "roots").iterdir()}
    assert sorted(filed.values()) == sorted(trust.certificates(BUNDLE))
    for name, pem in filed.items():
        command = ["openssl", "x509", "-subject_hash", "-noout"]
        run = subprocess.run(command, input=pem, capture_output=True, text=True, check=True)
        assert name.partition(".")[0] == run.stdout.strip()


def test_where_no_store_was_packaged_libraries_use_their_own() -> None:
    assert roots() is None


# A server of a strange authority, whose name has everything that the canonical form changes


class Site:
    """A server over TLS on the loopback, and the certificate of the authority that signed its own."""

    def __init__(self, folder: Path) -> None:
        authority, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        odd = [(NameOID.COUNTRY_NAME, "ET"), (NameOID.ORGANIZATION_NAME, "  Bank  of\tABYSSINIA ሐዋሳ ")]
        issuer = x509.Name([x509.NameAttribute(oid, value) for oid, value in odd])
        constraints = x509.BasicConstraints(ca=True, path_length=None)
        self.authority = self._signed(issuer, issuer, authority, authority, constraints).public_bytes(PEM).decode()
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
        address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
        plain = own.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        chain = folder / "server.pem"
        chain.write_bytes(plain + self._signed(subject, issuer, own, authority, address).public_bytes(PEM))
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(chain)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a refused handshake is what is asked for
        self.url = f"https://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    @staticmethod
    def _signed(
        subject: x509.Name, issuer: x509.Name, key: Any, by: Any, extension: x509.ExtensionType
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
        builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        return builder.add_extension(extension, critical=False).sign(by, hashes.SHA256())


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


PEM = serialization.Encoding.PEM


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    yield site
    site.server.shutdown()
    site.server.server_close()


def test_openssl_finds_a_root_of_any_name_in_the_directory(site: Site, tmp_path: Path) -> None:
    trust.write_directory(site.authority, tmp_path / "roots")
    context = ssl.create_default_context(capath=str(tmp_path / "roots"))
    import http.client

    connection = http.client.HTTPSConnection("127.0.0.1", site.server.server_port, context=context)
    connection.request("POST", "/", body=b"")
    assert connection.getresponse().status == 200
    connection.close()


def dynamodb(site: Site, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
    session = botocore.session.Session()
    trust_amazon(session)
    return session.create_client(
        "dynamodb",
        region_name="eu-west-1",
        endpoint_url=site.url,
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=botocore.config.Config(retries={"total_max_attempts": 1}),
    )


def test_a_server_that_amazons_roots_do_not_vouch_for_is_asked_with_every_root_and_that_is_logged(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    everything = tmp_path / "everything.pem"
    everything.write_text(BUNDLE + site.authority)
    monkeypatch.setattr(botocore.httpsession, "where", lambda: str(everything))
    client = dynamodb(site, monkeypatch)
    for _ in range(2):
        client.list_tables()
    [line] = [line for line in capsys.readouterr().out.splitlines() if '"message":"trust_store_incomplete"' in line]
    assert '"level":"ERROR"' in line
    assert '"reason":"127.0.0.1' in line


def test_a_server_that_nobody_vouches_for_is_not_trusted(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SSLError, match="CERTIFICATE_VERIFY_FAILED"):
        dynamodb(site, monkeypatch).list_tables()


def test_somebodys_own_bundle_stays(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "own.pem"
    own.write_text(site.authority)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(own))
    session = botocore.session.Session()
    trust_amazon(session)
    assert session.get_config_variable("ca_bundle") == str(own)
