"""Nothing secret and nothing of patients in what a process writes: marked values go through a busy session, and then all
that came out for operators is searched for them."""

from __future__ import annotations

import json
import os
import pathlib
import re
import socket
import subprocess

import pytest
import requests
from conftest import DATABASES, Server, post_instance
from make_dicom import ct_slice, uids

# Every marked value has this in it, in this or that case; plain, percent-encoded and base64-encoded as it stands.
MARK = "zqMARKED"
PATIENT = {
    "PatientName": f"{MARK}name^Anna",
    "PatientID": f"{MARK}pid",
    "PatientBirthDate": "19331231",
    "AccessionNumber": f"{MARK}acc",
    "StudyDescription": f"{MARK} description",
    "ReferringPhysicianName": f"{MARK}doctor^X",
    "PatientComments": f"{MARK} comments",
    "InstitutionName": f"{MARK} institution",
}


def marks_in(text: str) -> list[str]:
    return sorted({text[max(0, m.start() - 80): m.end() + 40] for m in re.finditer(MARK, text, re.I)})


def command(server: Server, *arguments: str) -> str:
    done = subprocess.run([str(server.binary), *arguments, "--data", str(server.data), *server.index_flags()], capture_output=True, text=True)
    return done.stdout + done.stderr


def raw(server: Server, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(request)
        connection.settimeout(10)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
        return answer


def busy_session(server: Server, headers: dict[str, str]) -> None:
    """What clients do, right and wrong. (The type of a body that can't be stored is named in the log: it is no secret.)"""
    session = requests.Session()
    session.headers.update(headers)
    session.headers["Cookie"] = f"session={MARK}cookie"
    root = server.dicomweb
    study, series = uids(2)
    sops = uids(3)
    for number, sop in enumerate(sops, 1):
        body = ct_slice(study, series, sop, number, **PATIENT)
        assert session.post(root + "/studies", data=body, headers={"Content-Type": "application/dicom"}).status_code == 200
    good = ct_slice(study, series, sops[0], 1, **PATIENT)
    other = ct_slice(study, series, sops[0], 1, rows=32, columns=32, **PATIENT)
    for broken in (other,  # a conflict
                   good[: len(good) // 2], good[:400],  # cut
                   good.replace(b"PN", b"ZZ", 1), good.replace(sops[0].encode(), f"{MARK}uid".encode().ljust(len(sops[0]), b"x")),
                   good[:132] + b"\xff" * 50 + MARK.encode(), MARK.encode() * 100, b""):
        session.post(root + "/studies", data=broken, headers={"Content-Type": "application/dicom"})
        boundary = f"{MARK}boundary"
        parts = f"--{boundary}\r\nContent-Type: application/dicom\r\nContent-Location: {MARK}\r\n\r\n".encode() + broken
        session.post(root + "/studies", data=parts, headers={"Content-Type": f"multipart/related; type=image/jpeg; boundary={boundary}"})
        session.post(root + "/studies", data=parts, headers={"Content-Type": f'multipart/related; type="application/dicom"; boundary={boundary}'})
    for query in (f"PatientName={MARK}*", f"PatientID={MARK}", f"{MARK}={MARK}", f"PatientBirthDate={MARK}", f"limit={MARK}",
                  f"offset={MARK}", f"includefield={MARK}", f"orderby={MARK}", f"StudyDate={MARK}-{MARK}", f"StudyInstanceUID={MARK}",
                  f"PatientComments={MARK}", f"PatientName=%zz{MARK}", f"fuzzymatching={MARK}", f"accept={MARK}"):
        for path in ("/studies", "/series", "/instances", f"/studies/{study}/series"):
            session.get(f"{root}{path}?{query}")
    for accept in ("application/dicom+json", f"{MARK}/{MARK}", f"multipart/related; type={MARK}", "*/*"):
        for path in (f"/studies/{study}", f"/studies/{study}/metadata", f"/studies/{study}/series/{series}/instances/{sops[0]}/frames/1"):
            session.get(root + path, headers={"Accept": accept, "If-None-Match": f'"{MARK}"', "Range": f"bytes={MARK}"})
    session.get(server.url + f"/wado?requestType=WADO&studyUID={study}&seriesUID={series}&objectUID={MARK}&patientName={MARK}")
    for method in ("PUT", "PATCH", "OPTIONS", "DELETE"):
        session.request(method, f"{root}/studies?x={MARK}")
    session.get(server.url + "/", headers={"Referer": f"https://{MARK}.example", "User-Agent": MARK, "Origin": f"https://{MARK}.example"})
    session.get(root + "/studies", headers={"x-tenant": MARK})
    session.get(root + "/studies", headers={"Forwarded": f"host={MARK}", "X-Forwarded-Host": MARK})
    for credential in (f"Bearer {MARK}", f"Bearer gantry_{MARK}", f"Basic {MARK}", f"{MARK}", f"Bearer eyJhbGciOiJub25lIn0.{MARK}."):
        session.get(root + "/studies", headers={"Authorization": credential})
    session.get(f"{server.url}/share/{MARK}/dicom-web/studies")
    session.get(f"{server.url}/share/gantryshare_{MARK}/ohif.json")
    for lines in (f"GET {root}/studies?{MARK} HTTP/1.1\r\n{MARK} : x\r\n\r\n", f"GET /dicom-web/studies?x={MARK} HTTP/9.9\r\n\r\n",
                  f"GET /dicom-web/studies?x={'a' * 9000}{MARK} HTTP/1.1\r\nHost: x\r\n\r\n",
                  f"POST /dicom-web/studies HTTP/1.1\r\nHost: x\r\nContent-Length: {MARK}\r\n\r\n",
                  f"GET /dicom-web/studies HTTP/1.1\r\nHost: x\r\nX-A: {MARK}\r\n folded {MARK}\r\n\r\n"):
        raw(server, lines.encode())
    session.delete(f"{root}/studies/{study}/series/{series}/instances/{sops[2]}")
    session.delete(f"{root}/studies/{study}")


def written(server: Server) -> dict[str, str]:
    """All that the process says to operators, by where it says it."""
    seen = {"log": server.log.read_text(errors="replace")}
    for path in ("/metrics", "/healthz", "/readyz", "/"):
        seen[path] = requests.get(server.url + path).text
    seen["command line"] = pathlib.Path(f"/proc/{server.pid()}/cmdline").read_bytes().decode(errors="replace")
    for name in ("lock", "identity"):
        for file in server.data.glob(f"*{name}*"):
            if file.is_file():
                seen[str(file)] = file.read_text(errors="replace")
    return seen


def test_a_busy_session_leaves_no_patient_and_no_secret_in_what_operators_see(make_server):
    server = make_server("--log-level", "debug", "--log-format", "json", "--worker-quiet-period", "0s")
    kept = uids(2)
    assert post_instance(server, ct_slice(*kept, uids(1)[0], **PATIENT)).status_code == 200
    link = command(server, "share", "create", "--study", kept[0], "--listen", f"127.0.0.1:{server.port}")
    token = re.search(r"gantryshare_[0-9A-Za-z]{12}_([0-9A-Za-z]{49})", link)
    key = command(server, "apikey", "create", "--name", "a robot", "--allow", "read")
    secret = re.search(r"gantry_[0-9A-Za-z]{12}_([0-9A-Za-z]{49})", key)
    assert token and secret, (link, key)
    busy_session(server, {"Authorization": f"Bearer {secret.group()}"})
    share = f"{server.url}/share/{token.group()}"
    for path in ("", "/ohif.json", "/dicom-web/studies", f"/dicom-web/studies/{kept[0]}", f"/dicom-web/studies/{kept[0]}/metadata",
                 "/dicom-web/nothing", "/nothing", f"/dicom-web/studies/{uids(1)[0]}/metadata"):
        assert requests.get(share + path).status_code in (200, 404)
    requests.get(f"{server.dicomweb}/{secret.group()}")
    seen = written(server)
    for name, arguments in (("config show", ("config", "show")), ("worker status", ("worker", "status", "--json")), ("fsck", ("fsck",)),
                            ("apikey list", ("apikey", "list", "--json")), ("share list", ("share", "list", "--json"))):
        seen[name] = command(server, *arguments)
    assert server.stop() == 0
    seen["log"] = server.log.read_text(errors="replace")
    assert seen["log"].count("\n") > 100, "a log that says nothing proves nothing"
    assert '"path":"/share/' in seen["log"].replace('": "', '":"') and token.group()[12:24] in seen["log"]
    for where, text in seen.items():
        assert marks_in(text) == [], where
        assert "19331231" not in text, where
        assert token.group(1) not in text and secret.group(1) not in text, where
    # The audit is patient data itself, and holds queries; credentials it holds none.
    audit = b"".join(file.read_bytes() for file in (server.data / "audit").rglob("*") if file.is_file())
    assert token.group()[12:24].encode() in audit, "who asked is on record"
    for credential in (token.group(1), secret.group(1), f"{MARK}cookie", f"Bearer {MARK}", f"Basic {MARK}"):
        assert credential.encode() not in audit


@pytest.mark.parametrize("how", ["file", "environment", "flag"])
def test_passwords_of_settings_are_shown_nowhere(gantry, tmp_path, how):
    urls = {"index": f"postgresql://gantry:{MARK}word@127.0.0.1:1/x?password={MARK}two", "cache": f"redis://:{MARK}word@127.0.0.1:1/0"}
    file = tmp_path / "gantry.toml"
    file.write_text("".join(f'[{section}]\nurl = "{url}"\n' for section, url in urls.items()) if how == "file" else "")
    environment = {**os.environ, **({f"GANTRY_{section.upper()}_URL": url for section, url in urls.items()} if how == "environment" else {})}
    flags = [word for section, url in urls.items() for word in (f"--{section}-url", url)] if how == "flag" else []
    for arguments in (["config", "show"], ["config", "check"], ["migrate", "status"], ["worker", "status"], ["share", "list"], ["apikey", "list"],
                      ["migrate", "status", "--index-url", f"mongodb://gantry:{MARK}@127.0.0.1:1/x"],
                      ["migrate", "status", "--index-url", f"mysql://gantry:{MARK}@127.0.0.1:1/x?password={MARK}"],
                      ["fsck"], ["index", "copy", "--from", urls["index"], "--to", f"mysql://u:{MARK}@127.0.0.1:1/x"]):
        more = [] if arguments[0] == "index" or "--index-url" in arguments else ["-c", str(file), *flags]
        done = subprocess.run([str(gantry.resolve()), *arguments, *more], capture_output=True, text=True, env=environment, cwd=tmp_path)
        assert marks_in(done.stdout + done.stderr) == [], arguments
    # A server that waits for its database, and says so.
    port = 0
    process = subprocess.Popen([str(gantry.resolve()), "serve", "--data", str(tmp_path / "data"), "--listen", f"127.0.0.1:{port}", "-c", str(file), *flags],
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)
    said = ""
    while "503" not in said:  # it serves, with 503 until the index is there
        line = process.stdout.readline()
        assert line, said
        said += line
    arguments = pathlib.Path(f"/proc/{process.pid}/cmdline").read_bytes().decode()
    process.terminate()
    said += process.stdout.read()
    process.wait()
    assert marks_in(said) == []
    assert marks_in(arguments) == [], "the process list"


@pytest.mark.embedded_index
def test_only_the_owner_reads_what_is_kept(make_server):
    server = make_server()
    study, series, sop = uids(3)
    assert post_instance(server, ct_slice(study, series, sop, **PATIENT)).status_code == 200
    for path in [server.data, *server.data.rglob("*")]:
        mode = path.lstat().st_mode & 0o777
        assert mode & 0o077 == 0, f"{path} has mode {mode:o}"
