"""An operator's day: starting, refusing to start, being asked how it is, stopping."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading

import pytest
import requests
from conftest import INDEX_KIND, Server, free_port, post_instance
from make_dicom import ct_slice, uids


def run(gantry, *arguments, **environment) -> subprocess.CompletedProcess:
    return subprocess.run([gantry, *map(str, arguments)], capture_output=True, text=True, env=os.environ | environment)


def test_the_ready_line_names_addresses_index_storage_cache_and_authentication(make_server):
    server = make_server()
    lines = [line for line in server.logged("is ready").splitlines() if "ready" in line.lower()]
    assert lines, server.log.read_text()
    for word in (str(server.port), INDEX_KIND, "file", "cache", "auth", "dimse"):
        assert word in lines[0].lower(), (word, lines[0])


def test_a_second_server_on_the_same_folder_is_refused(gantry, make_server):
    server = make_server()
    second = run(gantry, "serve", "--data", server.data, "--listen", f"127.0.0.1:{free_port()}")
    assert second.returncode != 0
    assert str(server.process.pid) in second.stderr and "lock" in second.stderr.lower() or "already" in second.stderr.lower()


def test_a_taken_port_is_said_clearly(gantry, make_server, tmp_path):
    server = make_server()
    second = run(gantry, "serve", "--data", tmp_path / "other", "--listen", f"127.0.0.1:{server.port}")
    assert second.returncode != 0 and str(server.port) in second.stderr


def test_serving_beyond_loopback_without_authentication_takes_a_loud_option(gantry, tmp_path):
    refused = run(gantry, "serve", "--data", tmp_path / "open", "--listen", f"0.0.0.0:{free_port()}")
    assert refused.returncode != 0
    assert "authentication" in refused.stderr and "insecure" in refused.stderr


@pytest.mark.parametrize("text, needle", [
    ("[index]\nurl = 5\n", "string"), ("[index]\nulr = \"sqlite:x\"\n", "url"), ("[http]\nlisten = \"nowhere\"\n", "HOST:PORT"),
    ("[store]\nconflict = \"maybe\"\n", "reject"), ("[nonsense]\nx = 1\n", "nonsense"), ("[index\n", "line 1"),
])
def test_a_wrong_setting_names_its_line_and_what_was_expected(gantry, tmp_path, text, needle):
    file = tmp_path / "gantry.toml"
    file.write_text(text)
    check = run(gantry, "config", "check", "-c", file)
    assert check.returncode != 0
    message = check.stdout + check.stderr
    assert str(file) in message and needle in message


def test_a_setting_has_three_names_and_the_flag_wins(gantry, tmp_path):
    file = tmp_path / "gantry.toml"
    file.write_text('[store]\nconflict = "ignore"\n')
    assert '"ignore"' in run(gantry, "config", "show", "-c", file).stdout
    assert '"replace"' in run(gantry, "config", "show", "-c", file, GANTRY_STORE_CONFLICT="replace").stdout
    assert '"reject"' in run(gantry, "config", "show", "-c", file, "--store-conflict", "reject", GANTRY_STORE_CONFLICT="replace").stdout


def test_a_shown_configuration_hides_passwords_and_loads_again(gantry, tmp_path):
    shown = run(gantry, "config", "show", "--cache-url", "redis://user:hunter2@127.0.0.1:6379/0").stdout
    assert "hunter2" not in shown and "127.0.0.1:6379" in shown
    file = tmp_path / "again.toml"
    file.write_text(run(gantry, "config", "show").stdout)
    assert run(gantry, "config", "check", "-c", file).returncode == 0


def test_health_readiness_and_the_page(make_server):
    server = make_server()
    assert requests.get(server.url + "/healthz").status_code == 200
    assert requests.get(server.url + "/readyz").status_code == 200
    post_instance(server, ct_slice(*uids(3)))
    page = requests.get(server.url + "/")
    assert page.status_code == 200 and page.headers["Content-Type"].startswith("text/html")
    assert "default-src" in page.headers["Content-Security-Policy"]
    for word in ("Gantry", "/dicom-web", "studies", "OHIF", "dicomweb-client"):
        assert word.lower() in page.text.lower(), word


def test_a_tenant_header_may_only_agree(make_server):
    server = make_server()
    assert requests.get(server.dicomweb + "/studies", headers={"x-tenant": "default"}).status_code == 200
    assert requests.get(server.dicomweb + "/studies", headers={"x-tenant": "somebody-else"}).status_code == 403


def test_logs_are_structured_and_hold_no_patient_data(make_server):
    server = make_server("--log-format", "json")
    post_instance(server, ct_slice(*uids(3), PatientName="Secret^Name", PatientID="SECRET-ID"))
    requests.get(server.dicomweb + "/studies?PatientName=Secret*&PatientID=SECRET-ID")
    server.stop()
    text = server.log.read_text()
    assert "Secret" not in text and "SECRET-ID" not in text
    records = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    requests_logged = [record for record in records if record.get("path") == "/dicom-web/studies"]
    assert requests_logged and all({"status", "request_id", "tenant", "duration_ms"} & set(record) for record in requests_logged)


def test_a_client_cannot_add_labels_to_the_metrics(make_server):
    server = make_server()
    for number in range(20):
        assert requests.request(f"MADEUP{number}", server.url + "/healthz").status_code == 405
    text = requests.get(server.url + "/metrics").text
    assert "MADEUP" not in text
    assert 'gantry_http_requests_total{method="other",status="4xx"} 20' in text


def test_a_refused_search_leaves_no_name_in_the_log(make_server):
    server = make_server("--log-format", "json")
    answer = requests.get(server.dicomweb + "/studies", params={"PatientBirthDate": "Secret^Name"})
    assert answer.status_code == 400 and "Secret^Name" in answer.json()["detail"]
    server.stop()
    assert "Secret" not in server.log.read_text()


def test_sigterm_finishes_what_runs_and_a_restart_shows_everything(gantry, tmp_path):
    server = Server(gantry, tmp_path / "data").start()
    study, series, *sops = uids(42)
    codes = []

    def send():
        for sop in sops:
            try:
                codes.append((sop, post_instance(server, ct_slice(study, series, sop)).status_code))
            except requests.RequestException:
                return

    sender = threading.Thread(target=send)
    sender.start()
    while len(codes) < 10:
        pass
    os.kill(server.pid(), signal.SIGTERM)
    assert server.process.wait() == 0
    sender.join()
    server.start()
    held = {item["00080018"]["Value"][0] for item in requests.get(f"{server.dicomweb}/studies/{study}/instances").json()}
    assert {sop for sop, code in codes if code == 200} <= held
    assert server.stop() == 0


def test_help_teaches(gantry):
    assert run(gantry, "--help").returncode == 0
    for verb in ("serve", "store", "fsck", "config"):
        text = run(gantry, verb, "--help").stdout
        assert len(text) > 200 and "gantry" in text, verb
    assert "0.1.0" in run(gantry, "version").stdout
