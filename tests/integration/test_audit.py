"""The audit: every access and every change on record once, whatever happens; nothing changed unseen; sent as PS3.15 says."""

from __future__ import annotations

import base64
import collections
import json
import os
import random
import re
import signal
import socket
import sqlite3
import subprocess
import threading
import time

import lxml.etree
import pathlib
import pytest
import requests
from conftest import Server, post_instance
from make_dicom import ct_slice, uids
from syslog_receiver import Receiver, certificates

ROUNDS = int(os.environ.get("GANTRY_KILL_ROUNDS", "4"))


def audit(server: Server, *arguments: str) -> subprocess.CompletedProcess:
    command = [str(server.binary), "audit", *arguments, "--data", str(server.data), *server.index_flags(), *server.flags]
    return subprocess.run(command, capture_output=True, text=True)


def exported(server: Server, *arguments: str) -> list[dict]:
    done = audit(server, "export", *arguments)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def accesses(server: Server) -> list[dict]:
    return [record for record in exported(server) if record["kind"] == "access"]


def admin(server: Server, path: str) -> dict:
    """Over the Unix socket, which is the operator's."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(server.data / "admin.sock"))
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        answer = connection.makefile("rb").read()
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b" 200 " in head.split(b"\r\n")[0], answer
    return json.loads(body)


def stored_study(server: Server, count: int = 3) -> tuple[str, str, list[str]]:
    study, series = uids(2)
    sops = uids(count)
    for number, sop in enumerate(sops):
        assert post_instance(server, ct_slice(study, series, sop, number)).status_code == 200
    return study, series, sops


class Client:
    """Asks over a socket of its own, and knows when the first byte of an answer came."""

    def __init__(self, server: Server, number: int):
        self.server, self.number, self.count = server, number, 0
        self.attempted: set[str] = set()
        self.began: set[str] = set()
        self.whole: dict[str, int] = {}

    def ask(self, method: str, path: str, body: bytes = b"", fields: str = "") -> int | None:
        """The status, or None when the server went away."""
        self.count += 1
        request_id = f"client{self.number}-{self.count}-{os.urandom(4).hex()}"
        self.attempted.add(request_id)
        try:
            with socket.create_connection(("127.0.0.1", self.server.port)) as connection:
                head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Request-Id: {request_id}\r\n{fields}"
                connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
                answer = connection.recv(1)
                if not answer:
                    return None
                self.began.add(request_id)
                while piece := connection.recv(65536):
                    answer += piece
        except OSError:
            return None
        status = int(answer.split(b" ", 2)[1])
        head, gap, content = answer.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        if gap and length and len(content) == int(length.group(1)):
            self.whole[request_id] = status
        return status


def multipart(data: bytes) -> tuple[bytes, str]:
    body = b"--b\r\nContent-Type: application/dicom\r\n\r\n" + data + b"\r\n--b--\r\n"
    return body, 'Content-Type: multipart/related; type="application/dicom"; boundary=b\r\nAccept: application/dicom+json\r\n'


def test_after_kill_minus_nine_every_event_has_one_record_and_no_record_is_without_its_event(gantry, tmp_path):
    seed = int(os.environ.get("GANTRY_SEED", str(random.randrange(1 << 30))))
    print(f"GANTRY_SEED={seed}")
    rng = random.Random(seed)
    server = Server(gantry, tmp_path / "data")
    attempted, began, whole = set(), set(), {}
    stored: dict[str, str] = {}  # acknowledged: SOP Instance UID to study
    sent: set[str] = set()
    deleted: set[str] = set()
    asked_to_delete: set[str] = set()
    lock = threading.Lock()
    for round_number in range(ROUNDS):
        server.start()
        study, series, sops = stored_study(server)
        with lock:
            stored.update(dict.fromkeys(sops, study))
            sent |= set(sops)
        stop = threading.Event()
        clients = [Client(server, round_number * 100 + n) for n in range(8)]

        def store(client: Client, random_of: random.Random) -> None:
            own, own_series, sop = uids(3)
            with lock:
                sent.add(sop)
            body, fields = multipart(ct_slice(own, own_series, sop, 1))
            if client.ask("POST", "/dicom-web/studies", body, fields) != 200:
                return
            with lock:
                stored[sop] = own
            if random_of.random() < 0.3:
                with lock:
                    asked_to_delete.add(own)
                if client.ask("DELETE", f"/dicom-web/studies/{own}") == 204:
                    with lock:
                        deleted.add(own)

        def work(client: Client) -> None:
            random_of = random.Random(f"{seed}-{client.number}")
            base = f"/dicom-web/studies/{study}/series/{series}/instances/{sops[0]}"
            while not stop.is_set():
                kind = random_of.randrange(6)
                if kind == 0:
                    store(client, random_of)
                elif kind == 1:
                    client.ask("GET", f"/dicom-web/studies?PatientID=P{random_of.randrange(9)}")
                elif kind == 2:
                    client.ask("GET", f"{base}/frames/1")
                elif kind == 3:
                    client.ask("GET", f"{base}/metadata")
                elif kind == 4:
                    client.ask("GET", f"/dicom-web/studies/{study}", fields="x-tenant: elsewhere\r\n")
                else:
                    client.ask("GET", f"/dicom-web/studies/{uids(1)[0]}")

        threads = [threading.Thread(target=work, args=(client,)) for client in clients]
        for thread in threads:
            thread.start()
        wanted = rng.randrange(200, 600)
        while sum(len(client.began) for client in clients) < wanted:
            assert any(thread.is_alive() for thread in threads)
            time.sleep(0.005)
        time.sleep(rng.random() * 0.05)
        server.kill()
        stop.set()
        for thread in threads:
            thread.join()
        for client in clients:
            attempted |= client.attempted
            began |= client.began
            whole |= client.whole
    server.start()

    check = audit(server, "verify")
    assert check.returncode == 0, check.stdout + check.stderr
    records = [record for record in accesses(server) if record["id"].startswith("client")]
    of_id = collections.Counter(record["id"] for record in records)
    assert {request_id for request_id, count in of_id.items() if count > 1} == set()
    assert began <= set(of_id), f"{len(began - set(of_id))} answers began without a record"
    assert set(of_id) <= attempted
    for record in records:
        if record["id"] in whole:
            assert record["status"] == whole[record["id"]]
    unknown = sum(record["outcome"] == "unknown" for record in records)

    changes = exported(server, "--changes")
    stores = collections.Counter(row["instance"] for row in changes if row["action"] == "stored")
    removals = collections.Counter(row["study"] for row in changes if row["action"] == "deleted")
    assert set(stored) <= set(stores) <= sent
    assert deleted <= set(removals) <= asked_to_delete
    assert set(stores.values()) == {1} and set(removals.values()) <= {1}
    for row in changes:
        assert row["request"] in attempted or not row["request"].startswith("client")
    print(f"{ROUNDS} rounds, {len(attempted)} attempts, {len(began)} answers began, {len(records)} records, {unknown} without"
          f" an end, {len(stored)} stores and {len(deleted)} deletes acknowledged, {len(changes)} rows of changes")


def test_a_record_says_who_did_what_from_where_and_how_it_ended(make_server):
    server = make_server()
    study, series, sops = stored_study(server, 2)
    frame = f"{server.dicomweb}/studies/{study}/series/{series}/instances/{sops[0]}/frames/1"
    requests.get(frame, headers={"X-Request-Id": "a-frame"})
    requests.get(f"{server.dicomweb}/studies?PatientID=Doe%20J&access_token=SECRET", headers={"X-Request-Id": "a-search"})
    requests.get(f"{server.dicomweb}/studies/{study}", headers={"X-Request-Id": "elsewhere", "x-tenant": "other"})
    requests.delete(f"{server.dicomweb}/studies/{study}", headers={"X-Request-Id": "a-delete"})
    requests.get(f"{server.url}/healthz", headers={"X-Request-Id": "public"})
    records = {record["id"]: record for record in accesses(server)}
    assert "public" not in records
    got = records["a-frame"]
    assert (got["operation"], got["study"], got["series"], got["instance"], got["frames"], got["tenant"], got["address"]) == (
        "retrieve", study, series, sops[0], "1", "default", "127.0.0.1")
    assert got["outcome"] == "success" and got["end"]["status"] == 200 and got["end"]["bytes"] > 100 and got["end"]["us"] > 0
    search = records["a-search"]
    assert search["operation"] == "search" and search["query"] == "PatientID=Doe%20J&access_token=…"
    assert records["elsewhere"]["outcome"] == "refused" and "no such tenant" in records["elsewhere"]["reason"]
    assert records["a-delete"]["operation"] == "delete" and records["a-delete"]["study"] == study
    store = next(record for record in records.values() if record["operation"] == "store")
    assert store["stored"]["studies"] == [{"study": study, "classes": {"1.2.840.10008.5.1.4.1.1.2": 1}, "stored": 1}]
    assert "SECRET" not in "".join(path.read_text() for path in (server.data / "audit").iterdir())
    assert {(row["action"], row.get("instance", "")) for row in exported(server, "--changes")} == {
        ("stored", sops[0]), ("stored", sops[1]), ("deleted", "")}


def test_administrators_ask_by_time_user_study_and_outcome_page_by_page(make_server):
    server = make_server()
    study, series, sops = stored_study(server, 1)
    for _ in range(25):
        requests.get(f"{server.dicomweb}/studies/{study}/series/{series}/instances/{sops[0]}")
        requests.get(f"{server.dicomweb}/studies/{uids(1)[0]}/metadata")
    assert requests.get(f"{server.url}/admin/audit").status_code == 403
    refused = admin(server, "/admin/audit?outcome=refused")["records"]
    assert [record["resource"] for record in refused] == ["/admin/audit"]
    got, after = [], 0
    while after is not None:
        page = admin(server, f"/admin/audit?study={study}&operation=retrieve&limit=7&after={after}")
        assert len(page["records"]) <= 7
        got += page["records"]
        after = page["next"]
    assert len(got) == 25 and len({record["n"] for record in got}) == 25
    assert admin(server, "/admin/audit?outcome=failure&limit=1000")["records"][0]["end"]["status"] == 404
    assert admin(server, "/admin/audit?since=2000-01-01&until=2001-01-01T00:00:00Z")["records"] == []
    assert len(admin(server, "/admin/audit?since=2000-01-01&operation=store")["records"]) == 1
    changes = admin(server, f"/admin/audit/changes?study={study}")
    assert [(row["action"], row["instance"]) for row in changes["changes"]] == [("stored", sops[0])] and changes["next"] is None
    status = admin(server, "/admin/audit/status")
    assert status["enabled"] and status["trouble"] == "" and status["last"]["n"] > 50
    with pytest.raises(AssertionError, match="takes a time"):
        admin(server, "/admin/audit?since=yesterday")


@pytest.mark.embedded_index
def test_whoever_changes_a_byte_a_line_or_a_row_is_found_out(make_server, tmp_path):
    server = make_server()
    study, *_ = stored_study(server, 5)
    requests.get(f"{server.dicomweb}/studies/{study}/metadata")
    server.stop()
    path = next((server.data / "audit").glob("audit-*.jsonl"))
    original = path.read_bytes()
    lines = original.splitlines(keepends=True)
    noted = audit(server, "status").stdout.split("\n")[-2]
    assert re.fullmatch(r"\d+:[0-9a-f]{64}", noted)
    assert audit(server, "verify", "--noted", noted).returncode == 0

    def found(changed: list[bytes]) -> str:
        path.write_bytes(b"".join(changed))
        done = audit(server, "verify")
        path.write_bytes(original)
        assert done.returncode == 1, done.stdout + done.stderr
        assert "spool" in done.stdout and "NOT WHOLE" in done.stdout
        return done.stdout

    changed = [*lines]
    changed[5] = changed[5].replace(b'"kind":"', b'"kind":"x', 1)
    assert "line 6: it was changed" in found(changed)
    assert "line 7: line 6 before it: missing" in found(lines[:5] + lines[6:])
    assert "it stands where line" in found([*lines[:5], lines[6], lines[5], *lines[7:]])
    assert f"the end is missing: head.json knows line {len(lines)}" in found(lines[:-2])
    assert "has not the form of a line" in found([*lines[:5], b"nonsense\n", *lines[5:]])
    assert audit(server, "verify").returncode == 0

    index = server.data / "index.sqlite"
    for statement, words in (
        ("UPDATE gantry_audit SET principal = 'somebody' WHERE audit_no = 2", "row 2: it was changed"),
        ("DELETE FROM gantry_audit WHERE audit_no = 3", "row 4: row 3 before it is missing"),
        ("DELETE FROM gantry_audit WHERE audit_no = 5", "the end is missing: the tenant's row knows row 5"),
        ("UPDATE gantry_audit SET audit_no = CASE audit_no WHEN 2 THEN 1002 ELSE audit_no END", "row 3: row 2 before it"),
    ):
        kept = index.read_bytes()
        with sqlite3.connect(index) as database:
            assert database.execute(statement).rowcount >= 1
        database.close()
        done = audit(server, "verify")
        index.write_bytes(kept)
        assert done.returncode == 1 and words in done.stdout, done.stdout + done.stderr
    assert audit(server, "verify").returncode == 0


IGNORE_LIMIT = """
import os, resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
os.execvp(sys.argv[2], sys.argv[2:])
"""


@pytest.mark.embedded_index
def test_what_cannot_be_recorded_is_not_shown(gantry, tmp_path):
    """The disk is full for the spool alone: the largest file by far."""
    most = 2_000_000
    server = Server(gantry, tmp_path / "data", "--log-level", "off", wrapper=("python3", "-c", IGNORE_LIMIT, str(most)))
    server.pid = lambda: server.process.pid  # the wrapper becomes the server
    server.start()
    study, series, sops = stored_study(server, 1)
    session = requests.Session()
    instance = f"{server.dicomweb}/studies/{study}/series/{series}/instances/{sops[0]}"
    query = "x" * 4000
    while (answer := session.get(f"{instance}?{query}")).status_code == 200:
        assert sum(path.stat().st_size for path in (server.data / "audit").iterdir()) <= 2 * most
    assert answer.status_code == 503 and "recorded" in answer.json()["detail"] and "Retry-After" in answer.headers
    assert session.get(f"{server.dicomweb}/studies?{query}").status_code == 503
    assert session.get(f"{server.url}/healthz").status_code == 200
    assert float(re.search(r"^gantry_audit_failures_total (\S+)", session.get(f"{server.url}/metrics").text, re.M).group(1)) > 0
    subprocess.run(["prlimit", "--pid", str(server.process.pid), "--fsize=unlimited"], check=True)
    assert session.get(f"{instance}?{query}").status_code == 200
    server.stop()
    server.wrapper = ()
    assert audit(server, "verify").returncode == 0


def parsed(messages: list[str]) -> list[lxml.etree._Element]:
    schema = lxml.etree.RelaxNG(lxml.etree.parse(str(pathlib.Path(__file__).with_name("audit_message.rng"))))
    trees = []
    for message in messages:
        tree = lxml.etree.fromstring(message)
        schema.assertValid(tree)
        trees.append(tree)
    return trees


def summary(tree: lxml.etree._Element) -> tuple[str, str, str]:
    event = tree.find("EventIdentification")
    return event.find("EventID").get("csd-code"), event.get("EventActionCode"), event.get("EventOutcomeIndicator")


def objects(tree: lxml.etree._Element) -> dict[str, str]:
    return {thing.find("ParticipantObjectIDTypeCode").get("originalText"): thing.get("ParticipantObjectID")
            for thing in tree.iter("ParticipantObjectIdentification")}


@pytest.mark.parametrize("kind", ["tls", "tcp", "udp"])
def test_messages_of_the_standard_arrive_by_syslog(make_server, tmp_path, kind):
    files = certificates(tmp_path / "pki") if kind == "tls" else {}
    receiver = Receiver(kind, files=files)
    url = f"{kind}://127.0.0.1:{receiver.port}"
    if kind == "tls":
        url += f"?ca={files['ca']}&certificate={files['client']}&key={files['client-key']}"
    server = make_server("--audit-syslog", url, "--audit-site", "Hospital <&> \"A\"", "--audit-source", "gantry-1")
    study, series, sops = stored_study(server, 1)
    base = f"{server.dicomweb}/studies/{study}/series/{series}/instances/{sops[0]}"
    requests.get(f"{base}/frames/1")
    requests.get(f"{base}/metadata")
    requests.get(f"{server.dicomweb}/studies?PatientName=D%C3%B6e*")
    requests.get(base, headers={"x-tenant": "other"})
    admin(server, "/admin/audit?limit=1")
    receiver.wait_for(lambda messages: sum("110101" in message for message in messages) == 1)
    requests.delete(f"{server.dicomweb}/studies/{study}")
    receiver.wait_for(lambda messages: any("110105" in message for message in messages))
    server.stop()
    trees = parsed(receiver.wait_for(lambda messages: any("110121" in message for message in messages)))
    assert not receiver.faults
    assert [summary(tree) for tree in trees] == [
        ("110100", "E", "0"), ("110104", "C", "0"), ("110104", "R", "0"), ("110103", "R", "0"), ("110112", "E", "0"),
        ("110113", "E", "4"), ("110101", "R", "0"), ("110105", "D", "0"), ("110100", "E", "0")]
    source = trees[1].find("AuditSourceIdentification")
    assert source.get("AuditSourceID") == "gantry-1" and source.get("AuditEnterpriseSiteID") == 'Hospital <&> "A"'
    for tree in trees[1:4]:
        assert objects(tree)["Study Instance UID"] == study
        assert objects(tree)["Patient Number"] not in ("", "(unknown)")
    sop_class = trees[1].find(".//SOPClass")
    assert (sop_class.get("UID"), sop_class.get("NumberOfInstances")) == ("1.2.840.10008.5.1.4.1.1.2", "1")
    query = trees[4].find(".//ParticipantObjectQuery").text
    assert base64.b64decode(query).decode() == "PatientName=D%C3%B6e*"
    user = trees[2].findall("ActiveParticipant")[1]
    assert (user.get("UserIsRequestor"), user.get("NetworkAccessPointID"), user.get("NetworkAccessPointTypeCode")) == (
        "true", "127.0.0.1", "2")
    assert user.find("RoleIDCode").get("csd-code") == "110152"
    receiver.close()
    told = audit(server, "export", "--format", "xml")
    assert [summary(tree) for tree in parsed(told.stdout.splitlines())] == [summary(tree) for tree in trees]


def test_what_a_receiver_missed_is_sent_when_it_is_back_and_after_kill_minus_nine(gantry, tmp_path):
    receiver = Receiver("tcp")
    port = receiver.port
    server = Server(gantry, tmp_path / "data", "--audit-syslog", f"tcp://127.0.0.1:{port}").start()

    def look(name: str) -> None:
        assert requests.get(f"{server.dicomweb}/studies?PatientID={name}").status_code == 200

    def has(name: str):
        word = base64.b64encode(f"PatientID={name}".encode()).decode()
        return lambda messages: any(word in message for message in messages)

    look("first")
    receiver.wait_for(has("first"))
    receiver.close()
    for n in range(20):
        look(f"away{n:02}")
    server.kill()
    server.start()
    look("later")
    second = Receiver("tcp", port)
    second.wait_for(has("later"))
    server.stop()
    seen = receiver.messages + second.messages
    for name in ["first", *(f"away{n:02}" for n in range(20)), "later"]:
        assert has(name)(seen), name
    assert not receiver.faults and not second.faults
    parsed(seen)


def test_a_receiver_that_cannot_show_who_it_is_gets_nothing(make_server, tmp_path):
    files, others = certificates(tmp_path / "pki"), certificates(tmp_path / "others")
    receiver = Receiver("tls", files=files)
    server = make_server("--audit-syslog", f"tls://127.0.0.1:{receiver.port}?ca={others['ca']}")
    requests.get(f"{server.dicomweb}/studies")
    while "self-signed" not in (trouble := admin(server, "/admin/audit/status")["relay"]["trouble"]) and "issuer" not in trouble:
        time.sleep(0.05)
    assert not receiver.messages
    server.stop()
    # Settings that can't work stop the start, and say why.
    for wrong, words in (("http://x", "none of tls, tcp and udp"), ("tcp://", "names no host"),
                         (f"tls://127.0.0.1?ca={tmp_path}/none.pem", "certificates to trust")):
        done = subprocess.run([server.binary, "serve", "--data", server.data, "--listen", "127.0.0.1:0", *server.index_flags(),
                               "--audit-syslog", wrong], capture_output=True, text=True)
        assert done.returncode != 0 and words in done.stderr + done.stdout
