"""Prepared series metadata: the same as that of the rows, never of yesterday, and whole after a kill -9."""

from __future__ import annotations

import json
import os
import pathlib
import random
import subprocess
import threading
import time

import pytest
import requests
from conftest import DATABASES, Server, multipart, post_instance
from make_dicom import ct_slice, uids

DUE = int(os.environ.get("GANTRY_DUE_SERIES", "40"))  # for several workers
QUICK = ("--worker-quiet-period", "0s", "--worker-threads", "2")


def metric(server: Server, name: str) -> float:
    for line in requests.get(f"{server.url}/metrics").text.splitlines():
        if line.startswith(name + " "):
            return float(line.split()[1])
    raise KeyError(name)


def wait_until(met, what: str) -> None:
    while not met():
        time.sleep(0.05)
    assert met(), what


def metadata(server: Server, study: str, **headers: str) -> requests.Response:
    answer = requests.get(f"{server.dicomweb}/studies/{study}/metadata", headers=headers)
    assert answer.status_code == 200, answer.text
    return answer


def documents(folder: pathlib.Path) -> int:
    """How many series have a prepared document in the object store."""
    return len(list(folder.rglob("*.gsj")))


def sops(answer: requests.Response) -> list[str]:
    return [item["00080018"]["Value"][0] for item in answer.json()]


def test_what_is_prepared_is_what_the_rows_say(gantry, tmp_path):
    server = Server(gantry, tmp_path / "data", "--worker-threads", "0").start()
    study, *series = uids(4)
    for number in range(30):
        assert post_instance(server, ct_slice(study, series[number % 3], uids(1)[0], number)).status_code == 200
    built = metadata(server, study, **{"Accept-Encoding": "identity"})
    assert len(built.json()) == 30
    for item in built.json():
        of_series, sop = item["0020000E"]["Value"][0], item["00080018"]["Value"][0]
        by_row = requests.get(f"{server.dicomweb}/studies/{study}/series/{of_series}/instances/{sop}/metadata")
        assert by_row.json() == [item]
    assert metric(server, "gantry_metadata_built_total") == 3
    server.stop()

    server = Server(gantry, tmp_path / "data", *QUICK).start()
    wait_until(lambda: metric(server, "gantry_prepared_series_total") >= 3, "3 series prepared")
    for _ in range(2):  # from the index, from memory
        plain = metadata(server, study, **{"Accept-Encoding": "identity"})
        assert plain.content == built.content
        assert plain.headers["ETag"] == built.headers["ETag"]
        gzip = metadata(server, study)
        assert gzip.headers["Content-Encoding"] == "gzip"
        assert gzip.content == built.content
        assert int(gzip.headers["Content-Length"]) < len(built.content) // 5
    unchanged = requests.get(f"{server.dicomweb}/studies/{study}/metadata", headers={"If-None-Match": gzip.headers["ETag"]})
    assert unchanged.status_code == 304
    one = requests.get(f"{server.dicomweb}/studies/{study}/series/{series[0]}/metadata")
    assert sops(one) == [sop for sop, of in ((i["00080018"]["Value"][0], i["0020000E"]["Value"][0]) for i in built.json()) if of == series[0]]
    server.stop()


def test_all_who_ask_at_once_for_what_is_not_prepared_share_one_generation(gantry, tmp_path):
    server = Server(gantry, tmp_path / "data", "--worker-threads", "0").start()
    study, series = uids(2)
    for number in range(60):
        assert post_instance(server, ct_slice(study, series, uids(1)[0], number, rows=16, columns=16)).status_code == 200
    answers: list[requests.Response] = []
    begin = threading.Barrier(50)

    def ask() -> None:
        begin.wait()
        answers.append(requests.get(f"{server.dicomweb}/studies/{study}/series/{series}/metadata"))

    threads = [threading.Thread(target=ask) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert len(answers[0].json()) == 60
    assert metric(server, "gantry_metadata_built_total") == 1
    server.stop()


def test_an_acknowledged_store_or_delete_is_in_the_next_answer(gantry, tmp_path):
    server = Server(gantry, tmp_path / "data", *QUICK).start()
    stale: list[str] = []

    def work(seed: int) -> None:
        local, (study, series), there = random.Random(seed), uids(2), []
        for number in range(60):
            if there and local.random() < 0.2:
                sop = there.pop(local.randrange(len(there)))
                path = f"{server.dicomweb}/studies/{study}/series/{series}/instances/{sop}"
                assert requests.delete(path).status_code == 204
            else:
                sop = uids(1)[0]
                assert post_instance(server, ct_slice(study, series, sop, number)).status_code == 200
                there.append(sop)
            if local.random() < 0.3:
                time.sleep(local.random() * 0.3)  # the workers get their turn
            if there and sorted(sops(metadata(server, study))) != sorted(there):
                stale.append(f"{study}: {len(there)} instances are there")

    seed = random.randrange(1 << 30)
    print(f"GANTRY_SEED={seed}")
    threads = [threading.Thread(target=work, args=(seed + n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stale == []
    assert metric(server, "gantry_prepared_series_total") > 4
    server.stop()


def test_kill_9_while_series_are_prepared_leaves_a_whole_archive(gantry, tmp_path):
    server = Server(gantry, tmp_path / "data", *QUICK, "--worker-lease", "5s")
    study, *series = uids(7)
    there = []
    for round_number in range(5):
        server.start()
        for number in range(12):
            sop = uids(1)[0]
            assert post_instance(server, ct_slice(study, series[number % 6], sop, number)).status_code == 200
            there.append(sop)
        time.sleep(random.random() * 0.2)
        server.kill()
    server.start()
    assert sorted(sops(metadata(server, study))) == sorted(there)
    # A series whose worker was killed is another's when the lease has run out.
    wait_until(lambda: documents(server.data) >= len(series), "all are prepared")
    assert sorted(sops(metadata(server, study))) == sorted(there)
    server.stop()
    check = subprocess.run([gantry, "fsck", "--data", server.data, *DATABASES.flags(server.data)], capture_output=True, text=True)
    assert check.returncode == 0, check.stdout + check.stderr


@pytest.mark.database_server
def test_workers_of_their_own_prepare_each_series_once(gantry, tmp_path):
    server = Server(gantry, tmp_path / "data", "--worker-threads", "0").start()
    studies = [uids(2) for _ in range(DUE)]
    for at in range(0, DUE, 50):
        body, content_type = multipart([ct_slice(study, series, uids(1)[0], 1, rows=16, columns=16) for study, series in studies[at:at + 50]])
        answer = requests.post(f"{server.dicomweb}/studies", data=body, headers={"Content-Type": content_type})
        assert answer.status_code == 200
    storage = f"file:{server.data}"
    command = [str(gantry), "worker", *server.index_flags(), "--storage-url", storage, "--data", str(tmp_path / "nothing"),
               "--worker-threads", "1", "--worker-quiet-period", "0s", "--log-format", "json"]
    begun = time.monotonic()
    workers = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for _ in range(4)]
    wait_until(lambda: documents(server.data) == len(studies), "all are prepared")
    print(f"{DUE} due series, 4 workers: {time.monotonic() - begun:.1f} s with their start")
    made = 0
    for worker in workers:
        worker.terminate()
        said = worker.communicate()[0]
        assert worker.returncode == 0, said
        assert " prepares series: 1 threads, index " in said
        last = json.loads([line for line in said.splitlines() if '"series prepared"' in line][-1])
        assert last["failed"] == 0
        made += last["ready"]
    assert made == len(studies)
    assert not (tmp_path / "nothing").exists()
    server.stop()


@pytest.mark.embedded_index
def test_a_worker_of_its_own_says_what_it_needs(gantry, tmp_path):
    done = subprocess.run([gantry, "worker", "--data", tmp_path / "data"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "is the index of one process" in done.stderr
    assert not (tmp_path / "data").exists()
