"""Two tenants with the same UIDs and different bytes, read all at once in every way there is, on all nodes, while both change:
what a tenant is answered is its own, always (DESIGN §12: 0 leaks in 100,000 checks)."""

from __future__ import annotations

import http.client
import json
import os
import random
import re
import threading

import pytest
from conftest import DATABASES, multipart
from databases import KIND
from make_dicom import ct_slice, uids

CHECKS = int(os.environ.get("GANTRY_TENANT_CHECKS", "3000"))
THREADS = 8
TENANTS = ("clinic-a", "clinic-b")
SERIES, INSTANCES = 2, 4  # of one study
SIZE = 32  # rows and columns
FRAMES = {"Accept": 'multipart/related; type="application/octet-stream"'}
STORED = {"Accept": "multipart/related; type=application/dicom; transfer-syntax=*"}
# FerretDB undoes changes when two processes write; there one node writes.
ONE_WRITER = KIND == "mongo"


def pixels(tenant: str, number: int) -> bytes:
    return (f"pixels of {tenant} {number:06}. ".encode() * SIZE * SIZE)[: SIZE * SIZE * 2]


class Archive:
    """What both tenants hold: the same UIDs, and in each file the tenant's name in names, descriptions and pixels."""

    def __init__(self) -> None:
        self.study, *self.series = uids(1 + SERIES)
        self.sops = {series: uids(INSTANCES) for series in self.series}
        self.extra = uids(1)[0]  # comes and goes
        self.files = {(tenant, series, sop): self.file(tenant, series, sop, number)
                      for tenant in TENANTS for series in self.series for number, sop in enumerate(self.sops[series], 1)}

    def file(self, tenant: str, series: str, sop: str, number: int) -> bytes:
        return ct_slice(self.study, series, sop, number, rows=SIZE, columns=SIZE, PatientName=f"Of^{tenant}",
                        PatientID=f"id-{tenant}", AccessionNumber=tenant[-8:], StudyDescription=f"study of {tenant}",
                        SeriesDescription=f"series of {tenant}", PixelData=pixels(tenant, number))

    def number(self, series: str, sop: str) -> int:
        return self.sops[series].index(sop) + 1


class Reader:
    """One thread with connections of its own, and what it found."""

    def __init__(self, archive: Archive, nodes, seed: int, checks: int):
        self.archive, self.nodes, self.local, self.checks = archive, nodes, random.Random(seed), checks
        self.connections: dict[int, http.client.HTTPConnection] = {}
        self.etags: dict[tuple[str, str], str] = {}  # tenant, resource
        self.leaks: list[str] = []
        self.failure: Exception | None = None
        self.done = self.crossed = self.unchanged = 0
        self.kinds: dict[str, int] = {}

    def ask(self, node, method: str, target: str, headers: dict[str, str], body: bytes | None = None):
        connection = self.connections.setdefault(node.port, http.client.HTTPConnection("127.0.0.1", node.port))
        connection.request(method, target, body=body, headers=headers)
        answer = connection.getresponse()
        return answer, answer.read()

    def targets(self):
        """Every way to read: kind, path below the service root, headers, what the body must be."""
        study, series = self.archive.study, self.local.choice(self.archive.series)
        sop = self.local.choice(self.archive.sops[series])
        number = self.archive.number(series, sop)
        of_series, of_sop = f"/studies/{study}/series/{series}", f"/studies/{study}/series/{series}/instances/{sop}"
        return [
            ("search studies", f"/studies?StudyInstanceUID={study}&includefield=all", {}, None),
            ("search by name", f"/studies?StudyInstanceUID={study}&PatientName=of*", {}, None),
            ("search series", f"/studies/{study}/series?includefield=all", {}, None),
            ("search instances", f"{of_series}/instances?includefield=StudyDescription&includefield=PatientName", {}, None),
            ("search all instances", f"/instances?SOPInstanceUID={sop}&includefield=PatientName", {}, None),
            ("study metadata", f"/studies/{study}/metadata", {}, None),
            ("series metadata", of_series + "/metadata", {}, None),
            ("instance metadata", of_sop + "/metadata", {}, None),
            ("instance", of_sop, STORED, lambda tenant: self.archive.files[tenant, series, sop]),
            ("series", of_series, STORED, None),
            ("frame", of_sop + "/frames/1", FRAMES, lambda tenant: pixels(tenant, number)),
            ("bulk data", of_sop + "/bulkdata/7FE00010", {}, lambda tenant: pixels(tenant, number)),
            ("pixel data", of_sop + "/pixeldata", FRAMES, lambda tenant: pixels(tenant, number)),
            ("by URI", f"/wado?requestType=WADO&studyUID={study}&seriesUID={series}&objectUID={sop}&contentType=application/dicom",
             {}, lambda tenant: self.archive.files[tenant, series, sop]),
        ]

    def check(self) -> None:
        tenant, node = self.local.choice(TENANTS), self.local.choice(self.nodes)
        other = TENANTS[1 - TENANTS.index(tenant)]
        kind, path, headers, exact = self.local.choice(self.targets())
        by_path = self.local.random() < 0.5
        root = f"/tenants/{tenant}/dicom-web" if by_path else "/dicom-web"
        headers = headers | ({} if by_path else {"x-tenant": tenant})
        resource = f"{by_path} {path} {headers.get('Accept')}"
        others_tag, own_tag = self.etags.get((other, resource)), self.etags.get((tenant, resource))
        crossed = others_tag is not None and self.local.random() < 0.4
        if crossed:
            headers["If-None-Match"] = others_tag
        elif own_tag is not None and self.local.random() < 0.2:
            headers["If-None-Match"] = own_tag
        where = f"{kind} for {tenant} at port {node.port}, {'path' if by_path else 'header'}, {headers.get('If-None-Match')}"
        answer, body = self.ask(node, "GET", root + path, headers)
        self.done += 1
        self.kinds[kind] = self.kinds.get(kind, 0) + 1
        self.crossed += crossed
        if answer.status == 304:
            self.unchanged += 1
            if crossed:
                self.leaks.append(f"{where}: 304 to the other's ETag")
            return
        assert answer.status == 200, f"{where}: {answer.status} {body[:300]}"
        tag = answer.headers["ETag"]
        if tag is not None:
            self.etags[tenant, resource] = tag
            if tag == others_tag:
                self.leaks.append(f"{where}: the ETag is the other's")
        text = body.decode("latin-1")
        if other in text:
            self.leaks.append(f"{where}: the answer speaks of {other}")
        if tenant not in text:
            self.leaks.append(f"{where}: the answer does not speak of {tenant}")
        if exact is not None and exact(tenant) not in body:
            self.leaks.append(f"{where}: other bytes")
        # Without Accept-Encoding answers come as they are; each URI begins where the request did.
        for uri in re.findall(r'"BulkDataURI":\s*"([^"]*)"', text):
            if not uri.startswith(root + "/"):
                self.leaks.append(f"{where}: {uri}")

    def run(self) -> None:
        try:
            while self.done < self.checks:
                self.check()
        except Exception as failure:  # told by the test
            self.failure = failure


class Changer(Reader):
    """Stores and deletes one more instance of the study, by turns, in one tenant: caches are filled and emptied all the time."""

    def __init__(self, archive: Archive, nodes, tenant: str):
        super().__init__(archive, nodes, 1, 0)
        self.tenant, self.ended = tenant, threading.Event()
        self.rounds = 0

    def run(self) -> None:
        try:
            root, study, series = f"/tenants/{self.tenant}/dicom-web", self.archive.study, self.archive.series[0]
            while not self.ended.wait(0.05):
                self.rounds += 1
                node = self.nodes[0] if ONE_WRITER else self.local.choice(self.nodes)
                body, content_type = multipart([self.archive.file(self.tenant, series, self.archive.extra, 900 + self.rounds)])
                answer, told = self.ask(node, "POST", root + "/studies", {"Content-Type": content_type}, body)
                assert answer.status == 200, told
                answer, told = self.ask(node, "DELETE", f"{root}/studies/{study}/series/{series}/instances/{self.archive.extra}", {})
                assert answer.status == 204, told
        except Exception as failure:  # told by the test
            self.failure = failure


def fill(archive: Archive, node) -> None:
    writer = Reader(archive, [node], 0, 0)
    for (tenant, _, _), file in archive.files.items():
        body, content_type = multipart([file])
        answer, told = writer.ask(node, "POST", f"/tenants/{tenant}/dicom-web/studies", {"Content-Type": content_type}, body)
        assert answer.status == 200, told
        assert f"/tenants/{tenant}/dicom-web/studies/" in told.decode(), "the RetrieveURL begins where the request did"


def hunt(nodes, checks: int) -> None:
    archive = Archive()
    fill(archive, nodes[0])
    readers = [Reader(archive, nodes, 100 + number, -(-checks // THREADS)) for number in range(THREADS)]
    changers = [Changer(archive, nodes, tenant) for tenant in TENANTS]
    threads = [threading.Thread(target=each.run) for each in (*changers, *readers)]
    for thread in threads:
        thread.start()
    for thread in threads[len(changers):]:
        thread.join()
    for changer in changers:
        changer.ended.set()
    for thread in threads:
        thread.join()
    for each in (*readers, *changers):
        if each.failure:
            raise each.failure
    leaks = [leak for reader in readers for leak in reader.leaks]
    done, crossed = sum(reader.done for reader in readers), sum(reader.crossed for reader in readers)
    unchanged = sum(reader.unchanged for reader in readers)
    print(f"\n{done} checks on {len(nodes)} nodes, {crossed} with the other's ETag, {unchanged} unchanged, "
          f"{sum(changer.rounds for changer in changers)} changes: {len(leaks)} leaks")
    assert not leaks, leaks[:20]
    assert done >= checks and all(changer.rounds > 0 for changer in changers)
    assert crossed > done / 20, "too few of them had the other's ETag"
    assert {kind for reader in readers for kind in reader.kinds} == {kind for kind, *_ in readers[0].targets()}


def make_tenants(server) -> None:
    import subprocess

    for tenant in TENANTS:
        made = subprocess.run([str(server.binary), "tenant", "create", tenant, "--data", str(server.data), *server.index_flags(),
                               *server.flags, "--json"], capture_output=True, text=True)
        assert made.returncode == 0, made.stderr
        assert json.loads(made.stdout)["state"] == "active"


@pytest.mark.embedded_index
def test_no_answer_leaves_its_tenant(make_server):
    node = make_server("--http-insecure-tenants", "--worker-quiet-period", "200ms")
    make_tenants(node)
    hunt([node], CHECKS)


@pytest.mark.database_server
@pytest.mark.parametrize("cache", ["without Redis", "with Redis"])
def test_no_answer_leaves_its_tenant_on_two_nodes(make_server, tmp_path, request, cache):
    shared = ["--index-url", DATABASES.new_url(tmp_path / "shared"), "--storage-url", f"file:{tmp_path}/objects",
              "--http-insecure-tenants", "--worker-quiet-period", "200ms"]
    if cache == "with Redis":
        shared += ["--cache-url", request.getfixturevalue("redis").url]
    nodes = [make_server(*shared), make_server(*shared, *(("--worker-threads", "0") if ONE_WRITER else ()))]
    make_tenants(nodes[0])
    hunt(nodes, CHECKS)
