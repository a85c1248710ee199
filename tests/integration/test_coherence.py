"""Read your writes across nodes: two nodes over one database, alone and with one Redis, which is killed, hangs and forgets.
What one node acknowledged, the other answers at once: searches, metadata and frames, also of what did not exist just before."""

from __future__ import annotations

import os
import random
import re
import threading

import pytest
import requests
from conftest import DATABASES, multipart, split_multipart
from databases import KIND
from make_dicom import ct_slice, uids

pytestmark = pytest.mark.database_server
# FerretDB looks at all documents of most collections for a search.
STORES = int(os.environ.get("GANTRY_COHERENCE_STORES", "100" if KIND == "mongo" else "500"))
THREADS = 4
INSTANCES = 60 if KIND == "mongo" else 500  # of a series that many ask for at once
ASKING = 500
FRAME = {"Accept": 'multipart/related; type="application/octet-stream"'}
# FerretDB reads a document, changes it and writes it back: of two processes that write, one undoes what the other did
# (docs/operations/databases.md says so). There one node does all the writing, the other answers.
ONE_WRITER = KIND == "mongo"


@pytest.fixture
def make_nodes(make_server, tmp_path):
    def make(*flags: str):
        shared = ("--index-url", DATABASES.new_url(tmp_path / "shared"), "--storage-url", f"file:{tmp_path}/objects",
                  "--worker-quiet-period", "100ms", *flags)
        return make_server(*shared), make_server(*shared, *(("--worker-threads", "0") if ONE_WRITER else ()))

    return make


class Client:
    """Stores on one node and looks at the other; knows what must be there."""

    def __init__(self, nodes, seed: str, stores: int):
        self.nodes, self.local, self.stores = nodes, random.Random(seed), stores
        self.sessions = {node.port: requests.Session() for node in nodes}
        self.model: dict[str, dict[str, dict[str, bytes]]] = {}  # study, series, instance: its frame
        self.stale: list[str] = []
        self.failure: Exception | None = None

    def writer_and_reader(self):
        return self.nodes if ONE_WRITER else self.local.sample(self.nodes, 2)

    def get(self, node, path: str, **headers: str) -> requests.Response:
        answer = self.sessions[node.port].get(node.dicomweb + path, headers=headers)
        assert answer.status_code in (200, 404), f"{path}: {answer.status_code} {answer.text}"
        return answer

    def expect(self, node, study: str, series: str, when: str) -> None:
        """The whole series, as it must be now."""
        there = self.model.get(study, {}).get(series, {})
        path = f"/studies/{study}/series/{series}"
        found = {item["00080018"]["Value"][0] for item in self.get(node, path + "/instances").json()}
        if found != set(there):
            self.stale.append(f"{when}: a search has {len(found)} instances of {len(there)}")
        answer = self.get(node, path + "/metadata")
        told = {item["00080018"]["Value"][0] for item in answer.json()} if answer.status_code == 200 else set()
        if told != set(there):
            self.stale.append(f"{when}: metadata have {len(told)} instances of {len(there)}")
        of_study = {sop for each in self.model.get(study, {}).values() for sop in each}
        answer = self.get(node, f"/studies/{study}/metadata")
        told = {item["00080018"]["Value"][0] for item in answer.json()} if answer.status_code == 200 else set()
        if told != of_study:
            self.stale.append(f"{when}: the study's metadata have {len(told)} instances of {len(of_study)}")

    def expect_frame(self, node, study: str, series: str, sop: str, when: str) -> None:
        wanted = self.model.get(study, {}).get(series, {}).get(sop)
        answer = self.get(node, f"/studies/{study}/series/{series}/instances/{sop}/frames/1", **FRAME)
        frame = split_multipart(answer)[0][1] if answer.status_code == 200 else None
        if frame != wanted:
            self.stale.append(f"{when}: a frame is {'there' if frame else 'not there'}")

    def store(self, number: int) -> None:
        writer, reader = self.writer_and_reader()
        study = self.local.choice([*self.model]) if self.model and self.local.random() < 0.7 else uids(1)[0]
        of_study = self.model.get(study, {})
        series = self.local.choice([*of_study]) if of_study and self.local.random() < 0.7 else uids(1)[0]
        sop = uids(1)[0]
        if number % 2:
            self.expect(reader, study, series, "before the store")
            self.expect_frame(reader, study, series, sop, "before the store")
        file = ct_slice(study, series, sop, number, rows=16, columns=16)
        body, content_type = multipart([file])
        answer = self.sessions[writer.port].post(writer.dicomweb + "/studies", data=body, headers={"Content-Type": content_type})
        assert answer.status_code == 200, answer.text
        self.model.setdefault(study, {}).setdefault(series, {})[sop] = file[-512:]
        self.expect_frame(reader, study, series, sop, "after the store")
        self.expect(reader, study, series, "after the store")

    def delete(self) -> None:
        writer, reader = self.writer_and_reader()
        study = self.local.choice([*self.model])
        series = self.local.choice([*self.model[study]])
        sop = self.local.choice([*self.model[study][series]])
        self.expect_frame(reader, study, series, sop, "before the delete")
        path = f"/studies/{study}/series/{series}/instances/{sop}"
        assert self.sessions[writer.port].delete(writer.dicomweb + path).status_code == 204
        del self.model[study][series][sop]
        if not self.model[study][series]:
            del self.model[study][series]
        if not self.model[study]:
            del self.model[study]
        self.expect_frame(reader, study, series, sop, "after the delete")
        self.expect(reader, study, series, "after the delete")

    def run(self) -> None:
        try:
            for number in range(self.stores):
                self.store(number)
                if self.local.random() < 0.15 and self.model:
                    self.delete()
        except Exception as failure:  # told by the test
            self.failure = failure


def run_clients(nodes) -> None:
    seed = os.environ.get("GANTRY_SEED", str(random.randrange(1 << 30)))
    print(f"GANTRY_SEED={seed}")
    clients = [Client(nodes, f"{seed} {n}", STORES // THREADS) for n in range(THREADS)]
    threads = [threading.Thread(target=client.run) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for client in clients:
        if client.failure:
            raise client.failure
    stale = [each for client in clients for each in client.stale]
    assert stale == []


def test_all_who_ask_at_once_share_one_generation_of_each_node(make_server, tmp_path, redis):
    shared = ("--index-url", DATABASES.new_url(tmp_path / "shared"), "--storage-url", f"file:{tmp_path}/objects",
              "--worker-threads", "0", "--cache-url", redis.url)
    nodes = make_server(*shared), make_server(*shared)
    study, series = uids(2)
    files = [ct_slice(study, series, uid, number, rows=16, columns=16) for number, uid in enumerate(uids(INSTANCES))]
    for at in range(0, INSTANCES, 100):
        body, content_type = multipart(files[at:at + 100])
        answer = requests.post(nodes[0].dicomweb + "/studies", data=body, headers={"Content-Type": content_type})
        assert answer.status_code == 200
    answers: list[requests.Response] = []
    begin = threading.Barrier(ASKING)

    def ask(number: int) -> None:
        begin.wait()
        answers.append(requests.get(f"{nodes[number % 2].dicomweb}/studies/{study}/series/{series}/metadata"))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(ASKING)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == ASKING and {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert len(answers[0].json()) == INSTANCES
    for node in nodes:
        built = re.search(r"^gantry_metadata_built_total (\d+)", requests.get(node.url + "/metrics").text, re.M).group(1)
        assert built == "1"


def test_what_one_node_acknowledged_the_other_answers(make_nodes):
    run_clients(make_nodes())


def test_the_same_with_a_redis_between_them(make_nodes, redis):
    nodes = make_nodes("--cache-url", redis.url)
    run_clients(nodes)
    assert int(redis.command("DBSIZE")) > 0, "the nodes never used it"


def test_the_same_while_redis_is_killed_hangs_and_forgets(make_nodes, redis):
    nodes = make_nodes("--cache-url", redis.url)
    done = threading.Event()
    troubles: list[str] = []

    def trouble() -> None:
        local = random.Random(1)
        while not done.wait(local.random() * 0.5):
            what = local.choice(["restart", "stall", "flush", "kill"])
            troubles.append(what)
            if what == "restart":
                redis.ask("restart")
            elif what == "flush":
                redis.command("FLUSHALL")
            elif what == "stall":
                redis.ask("stall")
                done.wait(local.random() * 2)
                redis.ask("resume")
            else:
                redis.ask("kill")
                done.wait(local.random() * 2)
                redis.ask("restart")

    thread = threading.Thread(target=trouble)
    thread.start()
    try:
        run_clients(nodes)
        while len(troubles) < 5:
            run_clients(nodes)
    finally:
        done.set()
        thread.join()
    print(f"{len(troubles)} troubles")
