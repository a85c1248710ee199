"""`gantry worker status` and `retry`: a series with damaged attributes, from its first failure to its recovery. The embedded
index's file is damaged while nothing runs; what is asked is the running server, over its socket, or the index itself."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import time

import pytest
import requests
from conftest import Server, multipart, post_instance
from make_dicom import ct_slice, uids

INSTANCES = 100
QUICK = ("--worker-quiet-period", "0s", "--store-conflict", "replace")


def worker(gantry, server: Server, *words: str) -> subprocess.CompletedProcess:
    return subprocess.run([gantry, "worker", *words, "--data", server.data, *server.index_flags()], capture_output=True, text=True)


def status(gantry, server: Server) -> dict:
    done = worker(gantry, server, "status", "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def wait_for(gantry, server: Server, met) -> dict:
    while not met(now := status(gantry, server)):
        time.sleep(0.1)
    return now


def store(server: Server, files: list[bytes]) -> None:
    body, content_type = multipart(files)
    answer = requests.post(f"{server.dicomweb}/studies", data=body, headers={"Content-Type": content_type})
    assert answer.status_code == 200, answer.text


def index_file(server: Server):
    return sqlite3.connect(server.data / "index.sqlite")


@pytest.mark.embedded_index
def test_a_damaged_instance_is_left_out_told_given_up_and_recovers_when_the_series_changes(gantry, tmp_path):
    server = Server(gantry, tmp_path / "data", *QUICK, "--worker-threads", "0").start()
    study, series, *sops = uids(INSTANCES + 2)
    store(server, [ct_slice(study, series, sop, number, rows=16, columns=16) for number, sop in enumerate(sops)])
    server.stop()
    with index_file(server) as index:
        assert index.execute("UPDATE dicom_image_meta SET attributes = x'00' WHERE sop_uid = ?", (sops[7],)).rowcount == 1
    rest = sops[:7] + sops[8:]

    def expect_the_rest() -> None:
        for path in (f"/studies/{study}/metadata", f"/studies/{study}/series/{series}/metadata"):
            answer = requests.get(server.dicomweb + path)
            assert answer.status_code == 200
            assert answer.headers["Warning"].startswith("299 ") and "1 instances are left out" in answer.headers["Warning"]
            assert [item["00080018"]["Value"][0] for item in answer.json()] == rest

    server.start()
    expect_the_rest()  # built on demand
    assert status(gantry, server)["pending"] == 1
    server.stop()

    for tries in range(1, 6):
        server.flags = QUICK
        server.start()
        now = wait_for(gantry, server, lambda now: now["failures"] and now["failures"][0]["tries"] == tries)
        expect_the_rest()  # as it was prepared
        failure = now["failures"][0]
        assert (failure["study"], failure["series"], failure["given_up"]) == (study, series, tries == 5)
        assert "1 of its instances can't be read" in failure["error"]
        assert (now["failed"], now["given_up"], now["ready"]) == ((0, 1, 0) if tries == 5 else (1, 0, 0))
        server.stop()
        with index_file(server) as index:  # the next try is due now
            index.execute("UPDATE dicom_json_meta SET next_at = 0")

    # Nobody runs: the index itself is asked.
    said = worker(gantry, server, "status")
    assert said.returncode == 0 and "given up" in said.stdout and series in said.stdout
    assert worker(gantry, server, "retry", "--study", "1.2.3").returncode == 1
    assert worker(gantry, server, "retry", "--series", series).returncode != 0
    retried = worker(gantry, server, "retry", "--study", study, "--series", series)
    assert (retried.returncode, retried.stdout) == (0, "1 series is due again\n"), retried.stderr
    assert status(gantry, server)["failures"] == [] and status(gantry, server)["pending"] == 1
    server.start()
    wait_for(gantry, server, lambda now: now["failures"] and now["failures"][0]["tries"] == 1)

    # A running server is asked over its socket.
    assert worker(gantry, server, "retry").stdout == "1 series is due again\n"
    wait_for(gantry, server, lambda now: now["failed"] == 1)
    assert post_instance(server, ct_slice(study, series, sops[7], 7, rows=18, columns=18)).status_code == 200
    wait_for(gantry, server, lambda now: now["ready"] == 1 and now["failures"] == [])
    answer = requests.get(f"{server.dicomweb}/studies/{study}/metadata")
    assert "Warning" not in answer.headers and len(answer.json()) == INSTANCES
    server.stop()


def test_status_counts_what_is_due_and_what_is_ready(gantry, tmp_path):
    server = Server(gantry, tmp_path / "data", *QUICK, "--worker-threads", "0").start()
    assert status(gantry, server) == {"ready": 0, "pending": 0, "running": 0, "failed": 0, "given_up": 0, "oldest_due": None,
                                      "failures": []}
    store(server, [ct_slice(*uids(3), rows=16, columns=16) for _ in range(3)])
    now = status(gantry, server)
    assert now["pending"] == 3 and now["oldest_due"]
    server.stop()
    server.flags = QUICK
    server.start()
    wait_for(gantry, server, lambda now: now["ready"] == 3 and now["pending"] == 0)
    assert worker(gantry, server, "retry").stdout == "no series had failed\n"
    server.stop()


@pytest.mark.embedded_index
def test_status_of_nothing_says_so(gantry, tmp_path):
    done = subprocess.run([gantry, "worker", "status", "--data", tmp_path / "nothing", "--index-url", "postgresql://127.0.0.1:1/x"],
                          capture_output=True, text=True)
    assert done.returncode == 2 and "gantry worker status: " in done.stderr
