"""Memory is bounded whatever arrives: a 4 GB upload and download add less than 64 MB each."""

from __future__ import annotations

import hashlib
import os
import struct

import http.client
import requests
from make_dicom import ct_slice, uids

GIGABYTES = float(os.environ.get("GANTRY_BIG_GB", "4"))
BLOCK = os.urandom(1 << 20)


def test_a_huge_upload_and_download_add_little_memory(make_server):
    server = make_server()
    study, series, sop = uids(3)
    head = ct_slice(study, series, sop, rows=1, columns=1, PixelData=b"")
    # Pixel Data with an honest length of nearly 4 GB (the most that 32 bits can say), as 1-row frames.
    length = min(int(GIGABYTES * 10**9), 0xFFFFFFFE) // len(BLOCK) * len(BLOCK)
    head = head[:head.rindex(b"\xe0\x7f\x10\x00")] + b"\xe0\x7f\x10\x00OW\0\0" + struct.pack("<I", length)
    before, peak_before = b'--B\r\nContent-Type: application/dicom\r\n\r\n' + head, server.resident_kb()
    after = b"\r\n--B--\r\n"
    digest = hashlib.sha256(head)

    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.putrequest("POST", "/dicom-web/studies")
    connection.putheader("Content-Type", 'multipart/related; type="application/dicom"; boundary=B')
    connection.putheader("Content-Length", str(len(before) + length + len(after)))
    connection.endheaders()
    connection.send(before)
    for _ in range(length // len(BLOCK)):
        connection.send(BLOCK)
        digest.update(BLOCK)
    connection.send(after)
    answer = connection.getresponse()
    body = answer.read()
    assert answer.status == 200, body[:500]
    upload_kb = server.resident_kb("VmHWM") - peak_before
    assert upload_kb < 64 * 1024, f"the upload added {upload_kb} kB"

    url = f"{server.dicomweb}/studies/{study}/series/{series}/instances/{sop}"
    got = hashlib.sha256()
    with requests.get(url, headers={"Accept": "application/dicom; transfer-syntax=*"}, stream=True) as download:
        assert download.status_code == 200
        assert int(download.headers["Content-Length"]) == len(head) + length
        for piece in download.iter_content(1 << 20):
            got.update(piece)
    assert got.digest() == digest.digest()
    both_kb = server.resident_kb("VmHWM") - peak_before
    assert both_kb < 128 * 1024, f"upload and download added {both_kb} kB"
    assert both_kb - upload_kb < 64 * 1024
    print(f"{length / 1e9:.1f} GB: upload +{upload_kb} kB, download +{both_kb - upload_kb} kB")
