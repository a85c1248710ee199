"""TLS on the listener, as an operator and clients of many kinds meet it."""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import time

import pytest
import requests
from certificates import Authority, openssl
from conftest import Server, multipart, split_multipart
from make_dicom import ct_slice, uids


class SecureServer(Server):
    """A `gantry serve` with TLS; `session` trusts it."""

    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        self.session = requests.Session()
        self.session.trust_env = False  # a REQUESTS_CA_BUNDLE would beat the session's own

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def ask(self, path: str) -> requests.Response:
        return self.session.get(self.url + path, timeout=5)

    def post(self, data: bytes, **named) -> requests.Response:
        body, content_type = multipart([data])
        return self.session.post(self.dicomweb + "/studies", data=body, headers={"Content-Type": content_type}, **named)

    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.session.verify)


class Pki:
    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        self.authority = Authority(folder / "servers", "Test Servers")
        self.clients = Authority(folder / "clients", "Test Clients")
        self.certificate, self.key = folder / "server.pem", folder / "server.key"

    def install(self, name: str) -> int:
        """Puts a new pair in place, one file after the other; the certificate's serial number."""
        certificate, key = self.authority.issue(name)
        for source, target in ((certificate, self.certificate), (key, self.key)):
            part = target.with_suffix(".part")
            shutil.copy(source, part)
            part.chmod(0o600)
            part.rename(target)
        return int(openssl("x509", "-in", certificate, "-noout", "-serial").strip().partition("=")[2], 16)


@pytest.fixture
def pki(tmp_path):
    made = Pki(tmp_path / "pki")
    made.serial = made.install("first")
    return made


@pytest.fixture
def make_secure(make_server, pki):
    def make(*flags: str, client: tuple[str, str] | None = None) -> SecureServer:
        class Prepared(SecureServer):
            def __init__(self, *arguments, **named):
                super().__init__(*arguments, **named)
                self.session.verify, self.session.cert = str(pki.authority.pem), client

        return make_server("--tls-certificate", str(pki.certificate), "--tls-key", str(pki.key), *flags, kind=Prepared)

    return make


def serial_shown(server: SecureServer) -> int:
    with socket.create_connection(("127.0.0.1", server.port)) as plain, server.context().wrap_socket(plain, server_hostname="localhost") as tls:
        return int(tls.getpeercert()["serialNumber"], 16)


def log_lines(server: Server, message: str) -> list[dict]:
    lines = [json.loads(line) for line in server.log.read_text().splitlines() if line.startswith("{")]
    return [line for line in lines if message in line["message"]]


def wait_for(condition) -> None:
    while not condition():
        time.sleep(0.02)


def test_curl_gets_answers_and_the_ready_line_says_https(make_secure, pki):
    server = make_secure()
    done = subprocess.run(["curl", "-sS", "--cacert", pki.authority.pem, "-w", "%{http_version} %{ssl_verify_result} %{scheme}",
                           server.url + "/healthz"], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.endswith("1.1 0 HTTPS"), done
    assert f"https://127.0.0.1:{server.port}/" in server.logged("is ready")
    untrusted = subprocess.run(["curl", "-sS", server.url + "/healthz"], capture_output=True, text=True)
    assert untrusted.returncode == 60, untrusted


@pytest.mark.parametrize("options, welcome", [
    (("-tls1_3",), True), (("-tls1_2",), True), (("-tls1_2", "-cipher", "ECDHE-RSA-AES256-GCM-SHA384"), True),
    (("-tls1_1", "-cipher", "ALL@SECLEVEL=0"), False), (("-tls1", "-cipher", "ALL@SECLEVEL=0"), False),
    (("-tls1_2", "-cipher", "AES128-GCM-SHA256"), False),           # no forward secrecy
    (("-tls1_2", "-cipher", "ECDHE-RSA-AES128-SHA256"), False),     # CBC
    (("-tls1_2", "-cipher", "ECDHE-RSA-AES128-SHA@SECLEVEL=0"), False),
    (("-tls1_2", "-cipher", "DHE-RSA-AES128-GCM-SHA256"), False),
    (("-tls1_2", "-cipher", "aNULL@SECLEVEL=0"), False), (("-tls1_2", "-cipher", "eNULL@SECLEVEL=0"), False),
    (("-alpn", "h2"), False), (("-alpn", "h2,http/1.1"), True),
])
def test_old_protocols_and_weak_ciphers_are_refused(make_secure, pki, options, welcome):
    server = make_secure()
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-CAfile", pki.authority.pem,
                           "-verify_return_error", *options], input="", capture_output=True, text=True)
    assert (done.returncode == 0) == welcome, done.stdout[-1500:] + done.stderr[-1500:]


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_sessions_are_resumed(make_secure, pki, tmp_path, version):
    server = make_secure()
    request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

    def connect(*options):
        return subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-CAfile", pki.authority.pem, version,
                               "-ign_eof", *options], input=request, capture_output=True).stdout.decode()

    assert "\nNew, " in connect("-sess_out", str(tmp_path / "session"))
    assert "\nReused, " in connect("-sess_in", str(tmp_path / "session"))


def test_http_without_tls_is_told_so(make_secure):
    server = make_secure()
    answer = requests.get(f"http://127.0.0.1:{server.port}/healthz")
    assert answer.status_code == 400 and "https" in answer.text


def test_what_comes_and_goes_is_identical_byte_by_byte(make_secure, corpus):
    server = make_secure()
    kept = {}
    for file in corpus:
        if file.accept and file.sop not in kept and server.post(file.read()).status_code == 200:
            kept[file.sop] = file
    assert kept
    for file in kept.values():
        url = f"{server.dicomweb}/studies/{file.study}/series/{file.series}/instances/{file.sop}"
        answer = server.session.get(url, headers={"Accept": 'multipart/related; type="application/dicom"; transfer-syntax=*'})
        assert answer.status_code == 200, answer.text
        assert split_multipart(answer)[0][1] == file.read(), file.name


def test_large_frames_and_ranges_are_exact(make_secure):
    server = make_secure()
    study, series, sop = uids(3)
    frames = [os.urandom(4096 * 2048 * 2) for _ in range(3)]
    stored = server.post(ct_slice(study, series, sop, rows=2048, columns=4096, NumberOfFrames=3, PixelData=b"".join(frames)))
    assert stored.status_code == 200, stored.text
    # The retrieve URL is one that the client can follow.
    assert f"https://127.0.0.1:{server.port}/dicom-web/" in stored.text
    base = f"{server.dicomweb}/studies/{study}/series/{series}/instances/{sop}"
    for number, frame in enumerate(frames, 1):
        answer = server.session.get(f"{base}/frames/{number}", headers={"Accept": "application/octet-stream; transfer-syntax=*"})
        data = answer.content if "multipart" not in answer.headers["Content-Type"] else split_multipart(answer)[0][1]
        assert hashlib.sha256(data).digest() == hashlib.sha256(frame).digest()
    accept = {"Accept": "application/dicom; transfer-syntax=*"}
    whole = server.session.get(base, headers=accept)
    assert whole.status_code == 200
    for begin, end in ((0, 0), (1, 16384), (16383, 16385), (1 << 20, (5 << 20) + 7), (len(whole.content) - 5, len(whole.content) - 1)):
        part = server.session.get(base, headers=accept | {"Range": f"bytes={begin}-{end}"})
        assert part.status_code == 206 and part.content == whole.content[begin:end + 1], (begin, end)


def test_a_replaced_certificate_comes_into_use_and_a_broken_one_does_not(make_secure, pki):
    server = make_secure("--tls-reload-interval", "100ms")
    assert serial_shown(server) == pki.serial
    assert server.ask("/healthz").status_code == 200  # a connection that stays open through all that follows

    pki.certificate.write_text("-----BEGIN CERTIFICATE-----\nbroken\n-----END CERTIFICATE-----\n")
    wait_for(lambda: log_lines(server, "could not be read again"))
    assert str(pki.certificate) in log_lines(server, "could not be read again")[0]["detail"]
    assert serial_shown(server) == pki.serial

    renewed = pki.install("second")
    wait_for(lambda: serial_shown(server) == renewed)
    assert server.ask("/healthz").status_code == 200
    metrics = server.ask("/metrics").text
    assert "\ngantry_tls_reloads_total 1\n" in metrics


def test_sighup_reads_the_files_at_once_and_ends_nothing(make_secure, pki):
    server = make_secure("--tls-reload-interval", "24h")
    renewed = pki.install("second")
    assert serial_shown(server) == pki.serial
    os.kill(server.pid(), signal.SIGHUP)
    wait_for(lambda: serial_shown(server) == renewed)
    pki.key.write_text("no key")
    os.kill(server.pid(), signal.SIGHUP)
    wait_for(lambda: log_lines(server, "could not be read again"))
    assert serial_shown(server) == renewed
    assert server.process.poll() is None


def test_metrics_tell_when_the_certificate_expires_and_how_handshakes_end(make_secure, pki):
    server = make_secure()
    expiry = openssl("x509", "-in", pki.certificate, "-noout", "-enddate").strip().partition("=")[2]
    subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-tls1_1", "-cipher", "ALL@SECLEVEL=0"],
                   input="", capture_output=True, text=True)
    metrics = dict(line.rsplit(" ", 1) for line in server.ask("/metrics").text.splitlines() if line.startswith("gantry_tls"))
    assert float(metrics["gantry_tls_certificate_expiry_timestamp_seconds"]) == ssl.cert_time_to_seconds(expiry)
    assert float(metrics['gantry_tls_handshakes_total{result="full"}']) >= 1
    assert float(metrics['gantry_tls_handshakes_total{result="failed"}']) == 1
    server.logged("a TLS handshake failed")
    (failure,) = log_lines(server, "a TLS handshake failed")
    assert failure["remote"] == "127.0.0.1" and failure["detail"]


@pytest.mark.parametrize("flags, words", [
    (("--tls-certificate", "{certificate}"), "tls.certificate and tls.key"),
    (("--tls-certificate", "{folder}/nothing.pem", "--tls-key", "{key}"), "nothing.pem"),
    (("--tls-certificate", "{certificate}", "--tls-key", "{ca}"), "no private key"),
    (("--tls-certificate", "{certificate}", "--tls-key", "{key}", "--tls-client", "required"), "tls.client_ca"),
    (("--tls-certificate", "{certificate}", "--tls-key", "{key}", "--tls-client-rules", "{key}"), "tls.client_rules"),
])
def test_wrong_settings_stop_the_start_and_say_what_to_do(gantry, pki, tmp_path, flags, words):
    places = {"certificate": pki.certificate, "key": pki.key, "folder": pki.folder, "ca": pki.authority.pem}
    done = subprocess.run([gantry, "serve", "--data", tmp_path / "data", "--listen", "127.0.0.1:0", *(flag.format(**places) for flag in flags)],
                          capture_output=True, text=True)
    assert done.returncode == 2 and words in done.stderr, done.stderr


def test_clients_without_a_right_certificate_stay_outside_where_one_is_required(make_secure, pki):
    friend = pki.clients.client("friend")
    server = make_secure("--tls-client", "required", "--tls-client-ca", str(pki.clients.pem), client=friend)
    assert server.ask("/healthz").status_code == 200
    stranger = Authority(pki.folder / "strangers", "Test Clients").client("friend")  # the same names, another key
    for certificate in (None, stranger, pki.authority.client("friend")):
        with pytest.raises(requests.ConnectionError):
            requests.get(server.url + "/healthz", verify=str(pki.authority.pem), cert=certificate)


def test_rules_say_which_tenant_and_permissions_a_certificate_stands_for(make_secure, pki, tmp_path):
    rules = tmp_path / "rules"
    rules.write_text("default read,write,delete subject:CN=archivist,O=Clinic\ndefault read dns:*.viewers.example\nother read,write uri:urn:other\n")
    archivist = pki.clients.client("archivist", subject="/O=Clinic/CN=archivist")
    viewer = pki.clients.client("viewer", "DNS:one.viewers.example")
    other = pki.clients.client("other", "URI:urn:other")
    nobody = pki.clients.client("nobody")
    server = make_secure("--tls-client", "optional", "--tls-client-ca", str(pki.clients.pem), "--tls-client-rules", str(rules),
                         "--tls-reload-interval", "100ms", client=archivist)
    study, series, sop = uids(3)
    assert server.post(ct_slice(study, series, sop)).status_code == 200

    def ask(certificate, method="GET", path=f"/dicom-web/studies/{study}/metadata", **named):
        return requests.request(method, server.url + path, verify=str(pki.authority.pem), cert=certificate, **named).status_code

    assert ask(archivist) == 200
    assert ask(viewer) == 200
    assert ask(viewer, "DELETE", f"/dicom-web/studies/{study}") == 403
    assert ask(viewer, "POST", "/dicom-web/studies") == 403
    assert ask(viewer, headers={"x-tenant": "other"}) == 403
    assert ask(viewer, path="/tenants/other/dicom-web/studies") in (403, 404)
    assert ask(nobody) == 403
    assert ask(None) == 401
    assert ask(None, path="/healthz") == 200
    assert ask(other) in (403, 404), "another tenant's study is not there"

    rules.write_text("default read subject:CN=archivist,O=Clinic\nbroken\n")
    wait_for(lambda: log_lines(server, "rules for client certificates could not be read again"))
    assert ask(viewer) == 200, "the old rules stay"
    rules.write_text("default read subject:CN=archivist,O=Clinic\n")
    wait_for(lambda: ask(viewer) == 403)
    assert ask(archivist, "DELETE", f"/dicom-web/studies/{study}") == 403
    rules.write_text("default delete subject:CN=archivist,O=Clinic\n")
    wait_for(lambda: ask(archivist, "DELETE", f"/dicom-web/studies/{study}") == 204)


def test_500_slow_clients_hurt_no_honest_one(make_secure):
    server = make_secure("--http-connections-per-address", "2000")
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
    slow = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(500)]
    for connection in slow:
        connection.send(hello)
    for _ in range(20):
        assert requests.get(server.url + "/healthz", verify=server.session.verify).status_code == 200
        for connection in slow[::10]:
            try:
                connection.send(b"\x00")
            except OSError:
                pass  # given up by the server in the meantime
    # Slow in the next phase: the handshake done, the request dripping.
    context = server.context()
    dripping = [context.wrap_socket(socket.create_connection(("127.0.0.1", server.port)), server_hostname="localhost") for _ in range(100)]
    for connection in dripping:
        connection.send(b"GET /healthz HT")
    for _ in range(20):
        assert requests.get(server.url + "/healthz", verify=server.session.verify).status_code == 200


def test_gantry_store_sends_over_tls_and_shows_a_certificate(gantry, make_secure, pki, tmp_path):
    certificate, key = pki.clients.client("sender")
    server = make_secure("--tls-client", "required", "--tls-client-ca", str(pki.clients.pem), client=(certificate, key))
    folder = tmp_path / "files"
    folder.mkdir()
    study, series, *sops = uids(6)
    for number, sop in enumerate(sops, 1):
        (folder / f"{number}.dcm").write_bytes(ct_slice(study, series, sop, number))

    def store(*options):
        return subprocess.run([gantry, "store", folder, "--to", server.dicomweb, "--ledger", tmp_path / "ledger", *map(str, options)],
                              capture_output=True, text=True)

    refused = store("--ca", pki.clients.pem, "--cert", certificate, "--key", key)
    assert refused.returncode == 2 and "certificate" in refused.stderr, refused.stderr
    refused = store("--ca", pki.authority.pem)
    assert refused.returncode == 2, refused.stderr
    done = store("--ca", pki.authority.pem, "--cert", certificate, "--key", key)
    assert done.returncode == 0, done.stderr
    found = server.session.get(f"{server.dicomweb}/studies/{study}/instances").json()
    assert len(found) == 4
