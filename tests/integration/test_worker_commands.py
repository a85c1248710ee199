"""`gantry worker status` and `retry`: what an operator sees of series whose metadata fails, and can do about it."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import time

import pytest
import requests
from conftest import Server, multipart, post_instance
from make_dicom import ct_slice, uids
from test_series_metadata import metric

QUICK = ("--worker-quiet-period", "0s", "--worker-threads", "2")
NONE = ("--worker-threads", "0")


def worker(server: Server, *arguments: str) -> subprocess.CompletedProcess:
    command = [str(server.binary), "worker", *arguments, "--data", str(server.data), *server.index_flags()]
    return subprocess.run(command, capture_output=True, text=True)


def status(server: Server) -> dict:
    done = worker(server, "status", "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def wait_for(server: Server, **wanted) -> dict:
    """The status, as soon as all of it is as wanted; `tries` are those of the one failure. Counts and failures are read
    one after the other, so beside a worker at work they may be of two moments."""
    while True:
        now = status(server)
        seen = {**now, "tries": now["failures"][0]["tries"] if now["failures"] else None}
        if all(seen[name] == value for name, value in wanted.items()):
            return now
        time.sleep(0.05)


def change(server: Server, statement: str, *values) -> None:
    """In the file of the embedded index, while nothing runs."""
    with sqlite3.connect(server.data / "index.sqlite") as database:
        assert database.execute(statement, values).rowcount == 1
    database.close()


def series_metadata(server: Server, study: str, series: str) -> requests.Response:
    answer = requests.get(f"{server.dicomweb}/studies/{study}/series/{series}/metadata")
    assert answer.status_code == 200, answer.text
    return answer


@pytest.mark.embedded_index
def test_a_damaged_series_is_served_without_the_damage_given_up_and_tried_again_when_asked(gantry, tmp_path):
    server = Server(gantry, tmp_path / "data", *NONE).start()
    study, series = uids(2)
    sops = uids(100)
    for number, sop in enumerate(sops):
        assert post_instance(server, ct_slice(study, series, sop, number, rows=8, columns=8)).status_code == 200
    before = status(server)
    assert (before["pending"], before["ready"], before["failures"]) == (1, 0, [])
    assert before["oldest_due"] is not None
    server.stop()
    with sqlite3.connect(server.data / "index.sqlite") as database:
        (whole,) = database.execute("SELECT attributes FROM dicom_image_meta WHERE sop_uid = ?", (sops[41],)).fetchone()
    database.close()
    change(server, "UPDATE dicom_image_meta SET attributes = ? WHERE sop_uid = ?", whole[:-1] + bytes([whole[-1] ^ 1]), sops[41])

    server = Server(gantry, tmp_path / "data", *QUICK)
    for tries in (1, 2, 3, 4, 5):
        server.start()
        now = wait_for(server, tries=tries, failed=int(tries < 5), given_up=int(tries == 5), pending=0, ready=0, running=0)
        failure = now["failures"][0]
        assert (failure["tenant"], failure["study"], failure["series"]) == ("default", study, series)
        assert failure["error"] == "the stored attributes of 1 of its instances can't be read"
        assert failure["given_up"] == (tries == 5) == (failure["next_try"] is None)
        answer = series_metadata(server, study, series)
        assert answer.headers["Warning"].startswith("299 ")
        assert {item["00080018"]["Value"][0] for item in answer.json()} == set(sops) - {sops[41]}
        server.stop()
        if tries < 5:  # what would take minutes
            change(server, "UPDATE dicom_json_meta SET next_at = 0 WHERE series_uid = ?", series)

    # While nothing runs, the index is opened; what is said is the same.
    assert status(server) == now
    said = worker(server, "status").stdout
    assert f"given up  tenant default  study {study}  series {series}" in said
    assert "tries 5: the stored attributes of 1 of its instances can't be read" in said

    for arguments, words in ((("--study", "1.2.3"), "tenant default has no study 1.2.3"),
                             (("--study", study, "--series", "1.2.3"), f"has no study {study} with a series 1.2.3"),
                             (("--study", study, "--tenant", "elsewhere"), f"tenant elsewhere has no study {study}")):
        for running in (False, True):
            if running:
                server.start()
            done = worker(server, "retry", *arguments)
            assert (done.returncode, done.stdout) == (1, "")
            assert words in done.stderr
            if running:
                server.stop()

    server.start()
    while metric(server, "gantry_prepare_given_up_series") != 1:
        time.sleep(0.05)
    assert metric(server, "gantry_prepare_due_series") == metric(server, "gantry_prepare_failing_series") == 0
    done = worker(server, "retry", "--study", study, "--series", series)
    assert (done.returncode, done.stdout) == (0, "1 series is due again\n")
    wait_for(server, tries=1, failed=1, given_up=0)
    server.stop()
    change(server, "UPDATE dicom_json_meta SET next_at = 0 WHERE series_uid = ?", series)
    server.start()
    wait_for(server, tries=2)

    # A change makes it a new series to the workers; without the damaged instance it is whole.
    assert post_instance(server, ct_slice(study, series, uids(1)[0], 100, rows=8, columns=8)).status_code == 200
    wait_for(server, tries=1, failed=1)
    answer = series_metadata(server, study, series)
    assert answer.headers["Warning"].startswith("299 ")
    assert len(answer.json()) == 100
    assert requests.delete(f"{server.dicomweb}/studies/{study}/series/{series}/instances/{sops[41]}").status_code == 204
    assert wait_for(server, ready=1, failed=0, given_up=0, pending=0)["failures"] == []
    answer = series_metadata(server, study, series)
    assert "Warning" not in answer.headers
    assert len(answer.json()) == 100
    done = worker(server, "retry")
    assert (done.returncode, done.stdout) == (0, "no series had failed\n")
    server.stop()


@pytest.mark.embedded_index
def test_what_was_mended_is_whole_after_a_retry(gantry, tmp_path):
    server = Server(gantry, tmp_path / "data", *NONE).start()
    study, series, sop = uids(3)
    assert post_instance(server, ct_slice(study, series, sop)).status_code == 200
    server.stop()
    with sqlite3.connect(server.data / "index.sqlite") as database:
        (whole,) = database.execute("SELECT attributes FROM dicom_image_meta WHERE sop_uid = ?", (sop,)).fetchone()
    database.close()
    change(server, "UPDATE dicom_image_meta SET attributes = ? WHERE sop_uid = ?", b"damaged", sop)
    server = Server(gantry, tmp_path / "data", *QUICK).start()
    wait_for(server, tries=1)
    server.stop()
    change(server, "UPDATE dicom_image_meta SET attributes = ? WHERE sop_uid = ?", whole, sop)
    assert worker(server, "retry").stdout == "1 series is due again\n"
    server.start()
    wait_for(server, ready=1, failed=0)
    assert len(series_metadata(server, study, series).json()) == 1
    server.stop()


def test_status_counts_all_series_whether_somebody_serves_or_not(gantry, tmp_path):
    server = Server(gantry, tmp_path / "data", *QUICK).start()
    assert "nothing is due" in worker(server, "status").stdout
    for _ in range(5):
        study, series, sop = uids(3)
        assert post_instance(server, ct_slice(study, series, sop)).status_code == 200
    running = wait_for(server, ready=5, pending=0, running=0)
    assert (running["oldest_due"], running["failures"]) == (None, [])
    done = worker(server, "retry", "--study", study)
    assert (done.returncode, done.stdout) == (0, "no series had failed\n")
    assert worker(server, "retry", "--study", "1.2.3").returncode == 1
    server.stop()
    assert status(server) == running
    assert worker(server, "retry", "--series", series).returncode == 2, "without its study"


@pytest.mark.database_server
def test_a_worker_that_is_ended_leaves_nothing_claimed_and_another_goes_on(gantry, tmp_path):
    server = Server(gantry, tmp_path / "data", *NONE).start()
    studies = [uids(2) for _ in range(12)]
    body, content_type = multipart([ct_slice(study, series, uids(1)[0], 1, rows=16, columns=16) for study, series in studies])
    assert requests.post(f"{server.dicomweb}/studies", data=body, headers={"Content-Type": content_type}).status_code == 200
    command = [str(gantry), "worker", *server.index_flags(), "--storage-url", f"file:{server.data}", "--data", str(tmp_path / "nothing"),
               "--worker-threads", "2", "--worker-quiet-period", "0s", "--worker-lease", "1h", "--log-format", "json"]
    made = []
    while sum(made) < len(studies):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        before = len(list(server.data.rglob("*.gsj")))
        while before < len(studies) and len(list(server.data.rglob("*.gsj"))) == before:
            time.sleep(0.001)
        process.terminate()  # in the middle of its work
        said = process.communicate()[0]
        assert process.returncode == 0, said
        now = status(server)
        assert (now["running"], now["failures"]) == (0, [])
        last = json.loads([line for line in said.splitlines() if '"series prepared"' in line][-1])
        made.append(last["ready"])
        assert now["ready"] == sum(made) and now["pending"] == len(studies) - sum(made)
    print(f"made by {len(made)} workers: {made}")
    server.stop()


def test_administration_is_for_the_socket_alone(gantry, tmp_path):
    server = Server(gantry, tmp_path / "data").start()
    assert requests.get(f"{server.url}/admin/worker/status").status_code == 403
    assert requests.post(f"{server.url}/admin/worker/retry").status_code == 403
    server.stop()


@pytest.mark.embedded_index
def test_without_a_data_folder_there_is_no_answer(gantry, tmp_path):
    for verb in ("status", "retry"):
        done = subprocess.run([gantry, "worker", verb, "--data", tmp_path / "nothing"], capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (2, "")
        assert "there is no data folder" in done.stderr
    assert not (tmp_path / "nothing").exists()
