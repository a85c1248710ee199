"""The rows of the limits' table (docs/conformance.md, section 10) that no other test shows over the network: what goes beyond one gets
its answer, and whoever stays below it notices nothing."""

from __future__ import annotations

import os
import pathlib
import re
import socket
import struct

import pytest
import requests
from conftest import Server, multipart, post_instance
from make_dicom import ct_slice, uids

GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


def ended(raw: socket.socket) -> bool:
    """Waits until the server has closed; False when it says something first."""
    try:
        return raw.recv(65536) == b""
    except ConnectionResetError:
        return True


def store(server: Server, body: bytes, content_type: str = "application/dicom") -> requests.Response:
    return requests.post(server.dicomweb + "/studies", data=body, headers={"Content-Type": content_type})


def reasons(answer: requests.Response) -> list[int]:
    return [item["00081197"]["Value"][0] for item in answer.json()["00081198"]["Value"]]


def element(tag: tuple[int, int], vr: bytes, value: bytes) -> bytes:
    value += b"\0" * (len(value) % 2)
    return struct.pack("<HH", *tag) + vr + struct.pack("<H", len(value)) + value


def instance_of(data_set: bytes) -> bytes:
    """A Part 10 file with UIDs in front of `data_set`, which begins in a group above 0020."""
    study, series, sop = uids(3)
    meta = element((2, 2), b"UI", b"1.2.840.10008.5.1.4.1.1.66") + element((2, 3), b"UI", sop.encode()) + element((2, 0x10), b"UI", b"1.2.840.10008.1.2.1")
    head = b"\0" * 128 + b"DICM" + element((2, 0), b"UL", struct.pack("<I", len(meta))) + meta
    return head + element((8, 0x16), b"UI", b"1.2.840.10008.5.1.4.1.1.66") + element((8, 0x18), b"UI", sop.encode()) + element(
        (8, 0x60), b"CS", b"OT") + element((0x20, 0xD), b"UI", study.encode()) + element((0x20, 0xE), b"UI", series.encode()) + data_set


def test_connections_beyond_the_limit_close_the_one_that_was_silent_longest(make_server):
    server = make_server("--http-connections", "20", "--http-io-threads", "1")
    silent = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(17)]
    for _ in range(30):
        with socket.create_connection(("127.0.0.1", server.port)) as honest:
            honest.sendall(GET)
            assert honest.recv(100).startswith(b"HTTP/1.1 200")
            more = socket.create_connection(("127.0.0.1", server.port))
            silent.append(more)
    assert ended(silent[0]), "the oldest went first"
    silent[-1].sendall(GET)
    assert silent[-1].recv(100).startswith(b"HTTP/1.1 200"), "the newest has its place"


def own_address() -> str | None:
    """An address of this machine that is not loopback; nothing is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        address = probe.getsockname()[0]
        return None if address.startswith("127.") else address


def test_connections_of_one_address_are_counted_but_not_those_of_this_machine(gantry, tmp_path):
    address = own_address()
    if address is None:
        pytest.skip("this machine has no address but loopback")
    server = Server(gantry, tmp_path / "data", "--http-insecure-open", "--http-connections-per-address", "5")
    server.host = "0.0.0.0"
    server.start()
    held = [socket.create_connection((address, server.port)) for _ in range(5)]
    for raw in held:
        raw.sendall(GET)
        assert raw.recv(100).startswith(b"HTTP/1.1 200")
    with socket.create_connection((address, server.port)) as sixth:
        assert ended(sixth)
    assert all(requests.get(server.url + "/healthz").status_code == 200 for _ in range(10)), "loopback is not counted"
    held.pop().close()
    while True:
        with socket.create_connection((address, server.port)) as next_one:
            try:
                next_one.sendall(GET)
                if next_one.recv(100).startswith(b"HTTP/1.1 200"):
                    break
            except ConnectionResetError:
                pass
    assert server.stop() == 0


def test_a_head_just_below_each_limit_is_answered_and_just_above_refused(make_server):
    server = make_server()
    line = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"

    def status(head: bytes) -> int:
        with socket.create_connection(("127.0.0.1", server.port)) as raw:
            raw.sendall(head)
            return int(raw.recv(100).split()[1])

    fields = b"".join(b"H%d: v\r\n" % n for n in range(99))
    assert status(line + fields + b"\r\n") == 200, "100 fields with Host"
    assert status(line + fields + b"One: more\r\n\r\n") == 431
    assert status(line + b"Long: " + b"a" * 8000 + b"\r\n\r\n") == 200
    assert status(line + b"Long: " + b"a" * 8200 + b"\r\n\r\n") == 431
    four = b"".join(b"Long%d: " % n + b"a" * 7900 + b"\r\n" for n in range(4))
    assert status(line + four + b"\r\n") == 200
    assert status(line + four + b"More: " + b"a" * 1500 + b"\r\n\r\n") == 431
    assert status(b"GET /healthz?" + b"a" * 8100 + b" HTTP/1.1\r\nHost: x\r\n\r\n") == 200
    assert status(b"GET /healthz?" + b"a" * 8200 + b" HTTP/1.1\r\nHost: x\r\n\r\n") == 414
    keys = "&".join("includefield=PatientID" for _ in range(128))
    assert requests.get(f"{server.dicomweb}/studies?{keys}").status_code == 200
    assert requests.get(f"{server.dicomweb}/studies?{keys}&limit=1").status_code == 400


def test_an_idle_connection_is_closed_and_a_used_one_is_not(make_server):
    server = make_server("--http-idle-keep-alive", "1s")
    with socket.create_connection(("127.0.0.1", server.port)) as raw:
        for _ in range(3):
            raw.sendall(GET)
            assert raw.recv(65536).startswith(b"HTTP/1.1 200")
        assert ended(raw), "by the server's hand"


def test_a_body_over_the_limit_is_refused_whether_or_not_it_says_its_length(make_server):
    server = make_server("--http-body-bytes", "1MB")
    data = ct_slice(*uids(3), rows=1000, columns=1000)  # 2 MB
    assert store(server, data).status_code == 413
    chunked = requests.post(server.dicomweb + "/studies", data=iter([data[:500_000], data[500_000:]]), headers={"Content-Type": "application/dicom"})
    assert chunked.status_code == 413
    assert store(server, ct_slice(*uids(3), rows=500, columns=900)).status_code == 200


def test_an_instance_over_the_limit_fails_alone(make_server):
    server = make_server("--store-instance-bytes", "1MB")
    study, series, small, large = uids(4)
    body, content_type = multipart([ct_slice(study, series, large, rows=1000, columns=1000), ct_slice(study, series, small)])
    answer = store(server, body, content_type)
    assert answer.status_code == 202 and reasons(answer) == [0xA700], answer.text
    assert "1048576 bytes" in answer.text
    assert len(requests.get(f"{server.dicomweb}/studies/{study}/instances").json()) == 1


def test_part_headers_and_boundaries_have_their_limits(make_server):
    server = make_server()
    data = ct_slice(*uids(3))
    multi = 'multipart/related; type="application/dicom"; boundary='

    def body(boundary: str, header: bytes) -> bytes:
        return b"--%s\r\nContent-Type: application/dicom\r\n%s\r\n%s\r\n--%s--\r\n" % (boundary.encode(), header, data, boundary.encode())

    assert store(server, body("b" * 70, b""), multi + "b" * 70).status_code == 200
    assert store(server, body("b" * 71, b""), multi + "b" * 71).status_code == 400
    assert store(server, body("B", b"X: " + b"a" * 8000 + b"\r\n"), multi + "B").status_code == 200
    refused = store(server, body("B", b"X: " + b"a" * 9000 + b"\r\n"), multi + "B")
    assert refused.status_code in (400, 413) and "header" in refused.text, refused.text


def test_a_request_that_lives_too_long_is_ended(make_server):
    server = make_server("--http-request-life", "2s", "--http-body-rate-bytes-per-s", "0")
    data = ct_slice(*uids(3))
    with socket.create_connection(("127.0.0.1", server.port)) as raw:
        raw.sendall(b"POST /dicom-web/studies HTTP/1.1\r\nHost: x\r\nContent-Type: application/dicom\r\nContent-Length: %d\r\n\r\n" % len(data))
        raw.sendall(data[:-1])  # fast enough, and never whole
        answer = raw.recv(65536)
    assert answer.split()[1] == b"408", answer[:300]
    assert requests.get(server.dicomweb + "/studies").json() == [], "nothing of it is there"


def test_open_files_of_the_cache_are_bounded(make_server):
    server = make_server("--cache-open-files", "16")
    study, series, *sops = uids(62)
    for number, sop in enumerate(sops, 1):
        assert post_instance(server, ct_slice(study, series, sop, number)).status_code == 200

    def objects_open() -> int:
        folder = pathlib.Path(f"/proc/{server.pid()}/fd")
        return sum(".dcm" in os.readlink(entry) for entry in folder.iterdir() if os.path.lexists(entry))

    for _ in range(2):
        for sop in sops:
            frame = requests.get(f"{server.dicomweb}/studies/{study}/series/{series}/instances/{sop}/frames/1")
            assert frame.status_code == 200
            assert objects_open() <= 16


def nested(levels: int) -> bytes:
    begin = struct.pack("<HH", 0x40, 0xA730) + b"SQ\0\0" + b"\xff\xff\xff\xff" + struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    end = struct.pack("<HHI", 0xFFFE, 0xE00D, 0) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    return begin * levels + end * levels


def test_a_data_set_has_64_levels_and_a_million_elements(make_server):
    server = make_server()
    assert store(server, instance_of(nested(65))).status_code == 200, "64 inside the first"
    deep = store(server, instance_of(nested(66)))
    assert deep.status_code == 409 and reasons(deep) == [0xC000] and "nest" in deep.text, deep.text
    before = server.resident_kb("VmHWM")
    empty = struct.pack("<HH", 0x29, 0x1001) + b"LO\0\0"
    many = store(server, instance_of(empty * 1_000_001))
    assert many.status_code == 409 and reasons(many) == [0xC000] and "elements" in many.text, many.text
    assert server.resident_kb("VmHWM") - before < 64 * 1024
    assert requests.get(server.dicomweb + "/studies?limit=5").headers["X-Total-Count"] == "1"


def test_searches_are_cut_with_the_warning_and_offsets_end(make_server):
    server = make_server("--dicomweb-limit-default", "3", "--dicomweb-limit-most", "5")
    for _ in range(7):
        assert post_instance(server, ct_slice(*uids(3))).status_code == 200
    for query, count, left in (("", 3, 4), ("?limit=100", 5, 2), ("?limit=2&offset=4", 2, 1), ("?limit=5&offset=4", 3, 0)):
        answer = requests.get(server.dicomweb + "/studies" + query)
        assert answer.status_code == 200 and len(answer.json()) == count, query
        warning = answer.headers.get("Warning", "")
        told = re.search(r"299 \S+: There are (\d+) additional results that can be requested$", warning)
        assert (int(told.group(1)) if told else 0) == left, (query, warning)
    assert requests.get(server.dicomweb + "/studies?offset=1000000").status_code == 200
    refused = requests.get(server.dicomweb + "/studies?offset=1000001")
    assert refused.status_code == 400 and "PriorRecordKey" in refused.text, "and says what reaches further"
