"""What one tenant may ask of a node, and what a crash may leave behind."""

from __future__ import annotations

import pathlib
import socket
import subprocess

import requests
from conftest import post_instance
from make_dicom import ct_slice, uids


def metric(server, name: str) -> float:
    values = [float(line.rsplit(" ", 1)[1]) for line in requests.get(server.url + "/metrics").text.splitlines() if line.startswith(name)]
    return sum(values)


def test_more_requests_a_second_than_a_tenant_may_are_429_with_a_time_to_come_again(make_server):
    server = make_server("--limits-tenant-requests-per-s", "5")
    with requests.Session() as session:
        answers = [session.get(server.dicomweb + "/studies") for _ in range(40)]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert {answer.status_code for answer in answers} == {200, 429}
        assert all(int(answer.headers["Retry-After"]) >= 1 for answer in refused)
        assert "5 requests a second" in refused[0].json()["detail"]
        assert session.get(server.url + "/healthz").status_code == 200, "what is public is nobody's"
    assert metric(server, 'gantry_tenant_refused_requests_total{limit="rate",tenant="default"}') == len(refused)
    assert metric(server, 'gantry_tenant_requests_total{tenant="default"}') >= 40  # and those of this test and the start


def test_a_client_that_honours_retry_after_gets_everything_stored(gantry, make_server, tmp_path):
    server = make_server("--limits-tenant-requests-per-s", "4")
    folder = tmp_path / "files"
    folder.mkdir()
    study, series, *sops = uids(14)
    for number, sop in enumerate(sops, 1):
        (folder / f"{number}.dcm").write_bytes(ct_slice(study, series, sop, number))
    done = subprocess.run([gantry, "store", folder, "--to", server.dicomweb, "--ledger", tmp_path / "ledger"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert metric(server, "gantry_tenant_refused_requests_total") > 0, "the limit was met"
    assert metric(server, "gantry_store_stored_total") == 12


def test_a_place_is_held_until_the_answer_is_sent_and_given_back_when_the_client_goes(make_server):
    server = make_server("--limits-tenant-concurrent", "1")
    study, series, sop = uids(3)
    assert post_instance(server, ct_slice(study, series, sop, rows=4096, columns=8192)).status_code == 200
    path = f"/dicom-web/studies/{study}/series/{series}/instances/{sop}"
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(("127.0.0.1", server.port))
        slow.send(f"GET {path} HTTP/1.1\r\nHost: x\r\nAccept: application/dicom; transfer-syntax=*\r\n\r\n".encode())
        assert slow.recv(100).startswith(b"HTTP/1.1 200")
        second = requests.get(server.dicomweb + "/studies")
        assert second.status_code == 429 and "at a time" in second.json()["detail"]
    while requests.get(server.dicomweb + "/studies").status_code != 200:
        pass
    assert metric(server, 'gantry_tenant_refused_requests_total{limit="concurrent",tenant="default"}') >= 1


def core_limit(process: object) -> list[str]:
    line = next(line for line in pathlib.Path(f"/proc/{process}/limits").read_text().splitlines() if line.startswith("Max core file size"))
    return line.split()[4:6]


def test_a_crash_leaves_no_memory_on_the_disk_unless_asked_for(make_server):
    assert core_limit(make_server().pid()) == ["0", "0"]
    assert core_limit(make_server("--data-core-dumps").pid()) == core_limit("self")
