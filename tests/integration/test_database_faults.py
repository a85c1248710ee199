"""A database server that is killed, restarted or hangs in the middle of an ingest: refusals with 503, never a hang, never a
false acknowledgement, and service again with the first request after its return. The server is the test's own."""

from __future__ import annotations

import os
import pathlib
import random
import re
import subprocess
import threading
import urllib.parse

import pytest
import requests
from conftest import ROOT, Server, post_instance
from make_dicom import ct_slice, uids

ROUNDS = int(os.environ.get("GANTRY_DATABASE_ROUNDS", "3"))
WRITERS = 6
KINDS = {"postgres": "POSTGRES_URL", "mysql": "MYSQL_URL", "mongo": "MONGO_URL"}


class Database:
    """A server of scripts/services in a folder of its own."""

    def __init__(self, kind: str, folder: pathlib.Path):
        self.kind, self.environment = kind, os.environ | {"GANTRY_SERVICES_DIR": str(folder)}
        self.known = self.variables(self.ask("start"))
        self.url = self.known[KINDS[kind]]

    def ask(self, verb: str) -> str:
        return subprocess.run([ROOT / "scripts" / "services", verb, self.kind], env=self.environment, check=True, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE).stdout

    @staticmethod
    def variables(text: str) -> dict[str, str]:
        return dict(re.findall(r"^(\w+)='(.*)'$", text, re.M))


@pytest.fixture(params=[kind for kind, variable in KINDS.items() if variable in os.environ])
def database(request, tmp_path):
    made = Database(request.param, tmp_path / "services")
    yield made
    made.ask("stop")


def ingest(server: Server, rng_seed: str, studies: dict[str, list[str]], stop: threading.Event, acknowledged: dict, statuses: list) -> None:
    local, number = random.Random(rng_seed), 0
    while not stop.is_set():
        study = local.choice(list(studies))
        number += 1
        sop = uids(1)[0]
        answer = post_instance(server, ct_slice(study, local.choice(studies[study]), sop, number, rows=16))
        statuses.append(answer.status_code)
        if answer.status_code == 200:
            acknowledged[sop] = study
        else:
            # Nothing else is a lie, and nothing else tells the sender to come again.
            assert answer.status_code == 503, answer.text
            assert int(answer.headers["Retry-After"]) > 0


def expect_whole(gantry, server: Server, studies: dict[str, list[str]], acknowledged: dict, flags: list[str]) -> None:
    listed = set()
    for study in studies:
        items = requests.get(f"{server.dicomweb}/studies/{study}/instances").json()
        rows = requests.get(f"{server.dicomweb}/studies?StudyInstanceUID={study}").json()
        assert [row["00201208"]["Value"] for row in rows] == ([[len(items)]] if items else [])
        listed |= {item["00080018"]["Value"][0] for item in items}
    assert set(acknowledged) <= listed, "acknowledged instances are gone"
    server.stop()
    check = subprocess.run([gantry, "fsck", "--data", server.data, *flags], capture_output=True, text=True)
    assert check.returncode == 0, check.stdout + check.stderr


def wait_for(condition, threads: list[threading.Thread]) -> None:
    while not condition():
        assert all(thread.is_alive() for thread in threads), "a writer ended: its failure is above"
        threads[0].join(0.01)


@pytest.mark.parametrize("fault", ["restart", "stall"])
def test_an_ingest_survives_a_database_that_fails(gantry, tmp_path, database, fault):
    seed = os.environ.get("GANTRY_SEED", str(random.randrange(1 << 30)))
    print(f"GANTRY_SEED={seed}")
    flags = ["--index-url", database.url]
    server = Server(gantry, tmp_path / "data", *flags, "--index-statement-time", "2s", "--index-connect-time", "1s").start()
    studies = {study: uids(3) for study in uids(3)}
    acknowledged, statuses, stop = {}, [], threading.Event()
    threads = [threading.Thread(target=ingest, args=(server, f"{seed}-{n}", studies, stop, acknowledged, statuses))
               for n in range(WRITERS)]
    for thread in threads:
        thread.start()
    rng = random.Random(seed)
    try:
        for _ in range(ROUNDS):
            wanted = len(acknowledged) + rng.randrange(5, 60)
            wait_for(lambda: len(acknowledged) >= wanted, threads)
            if fault == "stall":
                database.ask("stall")
                refused = statuses.count(503)
                wait_for(lambda: statuses.count(503) > refused, threads)  # it ends with a refusal, not with a hang
                assert requests.get(server.url + "/readyz").status_code == 503
                database.ask("resume")
            else:
                database.ask("restart")
            answer = requests.get(server.dicomweb + "/studies")
            assert answer.status_code == 200, "the first request after its return"
        wanted = len(acknowledged) + 20
        wait_for(lambda: len(acknowledged) >= wanted, threads)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    print(f"{ROUNDS} rounds, {len(acknowledged)} acknowledged, {statuses.count(503)} refused")
    expect_whole(gantry, server, studies, acknowledged, flags)


def sql_as_administrator(kind: str, url: str, statements: list[str]) -> None:
    admin = urllib.parse.urlsplit(url)
    for statement in statements:
        if kind == "postgres":
            command = ["psql", "-X", "-q", url, "-c", statement]
        else:
            command = ["mariadb", "--no-defaults", "--protocol=tcp", "-h", admin.hostname, "-P", str(admin.port), "-u", "root", "-e", statement]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=os.environ | {"MYSQL_PWD": admin.password})


LOSSY = {"postgres": ("fsync", ["off"], "on", ["ALTER SYSTEM SET fsync = {}", "SELECT pg_reload_conf()", "SELECT pg_sleep(0.5)"]),
         "mysql": ("innodb_flush_log_at_trx_commit", ["2", "0"], "1", ["SET GLOBAL innodb_flush_log_at_trx_commit = {}"])}


@pytest.mark.parametrize("kind", [kind for kind in LOSSY if KINDS[kind] in os.environ])
def test_a_server_that_may_lose_what_it_acknowledged_is_refused(gantry, tmp_path, kind):
    database = Database(kind, tmp_path / "services")
    setting, lossy, safe, statements = LOSSY[kind]
    try:
        for value in [*lossy, safe]:
            sql_as_administrator(kind, database.known[kind.upper() + "_ADMIN_URL"], [text.format(value) for text in statements])
            answer = subprocess.run([gantry, "migrate", "status", "--index-url", database.url], capture_output=True, text=True)
            assert answer.returncode == (1 if value == safe else 2), answer.stderr  # 1: there is something to do
            assert (setting in answer.stderr) == (value != safe)
    finally:
        database.ask("stop")
