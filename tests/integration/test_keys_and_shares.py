"""API keys and share links: made, used, listed, revoked, on one node and on two; and what a link does not show."""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
import time

import pytest
import requests
from conftest import INDEX_KIND, Server, post_instance, split_multipart
from make_dicom import ct_slice, uids

LINK = re.compile(r"http://[^/]+/share/(gantryshare_([0-9A-Za-z]{12})_[0-9A-Za-z]{49})\n")


def run(server: Server, *arguments: str) -> subprocess.CompletedProcess:
    """A command on the server's settings, whether or not it runs."""
    where = ["--data", str(server.data), "--listen", f"127.0.0.1:{server.port}", *server.index_flags()]
    return subprocess.run([str(server.binary), *arguments, *where], capture_output=True, text=True)


def share(server: Server, study: str, *more: str) -> tuple[str, str]:
    """A new share's address and id."""
    done = run(server, "share", "create", "--study", study, *more)
    assert done.returncode == 0, done.stderr
    link = LINK.fullmatch(done.stdout)
    assert link, done.stdout
    return done.stdout.strip(), link.group(2)


def store_study(server: Server, name: str = "Shared^Study", slices: int = 2) -> tuple[str, str, list[str]]:
    study, series = uids(2)
    sops = uids(slices)
    for number, sop in enumerate(sops, 1):
        assert post_instance(server, ct_slice(study, series, sop, number, PatientName=name)).status_code == 200
    return study, series, sops


def forged(token: str) -> str:
    """Another secret with this id and a right checksum can't be made here; the nearest that can is a typo."""
    return token[:-1] + ("a" if token[-1] != "a" else "b")


def test_a_link_opens_its_study_on_every_route_and_nothing_else(make_server):
    server = make_server()
    study, series, sops = store_study(server)
    other, other_series, other_sops = store_study(server, "Other^Patient")
    link, identity = share(server, study)
    root = link + "/dicom-web"

    found = requests.get(root + "/studies").json()
    assert [one["0020000D"]["Value"] for one in found] == [[study]]
    for path in ("/studies?PatientID=TEST-1", f"/studies?StudyInstanceUID={study},{other}", "/studies?PatientName=*"):
        assert [one["0020000D"]["Value"] for one in requests.get(root + path).json()] == [[study]], path
    for path in ("/series", "/instances", f"/studies/{study}/series", f"/studies/{study}/instances",
                 f"/studies/{study}/series/{series}/instances"):
        hits = requests.get(root + path).json()
        assert hits and {one["0020000D"]["Value"][0] for one in hits if "0020000D" in one} <= {study}, path
    of_study = f"{root}/studies/{study}"
    of_series = f"{of_study}/series/{series}"
    of_instance = f"{of_series}/instances/{sops[0]}"
    for url in (f"{of_study}/metadata", f"{of_series}/metadata", f"{of_instance}/metadata"):
        answer = requests.get(url)
        assert answer.status_code == 200 and "Shared" in answer.text, url
        assert answer.headers["Cache-Control"] == "no-store" and answer.headers["Referrer-Policy"] == "no-referrer"
        uris = re.findall(r'"BulkDataURI":"([^"]*)"', answer.text)
        assert uris and all(uri.startswith("/share/" + link.rpartition("/")[2] + "/dicom-web/") for uri in uris), uris
        assert requests.get(server.url + uris[0], headers={"Accept": "application/octet-stream"}).status_code == 200
    whole = {"Accept": 'multipart/related; type="application/dicom"; transfer-syntax=*'}
    for url, count in ((of_study, len(sops)), (of_series, len(sops)), (of_instance, 1)):
        assert len(split_multipart(requests.get(url, headers=whole))) == count
    assert requests.get(f"{of_instance}/frames/1").status_code == 200

    absent = "1.2.3.4.5.6.7.8.9"
    for path in ("/studies/{0}", "/studies/{0}/metadata", "/studies/{0}/series/{1}", "/studies/{0}/series/{1}/metadata",
                 "/studies/{0}/series/{1}/instances/{2}", "/studies/{0}/series/{1}/instances/{2}/metadata",
                 "/studies/{0}/series/{1}/instances/{2}/frames/1", "/studies/{0}/series", "/studies/{0}/instances",
                 "/studies?StudyInstanceUID={0}", "/series?SeriesInstanceUID={1}", "/instances?SOPInstanceUID={2}"):
        there = requests.get(root + path.format(other, other_series, other_sops[0]))
        nowhere = requests.get(root + path.format(absent, absent + ".1", absent + ".1.1"))
        assert there.status_code == nowhere.status_code and there.status_code in (200, 404), path
        body = [re.sub(r'"requestId":"[^"]*"', "", answer.text) for answer in (there, nowhere)]
        assert body[0] == body[1], "another study looks as one that does not exist"
        assert "Other" not in there.text

    new = ct_slice(study, series, uids(1)[0], 9)
    body = {"data": new, "headers": {"Content-Type": "application/dicom"}}
    for answer in (requests.post(root + "/studies", **body), requests.post(of_study, **body), requests.delete(of_study),
                   requests.delete(of_series), requests.delete(of_instance)):
        assert answer.status_code in (403, 404, 405), answer.url
    assert len(requests.get(f"{server.dicomweb}/studies/{study}/instances").json()) == len(sops)
    assert requests.get(f"{link}/../../metrics").status_code in (200, 400, 404)  # dot segments never reach a handler


def test_the_page_and_the_configuration_say_how_to_open_it_and_nothing_of_the_patient(make_server):
    server = make_server("--share-viewer-url", "https://viewer.example/ohif")
    study, _, _ = store_study(server)
    link, _ = share(server, study, "--expires", "36h")
    page = requests.get(link)
    assert page.status_code == 200 and page.headers["Content-Type"].startswith("text/html")
    assert page.headers["Cache-Control"] == "no-store" and page.headers["Referrer-Policy"] == "no-referrer"
    assert "noindex" in page.headers["X-Robots-Tag"] and "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "Shared^Study" not in page.text and "TEST-1" not in page.text
    assert study in page.text
    config = link.replace(":", "%3A").replace("/", "%2F") + "%2Fohif.json"
    assert f"https://viewer.example/ohif/viewer/dicomwebproxy?studyInstanceUIDs={study}&amp;url={config}" in page.text
    ohif = requests.get(link + "/ohif.json", headers={"Origin": "https://viewer.example"})
    assert ohif.headers["Access-Control-Allow-Origin"] and ohif.headers["Cache-Control"] == "no-store"
    source = ohif.json()["servers"]["dicomWeb"][0]
    assert source["qidoRoot"] == source["wadoRoot"] == link + "/dicom-web"


def test_unknown_revoked_and_expired_links_are_one_and_the_same(make_server):
    server = make_server()
    study, _, _ = store_study(server)
    good, _ = share(server, study)
    revoked, identity = share(server, study)
    assert requests.get(revoked + "/dicom-web/studies").status_code == 200
    done = run(server, "share", "revoke", identity)
    assert done.returncode == 0 and identity in done.stdout
    time.sleep(1 if INDEX_KIND != "sqlite" else 0)  # the command told a database, not this server
    unknown = good[:-68] + "gantryshare_000000000000_" + "0" * 49
    for below in ("", "/ohif.json", "/dicom-web/studies", f"/dicom-web/studies/{study}/metadata"):
        answers = [requests.get(address + below) for address in (revoked, unknown, forged(good))]
        assert {answer.status_code for answer in answers} == {404}, below
        seen = [re.sub(r'"requestId":"[^"]*"', "", answer.text) for answer in answers]
        assert seen[0] == seen[1] == seen[2]
        assert requests.get(good + below).status_code == 200
    assert run(server, "share", "revoke", identity).returncode == 1, "there is no such share any more"
    assert run(server, "share", "create", "--study", "1.2.3").returncode == 1, "no such study"
    assert run(server, "share", "create", "--study", study, "--expires", "soon").returncode == 2
    listed = json.loads(run(server, "share", "list", "--json").stdout)["shares"]
    assert [one["study"] for one in listed] == [study] and good.rpartition("/")[2] not in json.dumps(listed)


def test_a_key_opens_what_it_is_allowed_and_nothing_else(make_server, tmp_path):
    server = make_server("--auth-api-keys")
    keys = {}
    for allowed in ("read", "write", "delete", "admin", "read,write,delete"):
        made = run(server, "apikey", "create", "--name", f"{allowed} key", "--allow", allowed)
        assert made.returncode == 0, made.stderr
        keys[allowed] = made.stdout.strip()
    study, series, sop = uids(3)
    (tmp_path / "send").mkdir()
    (tmp_path / "send" / "one.dcm").write_bytes(ct_slice(study, series, sop))
    ledger = ["--ledger", str(tmp_path / "ledger")]
    store = [str(server.binary.resolve()), "store", str(tmp_path / "send"), "--to", server.dicomweb, *ledger]
    assert subprocess.run(store, capture_output=True).returncode != 0, "without a key"
    sent = subprocess.run(store, capture_output=True, text=True, env={**os.environ, "GANTRY_STORE_TOKEN": keys["write"]})
    assert sent.returncode == 0, sent.stdout + sent.stderr

    def status(method: str, path: str, key: str | None, **headers) -> int:
        if key:
            headers["Authorization"] = f"Bearer {key}"
        return requests.request(method, server.url + path, headers=headers).status_code

    asked = {"read": ("GET", "/dicom-web/studies"), "write": ("POST", "/dicom-web/studies"), "admin": ("GET", "/admin/apikeys"),
             "delete": ("DELETE", "/dicom-web/studies/1.2.3")}
    for needed, (method, path) in asked.items():
        assert status(method, path, None) == 401
        for allowed, key in keys.items():
            assert (status(method, path, key) == 403) == (needed not in allowed.split(",")), (needed, allowed)
    assert status("GET", "/dicom-web/studies", keys["read"], **{"x-tenant": "default"}) == 200
    assert status("GET", "/dicom-web/studies", keys["read"], **{"x-tenant": "other"}) == 403
    assert status("GET", "/tenants/other/dicom-web/studies", keys["read"]) == 403
    wrong = requests.get(server.dicomweb + "/studies", headers={"Authorization": f"Bearer {forged(keys['read'])}"})
    assert wrong.status_code == 401 and 'error="invalid_token"' in wrong.headers["WWW-Authenticate"]
    listed = {one["name"]: one for one in json.loads(run(server, "apikey", "list", "--json").stdout)["keys"]}
    assert all(one["last_used"] for one in listed.values()), "each was used"
    assert run(server, "apikey", "revoke", listed["read key"]["id"]).returncode == 0
    time.sleep(1 if INDEX_KIND != "sqlite" else 0)
    assert status("GET", "/dicom-web/studies", keys["read"]) == 401
    assert status("GET", "/dicom-web/studies", keys["read,write,delete"]) == 200
    assert status("GET", "/healthz", None) == 200


@pytest.mark.embedded_index
def test_commands_work_with_and_without_a_running_server(make_server):
    server = make_server()
    study, _, _ = store_study(server)
    online, online_id = share(server, study)
    assert server.stop() == 0
    offline, offline_id = share(server, study)
    listed = run(server, "share", "list").stdout
    assert online_id in listed and offline_id in listed
    key = run(server, "apikey", "create", "--name", "archive robot", "--allow", "read,delete", "--expires", "never", "--json")
    made = json.loads(key.stdout)
    assert made["permissions"] == ["read", "delete"] and made["expires"] is None
    assert "archive robot" in run(server, "apikey", "list").stdout
    assert made["key"] not in run(server, "apikey", "list", "--json").stdout
    assert run(server, "share", "revoke", online_id).returncode == 0
    server.start()
    assert requests.get(online).status_code == 404
    assert requests.get(offline).status_code == 200
    assert run(server, "apikey", "revoke", made["id"]).returncode == 0
    assert run(server, "apikey", "revoke", made["id"]).returncode == 1
    assert run(server, "apikey", "create", "--name", "x", "--allow", "everything").returncode == 2
    nobody = run(server, "apikey", "create", "--name", "x", "--allow", "read", "--tenant", "nobody")
    assert nobody.returncode == 1 and "no tenant nobody" in nobody.stderr


@pytest.mark.database_server
def test_a_revocation_on_one_node_is_effective_on_another_within_a_second(make_server, tmp_path):
    objects = ("--storage-url", f"file:{tmp_path / 'objects'}")
    one = make_server(*objects)
    two = make_server(*objects, *one.index_flags())
    study, _, _ = store_study(one)
    link, identity = share(one, study)
    there = link.replace(str(one.port), str(two.port)) + "/dicom-web/studies"
    assert requests.get(there).status_code == 200
    stop, seen = threading.Event(), []

    def ask():
        with requests.Session() as session:
            while not stop.is_set():
                began = time.monotonic()
                seen.append((began, session.get(there).status_code))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(1.5)  # the link is warm there, and was read again meanwhile
    assert run(one, "share", "revoke", identity).returncode == 0
    revoked = time.monotonic()
    while not any(status == 404 for _, status in seen):
        time.sleep(0.01)
    stop.set()
    for thread in threads:
        thread.join()
    late = [began - revoked for began, status in seen if status == 200]
    assert max(late) <= 1.0, "asked later than a second after the revocation, and opened"
    assert {status for began, status in seen if began > revoked + 1.0} <= {404}
