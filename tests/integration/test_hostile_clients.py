"""The limits of DESIGN 13 against the running server: what goes beyond one gets its answer, and others notice nothing."""

from __future__ import annotations

import re
import socket
import struct
import zlib

import pytest
import requests
from conftest import Server, multipart, post_instance
from make_dicom import ct_slice, uids


@pytest.fixture(scope="module")
def server(gantry, tmp_path_factory):
    server = Server(gantry, tmp_path_factory.mktemp("limits") / "data", "--http-body-rate-window", "1s", "--http-write-stall", "1s").start()
    server.good = uids(3)
    assert post_instance(server, ct_slice(*server.good, rows=2000, columns=2000)).status_code == 200
    yield server
    assert requests.get(server.url + "/readyz").status_code == 200
    assert server.stop() == 0


def talk(server: Server, sent: bytes) -> bytes:
    """Everything the server says until it closes."""
    with socket.create_connection(("127.0.0.1", server.port)) as raw:
        raw.sendall(sent)
        return b"".join(iter(lambda: raw.recv(65536), b""))


POST = b"POST /dicom-web/studies HTTP/1.1\r\nHost: x\r\nContent-Type: application/dicom\r\n"
NEXT = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize("sent", [
    POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + NEXT,
    POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + NEXT,
    POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + NEXT,
    POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + NEXT,
    POST + b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n" + NEXT,
    POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + NEXT,
    POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + NEXT,
    POST + b"Content-Length: 5, 5\r\n\r\nabcde" + NEXT,
    POST + b"Content-Length: 0x5\r\n\r\nabcde" + NEXT,
    POST + b"Content-Length: 5 5\r\n\r\nabcde" + NEXT,
    POST + b"Content-Length: 18446744073709551621\r\n\r\nabcde" + NEXT,
    POST.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + NEXT,
    POST + b"Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\nabc" + NEXT,
    POST + b"Transfer-Encoding: chunked\r\n\r\n-1\r\nabc" + NEXT,
    POST + b"Transfer-Encoding: chunked\r\n\r\n5\nabcde\r\n0\r\n\r\n" + NEXT,
    POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nabcdeX\r\n0\r\n\r\n" + NEXT,
    POST + b"Transfer-Encoding: chunked\r\n\r\n5;" + b"e" * 20_000 + b"\r\nabcde\r\n0\r\n\r\n" + NEXT,
    POST + b"Bad\x00Name: x\r\n\r\n" + NEXT,
    POST + b"Value: a\rb\r\n\r\n" + NEXT,
    b"GET /healthz HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n" + NEXT,
])
def test_no_request_hides_in_another(server, sent):
    answer = talk(server, sent)
    assert answer.count(b"HTTP/1.1 ") == 1, "one answer, then the end"
    assert 400 <= int(answer.split()[1]) < 502 and int(answer.split()[1]) not in (500,), answer[:300]


def test_a_body_that_trickles_is_given_up(server):
    with socket.create_connection(("127.0.0.1", server.port)) as raw:
        raw.sendall(POST + b"Content-Length: 100000\r\n\r\n" + ct_slice(*uids(3))[:300])
        answer = b"".join(iter(lambda: raw.recv(65536), b""))
    assert answer.split()[1] in (b"408", b"409", b"400"), answer[:300]


def test_a_reader_that_takes_nothing_is_cut_off(server):
    with socket.create_connection(("127.0.0.1", server.port)) as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.sendall(f"GET /dicom-web/studies/{server.good[0]} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        while True:
            metrics = requests.get(server.url + "/metrics").text
            if re.search(r"^gantry_http_open_connections 1$", metrics, re.M):  # that of the question itself
                break
        answer = bytearray()
        try:
            while piece := raw.recv(65536):
                answer += piece
        except ConnectionResetError:
            pass
        assert len(answer) < 8_000_000, "cut, and it shows"


def test_parts_beyond_the_limit_are_refused(server):
    body, content_type = multipart([b""] * 10_001)
    answer = requests.post(f"{server.dicomweb}/studies", data=body, headers={"Content-Type": content_type})
    assert answer.status_code == 413, answer.text[:300]


def test_a_bomb_of_deflate_fails_alone(server):
    def element(tag, vr, value):
        return struct.pack("<HH", *tag) + vr + struct.pack("<H", len(value)) + value

    body = element((8, 0x16), b"UI", b"1.2.840.10008.5.1.4.1.1.7\0") + element((8, 0x18), b"UI", b"1.2.3.4.5.6")
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = packer.compress(body + struct.pack("<HH", 9, 0x1001) + b"OB\0\0" + struct.pack("<I", 3_000_000_000))
    zeros = b"\0" * 1_000_000
    for _ in range(300):
        bomb += packer.compress(zeros)
    bomb += packer.flush()
    meta = element((2, 0x10), b"UI", b"1.2.840.10008.1.2.1.99\0\0"[:24])
    before = server.resident_kb("VmHWM")
    answer = post_instance(server, b"\0" * 128 + b"DICM" + element((2, 0), b"UL", struct.pack("<I", len(meta))) + meta + bomb)
    assert answer.status_code == 409 and answer.json()["00081198"]["Value"][0]["00081197"]["Value"] == [0xC000], answer.text
    assert server.resident_kb("VmHWM") - before < 64 * 1024


def test_a_node_that_is_full_says_so_and_recovers(make_server):
    server = make_server("--store-memory-bytes", "4MB")
    data = ct_slice(*uids(3), rows=300, columns=300)
    body, content_type = multipart([data])
    held: list[socket.socket] = []
    head = (f"POST /dicom-web/studies HTTP/1.1\r\nHost: x\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n").encode()
    refused = None
    while refused is None and len(held) < 400:
        for _ in range(5):
            raw = socket.create_connection(("127.0.0.1", server.port))
            raw.sendall(head + body[:100_000])
            held.append(raw)
        answer = requests.post(f"{server.dicomweb}/studies", data=body, headers={"Content-Type": content_type})
        if answer.status_code == 503:
            refused = answer
    assert refused is not None, "400 uploads at the same time fit into 4 MB"
    assert int(refused.headers["Retry-After"]) > 0
    assert re.search("later|at the same time", refused.text), refused.text
    assert requests.get(f"{server.dicomweb}/studies").status_code == 200, "reading goes on"
    for raw in held:
        raw.close()
    while True:
        answer = requests.post(f"{server.dicomweb}/studies", data=body, headers={"Content-Type": content_type})
        if answer.status_code == 200:
            break
        assert answer.status_code == 503
    assert server.stop() == 0


def test_metadata_of_many_megabytes_is_refused_in_bounded_memory(make_server):
    server = make_server()
    before = server.resident_kb("VmHWM")
    text = b"[" + b'{"00080018":{"vr":"UI","Value":["1.2.3"]}},' * 600_000
    body = b"--B\r\nContent-Type: application/dicom+json\r\n\r\n" + text + b"\r\n--B--"
    answer = requests.post(f"{server.dicomweb}/studies", data=body, headers={"Content-Type": 'multipart/related; type="application/dicom+json"; boundary=B'})
    assert answer.status_code == 413, answer.text
    assert server.resident_kb("VmHWM") - before < 64 * 1024
