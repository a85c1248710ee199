"""Bad input: each gets its status and a useful message; nothing else notices."""

from __future__ import annotations

import socket
import struct
import threading

import pytest
import requests
from conftest import multipart, post_instance, split_multipart
from make_dicom import ct_slice, uids


@pytest.fixture(scope="module")
def server(gantry, tmp_path_factory):
    from conftest import Server

    server = Server(gantry, tmp_path_factory.mktemp("bad") / "data", "--http-header-deadline", "2s").start()
    server.good = uids(3)
    assert post_instance(server, ct_slice(*server.good)).status_code == 200
    yield server
    # Whatever was thrown at it: it lives, and holds just the good instance.
    assert requests.get(server.url + "/readyz").status_code == 200
    listed = requests.get(f"{server.dicomweb}/instances").json()
    assert [item["00080018"]["Value"][0] for item in listed] == [server.good[2]]
    assert server.stop() == 0


def explicit(tag: tuple[int, int], vr: bytes, value: bytes, length: int | None = None) -> bytes:
    length = len(value) if length is None else length
    head = struct.pack("<HH", *tag) + vr
    long = vr in (b"OB", b"OW", b"SQ", b"UN", b"UT")
    return head + (struct.pack("<HI", 0, length) if long else struct.pack("<H", length)) + value


def part10(body: bytes, syntax: bytes = b"1.2.840.10008.1.2.1\0") -> bytes:
    meta = explicit((2, 0x10), b"UI", syntax)
    return b"\0" * 128 + b"DICM" + explicit((2, 0), b"UL", struct.pack("<I", len(meta))) + meta + body


def identified(extra: bytes) -> bytes:
    def uid(text: bytes) -> bytes:
        return text + b"\0" * (len(text) % 2)
    return part10(explicit((8, 0x16), b"UI", uid(b"1.2.840.10008.5.1.4.1.1.7")) + explicit((8, 0x18), b"UI", uid(b"1.2.3.99"))
                  + explicit((0x20, 0xD), b"UI", uid(b"1.2.3.1")) + explicit((0x20, 0xE), b"UI", uid(b"1.2.3.2")) + extra)


def nested(depth: int) -> bytes:
    opening = explicit((0x40, 0xA730), b"SQ", b"", 0xFFFFFFFF) + struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    closing = struct.pack("<HHI", 0xFFFE, 0xE00D, 0) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    return opening * depth + closing * depth


SLICE = ct_slice("1.2.3.1", "1.2.3.2", "1.2.3.98")
UNREADABLE = {
    "truncated in the pixels": SLICE[:-1000],
    "truncated in the header": SLICE[:700],
    "truncated in the meta group": SLICE[:150],
    "a 4 GB length in a 1 KB file": identified(explicit((0x7FE0, 0x10), b"OW", b"\0" * 600, 0xFFFFFFF0)),
    "a length that runs over its item": identified(explicit((0x40, 0x275), b"SQ", struct.pack("<HHI", 0xFFFE, 0xE000, 4000))),
    "10,000 nested sequences": identified(nested(10_000)),
    "text that is no DICOM": b"Dear archive, please keep this letter.\n" * 40,
    "nothing": b"",
    "128 zeros and DICM": b"\0" * 128 + b"DICM",
    "no preamble": SLICE[132:],
    "traversal in the study UID": ct_slice("1.2.3.1", "1.2.3.2", "1.2.3.97", StudyInstanceUID="../../../etc"),
    "letters in the instance UID": SLICE.replace(b"1.2.3.98", b"1.2.a.98"),
    "a deflated stream that is none": part10(b"\xff" * 500, b"1.2.840.10008.1.2.1.99"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_an_instance_that_cannot_be_read_fails_with_a_reason(server, name):
    answer = post_instance(server, UNREADABLE[name])
    assert answer.status_code == 409, answer.text
    (failed,) = answer.json()["00081198"]["Value"]
    assert failed["00081197"]["Value"] == [0xC000]
    assert "00081199" not in answer.json()


def test_an_unknown_transfer_syntax_has_its_own_reason(server):
    answer = post_instance(server, SLICE.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.9.9.9\0"))
    assert answer.status_code == 409
    assert answer.json()["00081198"]["Value"][0]["00081197"]["Value"] == [0xC122]


def test_a_bad_part_does_not_harm_its_neighbours(make_server):
    server = make_server()
    study, series, *sops = uids(4)
    body, content_type = multipart([ct_slice(study, series, sops[0]), UNREADABLE["truncated in the pixels"], ct_slice(study, series, sops[1])])
    answer = requests.post(f"{server.dicomweb}/studies", data=body, headers={"Content-Type": content_type})
    assert answer.status_code == 202
    assert len(answer.json()["00081199"]["Value"]) == 2 and len(answer.json()["00081198"]["Value"]) == 1
    assert len(requests.get(f"{server.dicomweb}/instances").json()) == 2


def test_thousands_of_parts_in_one_request(make_server):
    server = make_server()
    study, series = uids(2)
    parts = [ct_slice(study, series, sop, number, rows=4, columns=4) for number, sop in enumerate(uids(2000), 1)]
    body, content_type = multipart(parts)
    answer = requests.post(f"{server.dicomweb}/studies/{study}", data=body, headers={"Content-Type": content_type})
    assert answer.status_code == 200 and len(answer.json()["00081199"]["Value"]) == 2000
    listed = requests.get(f"{server.dicomweb}/studies/{study}/instances").json()
    assert [item["00200013"]["Value"][0] for item in listed] == list(range(1, 2001))
    answer = requests.get(f"{server.dicomweb}/studies/{study}", headers={"Accept": 'multipart/related; type="application/dicom"; transfer-syntax=*'})
    assert [data for _, data in split_multipart(answer)] == parts


def test_another_study_than_the_url_names_is_refused(server):
    answer = post_instance(server, SLICE, "/studies/1.9.9")
    assert answer.status_code == 409
    assert answer.json()["00081198"]["Value"][0]["00081197"]["Value"] == [0xA900]


def test_a_duplicate_with_other_bytes_is_a_conflict_and_the_same_bytes_are_success(make_server):
    server = make_server()
    ids = uids(3)
    assert post_instance(server, ct_slice(*ids)).status_code == 200
    assert post_instance(server, ct_slice(*ids)).status_code == 200
    other = post_instance(server, ct_slice(*ids, PatientID="SOMEBODY-ELSE"))
    assert other.status_code == 409 and other.json()["00081198"]["Value"][0]["00081197"]["Value"] == [0x0111]
    assert requests.get(f"{server.dicomweb}/studies").json()[0]["00100020"]["Value"] == ["TEST-1"]
    for policy, status, patient in (("replace", 200, "SOMEBODY-ELSE"), ("ignore", 202, "TEST-1")):
        server = make_server("--store-conflict", policy)
        assert post_instance(server, ct_slice(*ids)).status_code == 200
        assert post_instance(server, ct_slice(*ids, PatientID="SOMEBODY-ELSE")).status_code == status, policy
        studies = requests.get(f"{server.dicomweb}/studies").json()
        assert len(studies) == 1 and studies[0]["00201208"]["Value"] == [1]
        metadata = requests.get(f"{server.dicomweb}/studies/{ids[0]}/metadata").json()
        assert metadata[0]["00100020"]["Value"] == [patient]


@pytest.mark.parametrize("content_type, body, status", [
    ("multipart/related; type=\"application/dicom\"", b"--x--", 400),
    ("multipart/related; type=\"application/dicom\"; boundary=\"\"", b"--x--", 400),
    ("multipart/related; type=\"application/dicom\"; boundary=" + "b" * 71, b"--x--", 400),
    ("multipart/related; type=\"application/dicom\"; boundary=x", b"", 400),
    ("multipart/related; type=\"application/dicom\"; boundary=x", b"--x--\r\n", 400),
    ("multipart/related; type=\"application/dicom\"; boundary=x", b"no delimiter at all", 400),
    ("multipart/related; type=\"application/dicom\"; boundary=x", b"--x\r\nContent-Type: application/dicom\r\n\r\ncut", 400),
    ("multipart/related; type=\"application/dicom\"; boundary=x", b"--x\r\n" + b"A: " + b"a" * 9000 + b"\r\n\r\n\r\n--x--", (400, 413)),
    ("text/plain", b"hello", 415),
    ("nonsense", b"hello", (400, 415)),
    ("application/dicom", b"", 400),
])
def test_a_request_that_is_no_store_is_refused_with_a_message(server, content_type, body, status):
    answer = requests.post(f"{server.dicomweb}/studies", data=body, headers={"Content-Type": content_type})
    assert answer.status_code in (status if isinstance(status, tuple) else (status,)), answer.text
    assert len(answer.text) > 20


def test_single_part_dicom_is_taken(make_server):
    server = make_server()
    answer = requests.post(f"{server.dicomweb}/studies", data=SLICE, headers={"Content-Type": "application/dicom"})
    assert answer.status_code == 200


@pytest.mark.parametrize("path, status", [
    ("/studies/..%2f..%2fetc%2fpasswd/series", 400), ("/studies/1.2/../../../etc/passwd", (400, 404)), ("/studies/1.2%00/series", 400),
    ("/studies/abc/metadata", 400), ("/studies/" + "1" * 65 + "/metadata", 400), ("/studies/1.2.3/metadata", 404),
    ("/studies?limit=-1", 400), ("/studies?limit=x", 400), ("/studies?offset=1.5", 400), ("/studies?StudyDate=yesterday", 400),
    ("/studies?StudyDate=20240101-20230101", (200, 400)), ("/studies?StudyInstanceUID=no-uid", 400), ("/studies?PatientNmae=x", 400),
    ("/studies?00100010%ZZ=x", 400), ("/studies?" + "&".join(f"k{n}=v" for n in range(200)), 400), ("/nothing", 404),
    ("/studies/1.2.3/series/1.2.3/instances/1.2.3/frames/0", (400, 404)), ("/studies/1.2.3/series/1.2.3/instances/1.2.3/frames/a", 400),
])
def test_a_bad_path_or_query_has_its_status_and_a_message(server, path, status):
    with socket.create_connection(("127.0.0.1", server.port)) as raw:  # requests would tidy the path up
        raw.sendall(f"GET /dicom-web{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: raw.recv(65536), b""))
    assert int(answer.split()[1]) in (status if isinstance(status, tuple) else (status,)), answer[:500]


@pytest.mark.parametrize("head, status", [
    (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"".join(b"H%d: v\r\n" % n for n in range(200)) + b"\r\n", 431),
    (b"GET / HTTP/1.1\r\nHost: x\r\nBig: " + b"a" * 40_000 + b"\r\n\r\n", 431),
    (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
    (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400),
    (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +3\r\n\r\nabc", 400),
    (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400),
    (b"GET / HTTP/1.1\nHost: x\n\n", 400),
    (b"GET / HTTP/1.1\r\nHost: x\r\nFolded: a\r\n b\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\n\r\n", 400),
    (b"POST /dicom-web/studies HTTP/1.1\r\nHost: x\r\nContent-Type: application/dicom\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n", 400),
    (b"POST /dicom-web/studies HTTP/1.1\r\nHost: x\r\nContent-Type: application/dicom\r\nContent-Length: 99999999999\r\n\r\n", 413),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 20 + b"\r\n\r\n", 400),
])
def test_broken_framing_gets_one_answer_and_the_connection_closes(server, head, status):
    with socket.create_connection(("127.0.0.1", server.port)) as raw:
        raw.sendall(head)
        answer = b"".join(iter(lambda: raw.recv(65536), b""))  # ends when the server closes
    assert int(answer.split()[1]) == status, answer[:300]
    assert answer.count(b"HTTP/1.1 ") == 1


def test_slow_clients_are_cut_off_and_hurt_no_honest_one(server):
    slow = []
    for number in range(200):
        raw = socket.create_connection(("127.0.0.1", server.port))
        raw.sendall(b"GET /dicom-web/studies HTTP/1.1\r\nHo" if number % 2 else b"POST /dicom-web/studies HTTP/1.1\r\n")
        slow.append(raw)
    answers: list[int] = []

    def honest():
        for _ in range(20):
            answers.append(requests.get(f"{server.dicomweb}/studies").status_code)

    threads = [threading.Thread(target=honest) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 80
    for raw in slow:  # each ends by the server's hand: 408, then closed
        answer = b"".join(iter(lambda: raw.recv(65536), b""))
        assert answer == b"" or answer.split()[1] == b"408"
        raw.close()


def test_a_client_that_goes_away_in_the_middle_leaves_nothing(make_server):
    server = make_server()
    body, content_type = multipart([ct_slice(*uids(3), rows=512, columns=512)])
    for cut in (10, 200, len(body) // 2, len(body) - 5):
        with socket.create_connection(("127.0.0.1", server.port)) as raw:
            raw.sendall(f"POST /dicom-web/studies HTTP/1.1\r\nHost: x\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n".encode())
            raw.sendall(body[:cut])
    # A whole request afterwards is answered; nothing of the cut ones that had no end of its part is listed.
    assert post_instance(server, ct_slice(*uids(3))).status_code == 200
    assert len(requests.get(f"{server.dicomweb}/instances").json()) in (1, 2)  # the last cut had its whole part
    server.stop()
    assert not [path for path in (server.data / "tmp").rglob("*") if path.is_file()]


def test_memory_stays_bounded_under_hostile_headers_and_values(make_server):
    server = make_server()
    before = server.resident_kb("VmHWM")
    million = b"\\".join([b"1"] * 500_000)
    for extra in (explicit((0x9, 0x1010), b"UT", million), explicit((0x28, 0x9), b"UN", b"\xff" * 30_000_000),
                  b"".join(explicit((0x9, 0x1000 + n % 0xEFF), b"LO", b"x" * 60) for n in range(100_000))):
        answer = post_instance(server, identified(extra))
        assert answer.status_code in (200, 202, 409), answer.text
    assert server.resident_kb("VmHWM") - before < 64 * 1024
