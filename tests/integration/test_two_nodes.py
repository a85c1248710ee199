"""Two nodes on one database and one folder of objects: what one acknowledged, the other answers."""

from __future__ import annotations

import pytest
import requests
from conftest import DATABASES, post_instance, split_multipart
from databases import KIND
from make_dicom import ct_slice, uids

pytestmark = pytest.mark.database_server
AS_STORED = {"Accept": "multipart/related; type=application/dicom; transfer-syntax=*"}


@pytest.fixture
def nodes(make_server, tmp_path):
    shared = ("--index-url", DATABASES.new_url(tmp_path / "shared"), "--storage-url", f"file:{tmp_path}/objects",
              "--store-conflict", "replace")
    # Where two processes that write undo each other's changes (FerretDB), the second one only answers.
    return make_server(*shared), make_server(*shared, *(("--worker-threads", "0") if KIND == "mongo" else ()))


def held(node, study, series, sop) -> bytes | None:
    answer = requests.get(f"{node.dicomweb}/studies/{study}/series/{series}/instances/{sop}", headers=AS_STORED)
    if answer.status_code == 404:
        return None
    assert answer.status_code == 200, answer.text
    return split_multipart(answer)[0][1]


def test_what_one_node_stores_replaces_and_deletes_is_what_the_other_answers(nodes):
    study, series = uids(2)
    for round_, sop in enumerate(uids(12)):
        writer, reader = nodes if KIND == "mongo" else (nodes[round_ % 2], nodes[1 - round_ % 2])
        path = f"/studies/{study}/series/{series}/instances/{sop}"
        assert held(reader, study, series, sop) is None
        assert requests.get(reader.dicomweb + path + "/metadata").status_code == 404
        first = ct_slice(study, series, sop, 1, rows=16)
        assert post_instance(writer, first).status_code == 200
        assert held(reader, study, series, sop) == first
        assert requests.get(reader.dicomweb + path + "/metadata").json()[0]["00200013"]["Value"] == [1]
        found = requests.get(f"{reader.dicomweb}/studies/{study}/instances?SOPInstanceUID={sop}").json()
        assert [item["00200013"]["Value"] for item in found] == [[1]]
        assert requests.get(reader.dicomweb + path + "/frames/1").status_code == 200

        second = ct_slice(study, series, sop, 2, rows=20)
        assert post_instance(writer, second).status_code == 200
        assert held(reader, study, series, sop) == second
        assert requests.get(reader.dicomweb + path + "/metadata").json()[0]["00200013"]["Value"] == [2]

        assert requests.delete(writer.dicomweb + path).status_code in (200, 204)
        assert held(reader, study, series, sop) is None
        assert requests.get(reader.dicomweb + path + "/frames/1").status_code == 404
    assert requests.get(f"{nodes[0].dicomweb}/studies?StudyInstanceUID={study}").json() == []
