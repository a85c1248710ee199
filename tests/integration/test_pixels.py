"""Pixels over HTTP by the real binary: decoded, transcoded and rendered, and what becomes of a codec process."""

from __future__ import annotations

import io
import os
import pathlib
import signal
import subprocess
import time

import numpy as np
import pytest
import requests
from conftest import corpus_folder, post_instance
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import FileDataset

EXPLICIT = "1.2.840.10008.1.2.1"
TARGETS = {
    "RLE": "1.2.840.10008.1.2.5",
    "JPEG-LS": "1.2.840.10008.1.2.4.80",
    "JPEG 2000": "1.2.840.10008.1.2.4.90",
    "HTJ2K": "1.2.840.10008.1.2.4.201",
    "HTJ2K RPCL": "1.2.840.10008.1.2.4.202",
}
NAMES = [
    "transfer-syntax/MR_small_jp2klossless.dcm",
    "transfer-syntax/emri_small_jpeg_ls_lossless.dcm",
    "ot-sc/SC_rgb_jpeg_gdcm.dcm",
    "wsi/sm_image_jpegls.dcm",
]


def read(body: bytes) -> FileDataset:
    return dcmread(io.BytesIO(body))


def url_of(server, data_set: FileDataset) -> str:
    return (
        f"{server.dicomweb}/studies/{data_set.StudyInstanceUID}/series/{data_set.SeriesInstanceUID}"
        f"/instances/{data_set.SOPInstanceUID}"
    )


@pytest.fixture(scope="module")
def files() -> dict[str, pathlib.Path]:
    found = {name: corpus_folder() / name for name in NAMES if (corpus_folder() / name).exists()}
    assert found, "the corpus has none of these files"
    return found


def test_lossless_instances_come_decoded_and_in_every_other_lossless_syntax(make_server, files):
    server = make_server()
    for name, path in files.items():
        stored = dcmread(path)
        assert post_instance(server, path.read_bytes()).status_code == 200, name
        answer = requests.get(url_of(server, stored), headers={"Accept": "application/dicom"})
        assert answer.status_code == 200, answer.text
        decoded = read(answer.content)
        assert decoded.file_meta.TransferSyntaxUID == EXPLICIT
        assert np.array_equal(decoded.pixel_array, stored.pixel_array), name
        for target, uid in TARGETS.items():
            answer = requests.get(url_of(server, stored), headers={"Accept": f"application/dicom; transfer-syntax={uid}"})
            assert answer.status_code == 200, (name, target, answer.text)
            transcoded = read(answer.content)
            assert transcoded.file_meta.TransferSyntaxUID == uid
            assert np.array_equal(transcoded.pixel_array, stored.pixel_array), (name, target)
            changed = {"PixelData", "PhotometricInterpretation", "PlanarConfiguration", "NumberOfFrames"}
            for element in stored:
                if element.keyword not in changed and element.tag.element != 0 and element.VR != "SQ":
                    assert transcoded.get(element.tag) is not None, (name, target, element)
                    assert transcoded[element.tag].value == element.value, (name, target, element)


def test_pictures_have_the_size_and_type_that_was_asked_for(make_server, files):
    server = make_server()
    path = next(iter(files.values()))
    stored = dcmread(path)
    assert post_instance(server, path.read_bytes()).status_code == 200
    url = url_of(server, stored)
    for accept, kind in (("image/jpeg", "JPEG"), ("image/png", "PNG"), ("image/gif", "GIF")):
        answer = requests.get(f"{url}/rendered", params={"viewport": "100,50"}, headers={"Accept": accept})
        assert answer.status_code == 200 and answer.headers["Content-Type"] == accept, answer.text
        picture = Image.open(io.BytesIO(answer.content))
        assert picture.format == kind and picture.size[0] <= 100 and picture.size[1] == 50
    part = requests.get(f"{url}/rendered", headers={"Accept": "image/jpeg", "Range": "bytes=0-9"})
    assert part.status_code == 206 and part.content[:2] == b"\xff\xd8"
    for level in (url, url.rsplit("/instances", 1)[0], url.rsplit("/series", 1)[0], f"{url}/frames/1"):
        assert Image.open(io.BytesIO(requests.get(f"{level}/thumbnail").content)).format == "JPEG"


def codec_processes(server) -> list[int]:
    found = []
    for status in pathlib.Path("/proc").glob("[0-9]*/status"):
        try:
            text = status.read_text()
        except OSError:  # it ended meanwhile
            continue
        if f"\nPPid:\t{server.pid()}\n" in text and text.startswith("Name:\tgantry-codec\n"):
            found.append(int(status.parent.name))
    return found


def test_a_codec_process_that_dies_is_replaced(make_server, files):
    server = make_server()
    path = next(iter(files.values()))
    stored = dcmread(path)
    assert post_instance(server, path.read_bytes()).status_code == 200
    frame = f"{url_of(server, stored)}/frames/1"
    answers = []
    for accept in TARGETS.values():
        before = codec_processes(server)
        for process in before:
            os.kill(process, signal.SIGKILL)
        # A frame of another syntax each time: none is in memory yet. The one that meets a dead process may fail, once for
        # each; whoever asks again is served.
        for _ in range(len(before) + 1):
            answer = requests.get(frame, headers={"Accept": f"*/*; transfer-syntax={accept}"})
            if answer.status_code == 200:
                break
        answers.append(answer.status_code)
    assert answers == [200] * len(TARGETS)
    assert requests.get(f"{server.url}/readyz").status_code == 200


def test_a_damaged_frame_fails_alone(make_server, files):
    server = make_server()
    path = files.get("transfer-syntax/emri_small_jpeg_ls_lossless.dcm")
    assert path, "the corpus has the file with ten frames"
    data = bytearray(path.read_bytes())
    begins = [at for at in range(len(data) - 3) if data[at : at + 3] == b"\xff\xd8\xff"]
    data[begins[1] + 40 : begins[2] - 40] = b"\x55" * (begins[2] - begins[1] - 80)
    stored = read(bytes(data))
    assert post_instance(server, bytes(data)).status_code == 200
    statuses = [
        requests.get(f"{url_of(server, stored)}/frames/{n}", headers={"Accept": "application/octet-stream"}).status_code
        for n in range(1, 11)
    ]
    assert statuses == [200, 406] + [200] * 8


def kept(server) -> list[pathlib.Path]:
    """Instances in other transfer syntaxes, in the object store."""
    return sorted((server.data / "objects").rglob("*.r[0-9][0-9]"))


def wait_for(what) -> None:
    while not what():
        time.sleep(0.05)


def whole(server) -> bool:
    command = [server.binary, "fsck", "--data", server.data, *server.index_flags(), *server.flags]
    return subprocess.run(command, capture_output=True).returncode == 0


def test_what_was_made_is_kept_and_goes_with_its_instance(make_server, files):
    server = make_server("--delete-object-grace", "1s")
    path = next(iter(files.values()))
    stored = dcmread(path)
    assert post_instance(server, path.read_bytes()).status_code == 200
    url = url_of(server, stored)
    accept = {"Accept": f"application/dicom; transfer-syntax={TARGETS['JPEG-LS']}"}
    made = requests.get(url, headers=accept)
    assert made.status_code == 200 and "Content-Length" not in made.headers, "it was made while it was sent"
    wait_for(lambda: len(kept(server)) == 1)
    again = requests.get(url, headers=accept)
    assert again.content == made.content and again.headers["ETag"] == made.headers["ETag"]
    assert int(again.headers["Content-Length"]) == len(made.content)
    part = requests.get(url, headers=accept | {"Range": "bytes=128-131"})
    assert (part.status_code, part.content) == (206, b"DICM")
    # A frame of an image with one frame has the whole image kept.
    assert requests.get(f"{url}/frames/1", headers={"Accept": f"*/*; transfer-syntax={TARGETS['RLE']}"}).status_code == 200
    wait_for(lambda: len(kept(server)) == 2)
    assert whole(server)

    # After a start, too.
    server.stop()
    server.start()
    assert requests.get(url, headers=accept).headers.get("Content-Length") == str(len(made.content))
    assert requests.delete(url).status_code == 204
    assert requests.get(url, headers=accept).status_code == 404
    wait_for(lambda: not kept(server))
    assert whole(server)


def test_a_tenant_takes_what_was_kept_along(make_server, files):
    server = make_server("--http-insecure-tenants")
    tenant = [server.binary, "tenant"]
    where = ["--data", server.data, *server.index_flags(), *server.flags]
    subprocess.run([*tenant, "create", "clinic-a", *where], check=True, capture_output=True)
    path = next(iter(files.values()))
    root = f"{server.url}/tenants/clinic-a/dicom-web"
    answer = requests.post(f"{root}/studies", data=path.read_bytes(), headers={"Content-Type": "application/dicom"})
    assert answer.status_code == 200, answer.text
    url = url_of(server, dcmread(path)).replace(server.dicomweb, root)
    accept = {"Accept": f"application/dicom; transfer-syntax={TARGETS['HTJ2K']}"}
    assert requests.get(url, headers=accept).status_code == 200
    wait_for(lambda: len(kept(server)) == 1)
    subprocess.run([*tenant, "delete", "clinic-a", "--yes", *where], check=True, capture_output=True)
    assert not kept(server)
    assert requests.get(url, headers=accept).status_code in (403, 404)


def test_there_is_room_for_so_many_bytes(make_server, files):
    most = 100_000
    server = make_server("--pixels-store-bytes", str(most), "--delete-object-grace", "1s")
    for path in files.values():
        assert post_instance(server, path.read_bytes()).status_code == 200

    def count(name: str) -> int:
        text = requests.get(f"{server.url}/metrics").text
        return int(next(line.split()[1] for line in text.splitlines() if line.startswith(f"{name} ")))

    largest = 0
    while count("gantry_renditions_removed_total") == 0:
        for path in files.values():
            for uid in TARGETS.values():
                accept = {"Accept": f"application/dicom; transfer-syntax={uid}"}
                answer = requests.get(url_of(server, dcmread(path)), headers=accept)
                assert answer.status_code == 200
                largest = max(largest, len(answer.content))
    # The one that crossed the line, and those that were on their way with it, are the most that there is beyond it.
    assert sum(each.stat().st_size for each in kept(server)) < most + 4 * largest
    assert whole(server)


def test_nothing_is_kept_where_nothing_may_be(make_server, files):
    server = make_server("--pixels-store-bytes", "0")
    path = next(iter(files.values()))
    assert post_instance(server, path.read_bytes()).status_code == 200
    for _ in range(2):
        answer = requests.get(
            url_of(server, dcmread(path)), headers={"Accept": f"application/dicom; transfer-syntax={TARGETS['JPEG-LS']}"}
        )
        assert answer.status_code == 200 and "Content-Length" not in answer.headers
    assert not kept(server)


def codestream(data: bytes) -> dict[str, int]:
    """What an HTJ2K codestream's main header says (ISO 15444-1 Annex A)."""
    assert data[:2] == b"\xff\x4f"
    said, at = {}, 2
    while data[at : at + 2] != b"\xff\x90":  # SOT
        marker, length = data[at : at + 2], int.from_bytes(data[at + 2 : at + 4], "big")
        body = data[at + 4 : at + 2 + length]
        if marker == b"\xff\x52":  # COD
            said["progression"], said["decompositions"] = body[1], body[5]
        said[marker.hex()] = at
        at += 2 + length
    return said


def test_every_image_has_an_htj2k_rendition_whose_beginning_is_the_image_at_a_low_resolution(make_server, files):
    data = dcmread(files["transfer-syntax/emri_small_jpeg_ls_lossless.dcm"])
    native = sorted(corpus_folder().glob("ct/**/*.dcm"))[0]
    server = make_server()
    assert post_instance(server, files["transfer-syntax/emri_small_jpeg_ls_lossless.dcm"].read_bytes()).status_code == 200
    server.stop()
    # What was there before the setting gets one, too, and so does what is stored from then on.
    server.flags = ("--pixels-progressive",)
    server.start()
    wait_for(lambda: len(kept(server)) == 1)
    assert post_instance(server, native.read_bytes()).status_code == 200
    wait_for(lambda: len(kept(server)) == 2)
    assert {each.suffix for each in kept(server)} == {".r07"}
    assert whole(server)

    for stored, frames in ((data, 10), (dcmread(native), 1)):
        url = url_of(server, stored)
        metadata = requests.get(f"{url}/metadata").json()[0]
        assert TARGETS["HTJ2K RPCL"] in metadata["00083002"]["Value"]
        accept = {"Accept": f"image/jphc; transfer-syntax={TARGETS['HTJ2K RPCL']}"}
        for number in (1, frames):
            answer = requests.get(f"{url}/frames/{number}", headers=accept)
            assert answer.status_code == 200 and answer.headers["Accept-Ranges"] == "bytes"
            said = codestream(answer.content)
            assert said["progression"] == 2, "resolution, position, component, layer"
            assert "ff55" in said, "PS3.5 §10.18: tile-part lengths"
            first = requests.get(f"{url}/frames/{number}", headers=accept | {"Range": f"bytes=0-{len(answer.content) // 4}"})
            assert first.status_code == 206 and answer.content.startswith(first.content)
        transcoded = requests.get(url, headers={"Accept": f"application/dicom; transfer-syntax={TARGETS['HTJ2K RPCL']}"})
        assert int(transcoded.headers["Content-Length"]) == len(transcoded.content)
        assert np.array_equal(read(transcoded.content).pixel_array, stored.pixel_array)
        as_stored = requests.get(url, headers={"Accept": "application/dicom; transfer-syntax=*"})
        assert as_stored.status_code == 200
    assert as_stored.content == native.read_bytes(), "the original is what it was"
