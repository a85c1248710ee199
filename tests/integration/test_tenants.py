"""`gantry tenant`: tenants come, are limited, disabled and deleted, and each has its studies to itself."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time

import pytest
import requests
from conftest import DATABASES, Server, multipart, split_multipart
from databases import KIND
from make_dicom import ct_slice, uids

OPEN = "--http-insecure-tenants"
KILLS = int(os.environ.get("GANTRY_TENANT_KILLS", "6"))


def command(server: Server, *arguments: str) -> list[str]:
    return [str(server.binary), "tenant", *arguments, "--data", str(server.data), *server.index_flags(), *server.flags]


def tenant(server: Server, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(command(server, *arguments), capture_output=True, text=True)


def told(server: Server, *arguments: str) -> dict:
    done = tenant(server, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def root(server: Server, name: str) -> str:
    return f"{server.url}/tenants/{name}/dicom-web"


def post(server: Server, name: str, data: bytes) -> requests.Response:
    body, content_type = multipart([data])
    return requests.post(root(server, name) + "/studies", data=body, headers={"Content-Type": content_type})


def store(server: Server, name: str, count: int, study: str | None = None) -> list[bytes]:
    study = study or uids(1)[0]
    series, *sops = uids(count + 1)
    files = [ct_slice(study, series, sop, number, rows=8, columns=8, PatientName=name) for number, sop in enumerate(sops, 1)]
    for file in files:
        answer = post(server, name, file)
        assert answer.status_code == 200, answer.text
    return files


def fsck(server: Server) -> None:
    done = subprocess.run([str(server.binary), "fsck", "--data", str(server.data), *server.index_flags(), *server.flags],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def studies(server: Server, name: str) -> requests.Response:
    return requests.get(root(server, name) + "/studies")


def wait_for(server: Server, name: str, status: int) -> requests.Response:
    """The answer to a search, as soon as it has that status: a node knows of others' changes within a second."""
    while (answer := studies(server, name)).status_code != status:
        time.sleep(0.02)
    return answer


def test_a_tenant_lives_from_create_to_delete(make_server):
    server = make_server(OPEN, "--worker-threads", "0")
    assert studies(server, "clinic-a").status_code == 403, "nobody made it yet"
    made = told(server, "create", "clinic-a", "--quota-bytes", "1000000000", "--quota-concurrent", "7")
    assert made["state"] == "active"
    assert made["quotas"] == {"bytes": 10**9, "instances": 0, "requests_per_s": 0, "concurrent": 7}
    again = tenant(server, "create", "clinic-a")
    assert (again.returncode, again.stdout) == (1, "") and "there is a tenant clinic-a already" in again.stderr
    wait_for(server, "clinic-a", 200)
    # The default tenant is there from the start, and both have the same study to themselves.
    study = uids(1)[0]
    store(server, "clinic-a", 3, study)
    store(server, "default", 2, study)
    for name, count in (("clinic-a", 3), ("default", 2)):
        (found,) = studies(server, name).json()
        assert found["00201208"]["Value"] == [count] and found["00100010"]["Value"] == [{"Alphabetic": name}]
    usage = told(server, "usage", "clinic-a")
    assert (usage["studies"], usage["series"], usage["instances"], usage["changes"]) == (1, 1, 3, 3)
    assert [each["tenant"] for each in told(server, "list")["tenants"]] == ["clinic-a", "default"]
    limited = told(server, "quota", "clinic-a", "--quota-requests-per-s", "50", "--quota-bytes", "0")
    assert limited["quotas"] == {"bytes": 0, "instances": 0, "requests_per_s": 50, "concurrent": 7}
    said = tenant(server, "usage", "clinic-a").stdout
    assert "instances" in said and "3 of no limit" in said and "50, each node" in said

    assert told(server, "disable", "clinic-a")["state"] == "disabled"
    assert "disabled" in wait_for(server, "clinic-a", 403).text
    assert post(server, "clinic-a", ct_slice(*uids(3))).status_code == 403
    assert studies(server, "default").status_code == 200
    assert told(server, "enable", "clinic-a")["state"] == "active"
    wait_for(server, "clinic-a", 200)

    refused = subprocess.run(command(server, "delete", "clinic-a"), capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert refused.returncode == 2 and "--yes" in refused.stderr
    report = told(server, "delete", "clinic-a", "--yes")
    assert (report["studies"], report["series"], report["instances"], report["objects"]) == (1, 1, 3, 3)
    assert report["bytes"] > 3 * 128 and not report["resumed"]
    wait_for(server, "clinic-a", 403)
    assert studies(server, "clinic-a").json()["detail"] == studies(server, "nobody").json()["detail"], "as if it had never been"
    gone = told(server, "usage", "clinic-a")
    assert (gone["state"], gone["instances"], gone["bytes"]) == ("deleted", 0, 0)
    assert tenant(server, "delete", "clinic-a", "--yes").returncode == 1
    assert tenant(server, "enable", "clinic-a").returncode == 1
    (kept,) = studies(server, "default").json()
    assert kept["00201208"]["Value"] == [2]
    fsck(server)

    # One that comes back has no quotas and goes on counting.
    back = told(server, "create", "clinic-a")
    assert back["quotas"] == {"bytes": 0, "instances": 0, "requests_per_s": 0, "concurrent": 0}
    assert back["changes"] == gone["changes"] >= 4
    wait_for(server, "clinic-a", 200)
    assert studies(server, "clinic-a").json() == []
    (file,) = store(server, "clinic-a", 1, study)
    assert told(server, "usage", "clinic-a")["changes"] == gone["changes"] + 1
    answer = requests.get(root(server, "clinic-a") + f"/studies/{study}",
                          headers={"Accept": "multipart/related; type=application/dicom; transfer-syntax=*"})
    assert [part for _, part in split_multipart(answer)] == [file]
    server.stop()
    assert [each["state"] for each in told(server, "list")["tenants"]] == ["active", "active"], "also while nobody serves"


def test_wrong_names_and_values_are_refused_in_words(make_server):
    server = make_server()
    for arguments, status, words in (
        (("create", "Clinic"), 2, "1 to 64 of a-z"),
        (("usage", "nobody"), 1, "there is no tenant nobody"),
        (("disable", "nobody"), 1, "there is no tenant nobody"),
        (("delete", "nobody", "--yes"), 1, "there is no tenant nobody"),
        (("quota", "nobody", "--quota-bytes", "1"), 1, "there is no tenant nobody"),
        (("quota", "default", "--quota-bytes", "-1"), 2, "--quota-bytes"),
    ):
        done = tenant(server, *arguments)
        assert done.returncode == status, (arguments, done.stdout, done.stderr)
        assert words in done.stderr, (arguments, done.stderr)
    # Without the option one tenant is served, however another is named.
    told(server, "create", "clinic-a")
    assert studies(server, "clinic-a").status_code == 403
    assert requests.get(server.dicomweb + "/studies", headers={"x-tenant": "clinic-a"}).status_code == 403
    assert requests.post(server.url + "/admin/tenants/clinic-b").status_code == 403


def test_the_insecure_option_serves_this_machine_alone(gantry, tmp_path):
    done = subprocess.run([str(gantry), "serve", "--data", str(tmp_path / "data"), "--listen", "0.0.0.0:0", OPEN, "--http-insecure-open"],
                          capture_output=True, text=True)
    assert done.returncode != 0 and "--http-insecure-tenants" in done.stderr


def failure_reasons(answer: requests.Response) -> list[int]:
    return [item["00081197"]["Value"][0] for item in answer.json()["00081198"]["Value"]]


def test_a_store_beyond_the_quota_is_refused_and_room_is_made_by_deleting(make_server):
    server = make_server(OPEN)
    told(server, "create", "clinic-a", "--quota-instances", "2")
    study = uids(1)[0]
    wait_for(server, "clinic-a", 200)
    first, _ = store(server, "clinic-a", 2, study)
    beyond = ct_slice(*uids(3), rows=8, columns=8)
    refused = post(server, "clinic-a", beyond)
    assert refused.status_code == 409 and failure_reasons(refused) == [0xA700], refused.text
    assert post(server, "clinic-a", first).status_code == 200, "what is there already needs no room"
    told(server, "quota", "clinic-a", "--quota-instances", "0", "--quota-bytes", str(2 * len(first) + 10))
    refused = post(server, "clinic-a", beyond)
    assert refused.status_code == 409 and failure_reasons(refused) == [0xA700], refused.text
    assert requests.delete(root(server, "clinic-a") + f"/studies/{study}").status_code == 204
    assert post(server, "clinic-a", beyond).status_code == 200
    assert told(server, "usage", "clinic-a")["instances"] == 1
    fsck(server)


def fill(server: Server, name: str) -> bool:
    """36 instances in 12 studies. False when a deletion began in between: a database may still be at work on what a
    command had sent it before it was killed."""
    for _ in range(12):
        study, series, *sops = uids(5)
        for number, sop in enumerate(sops, 1):
            answer = post(server, name, ct_slice(study, series, sop, number, rows=8, columns=8))
            if answer.status_code != 200:
                assert answer.status_code in (403, 409) and told(server, "usage", name)["state"] == "deleting", answer.text
                return False
    return True


def test_a_deletion_that_is_killed_anywhere_goes_on(make_server, tmp_path):
    """Of the embedded index the server deletes, so it is killed; elsewhere the command is."""
    embedded = KIND == "sqlite"
    server = make_server(OPEN, "--worker-quiet-period", "0s")
    told(server, "create", "clinic-a")
    told(server, "create", "clinic-b")
    wait_for(server, "clinic-a", 200)
    wait_for(server, "clinic-b", 200)
    kept = store(server, "clinic-b", 5)
    seen: set[str] = set()
    for round_ in range(KILLS):
        if told(server, "usage", "clinic-a")["state"] == "deleted":
            told(server, "create", "clinic-a")
            wait_for(server, "clinic-a", 200)
        if not fill(server, "clinic-a"):
            assert told(server, "delete", "clinic-a", "--yes")["resumed"]
            continue
        deleting = subprocess.Popen(command(server, "delete", "clinic-a", "--yes", "--json"), stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE, text=True)
        time.sleep(random.uniform(0.0, 0.3))
        if embedded:
            server.kill()
        else:
            deleting.send_signal(signal.SIGKILL)
        deleting.communicate()
        if embedded:
            server.start()
        state = told(server, "usage", "clinic-a")["state"]
        seen.add(state)
        if state == "deleting":
            wait_for(server, "clinic-a", 403)
            assert tenant(server, "create", "clinic-a").returncode == 1, "it is being deleted"
            report = told(server, "delete", "clinic-a", "--yes")
            assert report["resumed"]
        if state != "active":
            gone = told(server, "usage", "clinic-a")
            assert (gone["state"], gone["studies"], gone["series"], gone["instances"], gone["bytes"]) == ("deleted", 0, 0, 0, 0)
            fsck(server)
            assert not [path for path in server.data.rglob("*.dcm") if "clinic-a" in path.parts]
    print(f"\n{KILLS} kills left the tenant {sorted(seen)}")
    (found,) = studies(server, "clinic-b").json()
    assert found["00201208"]["Value"] == [len(kept)]
    fsck(server)


def test_stores_against_a_deletion_are_acknowledged_before_it_or_refused(make_server):
    import threading

    server = make_server(OPEN)
    told(server, "create", "clinic-a")
    wait_for(server, "clinic-a", 200)
    ended = threading.Event()
    statuses: list[int] = []

    def storing() -> None:
        while not ended.is_set():
            statuses.append(post(server, "clinic-a", ct_slice(*uids(3), rows=8, columns=8)).status_code)

    threads = [threading.Thread(target=storing) for _ in range(4)]
    for thread in threads:
        thread.start()
    while statuses.count(200) < 20:
        time.sleep(0.01)
    told(server, "delete", "clinic-a", "--yes")
    while statuses[-1] != 403:
        time.sleep(0.01)
    ended.set()
    for thread in threads:
        thread.join()
    assert set(statuses) <= {200, 403, 409}, set(statuses)
    gone = told(server, "usage", "clinic-a")
    assert (gone["state"], gone["instances"], gone["bytes"]) == ("deleted", 0, 0)
    fsck(server)


@pytest.mark.database_server
def test_all_nodes_refuse_within_a_second_and_redis_forgets(make_server, tmp_path, redis):
    shared = ("--index-url", DATABASES.new_url(tmp_path / "shared"), "--storage-url", f"file:{tmp_path}/objects", OPEN,
              "--cache-url", redis.url)
    nodes = [make_server(*shared), make_server(*shared, *(("--worker-threads", "0") if KIND == "mongo" else ()))]
    for name in ("clinic-a", "clinic-b"):
        told(nodes[0], "create", name)
    for node in nodes:
        for name in ("clinic-a", "clinic-b"):
            wait_for(node, name, 200)
    of_a, of_b = uids(2)
    store(nodes[0], "clinic-a", 2, of_a)
    store(nodes[0], "clinic-b", 2, of_b)
    for node in nodes:
        for name, study in (("clinic-a", of_a), ("clinic-b", of_b)):
            assert requests.get(root(node, name) + f"/studies/{study}/metadata").status_code == 200
            assert requests.get(root(node, name) + "/studies/1.2.3.4/metadata").status_code == 404
    while not redis.command("KEYS", "*:clinic-a:*") or not redis.command("KEYS", "*:clinic-b:*"):
        time.sleep(0.05)
    told(nodes[0], "disable", "clinic-a")
    for node in nodes:
        wait_for(node, "clinic-a", 403)
    report = told(nodes[0], "delete", "clinic-a", "--yes")
    assert report["cache_keys"] > 0
    assert redis.command("KEYS", "*:clinic-a:*") == ""
    assert redis.command("KEYS", "*:clinic-b:*") != ""
    for node in nodes:
        assert studies(node, "clinic-a").status_code == 403
        assert requests.get(root(node, "clinic-b") + f"/studies/{of_b}/metadata").status_code == 200
    fsck(nodes[0])
