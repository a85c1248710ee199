"""`gantry migrate` and `gantry index copy`: an archive's schema and its way from one database to another."""

from __future__ import annotations

import os
import re
import signal
import subprocess

import pytest
import requests
from conftest import DATABASES, Server, free_port, post_instance
from make_dicom import ct_slice, uids


def run(gantry, *arguments, **more) -> subprocess.CompletedProcess:
    environment = {name: value for name, value in os.environ.items() if name != "GANTRY_INDEX_MIGRATE"}
    return subprocess.run([gantry, *map(str, arguments)], capture_output=True, text=True, env=environment, **more)


@pytest.mark.database_server
def test_serve_waits_not_ready_until_the_schema_is_migrated(gantry, tmp_path, monkeypatch):
    monkeypatch.delenv("GANTRY_INDEX_MIGRATE")
    url = DATABASES.new_url(tmp_path / "new")
    server = Server(gantry, tmp_path / "data", "--index-url", url)
    log = open(server.log, "wb")
    server.process = subprocess.Popen(
        [gantry, "serve", "--data", server.data, "--listen", f"127.0.0.1:{server.port}", "--index-url", url],
        stdout=log, stderr=log)
    try:
        while True:
            assert server.process.poll() is None, server.log.read_text()
            try:
                alive = requests.get(server.url + "/healthz")
                break
            except requests.ConnectionError:
                pass
        assert alive.status_code == 200
        assert requests.get(server.url + "/readyz").status_code == 503
        refused = post_instance(server, ct_slice(*uids(3), 1, rows=16))
        assert refused.status_code == 503 and int(refused.headers["Retry-After"]) > 0
        assert requests.get(server.dicomweb + "/studies").status_code == 503
        assert "is ready" not in server.logged("gantry migrate")

        status = run(gantry, "migrate", "status", "--index-url", url)
        assert status.returncode == 1 and "pending" in status.stdout, status.stdout + status.stderr
        planned = run(gantry, "migrate", "--dry-run", "--index-url", url)
        assert planned.returncode == 1 and "dicom_study_meta" in planned.stdout
        assert "pending" in run(gantry, "migrate", "status", "--index-url", url).stdout, "a dry run changes nothing"
        both = [subprocess.Popen([gantry, "migrate", "--index-url", url]) for _ in range(2)]
        assert [one.wait() for one in both] == [0, 0], "two at once"
        after = run(gantry, "migrate", "status", "--index-url", url)
        assert after.returncode == 0 and "pending" not in after.stdout
        assert run(gantry, "migrate", "--index-url", url).returncode == 0, "again: nothing to do"

        while requests.get(server.url + "/readyz").status_code != 200:
            assert server.process.poll() is None, server.log.read_text()
        assert post_instance(server, ct_slice(*uids(3), 1, rows=16)).status_code == 200
        while "is ready" not in server.log.read_text():
            assert server.process.poll() is None
        assert server.stop() == 0
    finally:
        if server.process.poll() is None:
            server.kill()
        log.close()


@pytest.mark.database_server
def test_a_server_that_waits_for_its_database_says_so_and_can_be_stopped(gantry, tmp_path):
    scheme = DATABASES.new_url(tmp_path / "new").partition("://")[0]
    gone = f"{scheme}://user:sesame@127.0.0.1:{free_port()}/x"
    process = subprocess.Popen([gantry, "serve", "--data", tmp_path / "data", "--listen", f"127.0.0.1:{free_port()}", "--index-url", gone],
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    said = ""
    while "waiting for the index" not in said:
        line = process.stderr.readline()
        assert line, said
        said += line
    process.send_signal(signal.SIGTERM)
    assert "sesame" not in said + process.stderr.read()
    assert process.wait() == 0


def test_the_state_of_the_schema_is_shown(gantry, tmp_path):
    url = DATABASES.new_url(tmp_path / "new")
    assert run(gantry, "migrate", "--index-url", url).returncode == 0
    status = run(gantry, "migrate", "status", "--index-url", url)
    assert status.returncode == 0 and re.search(r"schema 1\.\d+\b", status.stdout)
    assert ":***@" in status.stdout or "@" not in url, "no passwords"


def test_a_database_that_cannot_be_reached_is_said(gantry):
    answer = run(gantry, "migrate", "status", "--index-url", "postgresql://nobody@127.0.0.1:1/x")
    assert answer.returncode == 2 and "127.0.0.1" in answer.stderr


def listing(server: Server) -> list:
    studies = requests.get(server.dicomweb + "/studies?includefield=all&limit=1000").json()
    instances = requests.get(server.dicomweb + "/instances?includefield=all&limit=1000").json()
    for item in studies + instances:  # the address is another one
        item.pop("00081190", None)
    return studies + instances


@pytest.fixture
def laptop(gantry, tmp_path, corpus):
    """A data folder on the embedded index with a part of the corpus, not served any more; and what it answered."""
    server = Server(gantry, tmp_path / "laptop", "--index-url", f"sqlite:{tmp_path}/laptop/index.sqlite").start()
    for file in corpus[:60]:
        post_instance(server, file.read())
    answers = listing(server)
    assert len(answers) > 20
    return server, answers


def test_a_laptops_archive_grows_into_a_database(gantry, tmp_path, laptop):
    server, answers = laptop
    url, source = DATABASES.new_url(tmp_path / "big"), f"sqlite:{tmp_path}/laptop/index.sqlite"
    served = run(gantry, "index", "copy", "--from", source, "--to", url)
    assert served.returncode == 1 and "stop it first" in served.stderr
    server.stop()

    copied = run(gantry, "index", "copy", "--from", source, "--to", url)
    assert copied.returncode == 0, copied.stderr
    assert "row by row" in copied.stdout and (":***@" in copied.stdout or "@" not in url)
    again = run(gantry, "index", "copy", "--from", source, "--to", url)
    assert again.returncode == 1 and "not empty" in again.stderr

    grown = Server(gantry, server.data, "--index-url", url).start()
    try:
        assert listing(grown) == answers
        first = next(item for item in answers if "00080018" in item)
        study, series, sop = (first[tag]["Value"][0] for tag in ("0020000D", "0020000E", "00080018"))
        everything = {"Accept": "multipart/related; type=application/dicom; transfer-syntax=*"}
        got = requests.get(f"{grown.dicomweb}/studies/{study}/series/{series}/instances/{sop}", headers=everything)
        assert got.status_code == 200
        assert post_instance(grown, ct_slice(*uids(3), 1, rows=16)).status_code == 200
    finally:
        grown.stop()
    whole = run(gantry, "fsck", "--data", server.data, "--index-url", url)
    assert whole.returncode == 0, whole.stdout + whole.stderr


def test_a_copy_that_was_killed_is_not_served_and_goes_on(gantry, tmp_path, laptop):
    server, answers = laptop
    server.stop()
    source, unfinished, at = f"sqlite:{tmp_path}/laptop/index.sqlite", 0, 1
    calls = "pwrite64,sendto,sendmsg,writev"  # what a target is written with
    while True:
        url = DATABASES.new_url(tmp_path / f"big{at}")
        killed = run("strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}", "-e", f"inject={calls}:signal=KILL:when={at}",
                     gantry, "index", "copy", "--from", source, "--to", url)
        if killed.returncode == 0:
            break  # it was done before its end came
        check = run(gantry, "fsck", "--data", server.data, "--index-url", url)
        if "unfinished target" in check.stderr:
            unfinished += 1
            assert check.returncode == 2
            resumed = run(gantry, "index", "copy", "--from", source, "--to", url)
            assert resumed.returncode == 0 and "gone on with" in resumed.stdout, resumed.stderr
            grown = Server(gantry, server.data, "--index-url", url).start()
            assert listing(grown) == answers
            grown.stop()
        at = at * 3 // 2 + 1
    assert unfinished > 0
