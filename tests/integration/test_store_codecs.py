"""Metadata with compressed bulk data (PS3.18 §10.5.1.4, §10.5.2) for every codec that the small corpus has: what is stored from them is
read back frame by frame, bit by bit, under its own media type and transfer syntax."""

from __future__ import annotations

import copy
import io
import json
import pathlib
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pydicom
import pytest
import requests
from conftest import ROOT, Server, split_multipart
from make_dicom import uids
from pydicom.encaps import generate_frames

DATA = ROOT / "tests" / "data"
JSON = {"Accept": "application/dicom+json"}
# The Image Pixel Description Macro, which may be left out where an image says it itself (Table 10.5.2-1).
PIXEL_MACRO = ("00280002", "00280004", "00280006", "00280008", "00280010", "00280011", "00280100", "00280101", "00280102", "00280103")

# File, media type of its frames, transfer syntax; whether the codestream alone says the latter.
IMAGES = [
    ("us-study/I_000009.dcm", "image/jpeg", "1.2.840.10008.1.2.4.50", True),
    ("wsi/multi_frame_jpeg_camelyon_challenge_image.dcm", "image/jpeg", "1.2.840.10008.1.2.4.50", True),
    ("nm/JPGExtended.dcm", "image/jpeg", "1.2.840.10008.1.2.4.51", True),
    ("multiframe-fragments/CT0012.fragmented_no_bot_jpeg_baseline.51.dcm", "image/jpeg", "1.2.840.10008.1.2.4.51", True),
    ("transfer-syntax/CTImage.dcm_JPEGProcess6_8TransferSyntax_1.2.840.10008.1.2.4.53.dcm", "image/jpeg", "1.2.840.10008.1.2.4.53", False),
    ("transfer-syntax/CTImage.dcm_JPEGProcess10_12TransferSyntax_1.2.840.10008.1.2.4.55.dcm", "image/jpeg", "1.2.840.10008.1.2.4.55", True),
    ("multiframe-fragments/CT0012.not_fragmented_bot_jpeg_ls.80.dcm", "image/jls", "1.2.840.10008.1.2.4.80", True),
    ("transfer-syntax/emri_small_jpeg_ls_lossless.dcm", "image/jls", "1.2.840.10008.1.2.4.80", True),
    ("wsi/sm_image_jpegls.dcm", "image/jls", "1.2.840.10008.1.2.4.80", True),
    ("multiframe-fragments/CT0012.fragmented_no_bot_jpeg_ls.81.dcm", "image/jls", "1.2.840.10008.1.2.4.81", True),
    ("transfer-syntax/with_uids_JPEGLSNearLossless_16.dcm", "image/jls", "1.2.840.10008.1.2.4.81", True),
    ("transfer-syntax/MR_small_jp2klossless.dcm", "image/jp2", "1.2.840.10008.1.2.4.90", True),
    ("nm/JPEG2000.dcm", "image/jp2", "1.2.840.10008.1.2.4.91", True),
    ("transfer-syntax/htj2k_lossless_parity.dcm", "image/jphc", "1.2.840.10008.1.2.4.201", True),
    ("transfer-syntax/with_uids_HTJ2K_08_RGB.dcm", "image/jphc", "1.2.840.10008.1.2.4.203", True),
    ("transfer-syntax/rle_parity.dcm", "image/dicom-rle", "1.2.840.10008.1.2.5", False),
    ("made/extended_offset_table.dcm", "image/dicom-rle", "1.2.840.10008.1.2.5", False),
]
VIDEOS = [
    ("video/video_mpeg2_mpml.dcm", "video/mpeg", "1.2.840.10008.1.2.4.100"),
    ("video/video_h264_hp41.dcm", "video/mp4", "1.2.840.10008.1.2.4.102"),
    ("video/video_hevc_mp51.dcm", "video/mp4", "1.2.840.10008.1.2.4.107"),
]


@pytest.fixture(scope="module")
def server(gantry, tmp_path_factory):
    server = Server(gantry, tmp_path_factory.mktemp("codecs") / "data").start()
    yield server
    assert server.stop() == 0


class Instance:
    """A file as metadata and frames, under UIDs of its own."""

    def __init__(self, name: str):
        dataset = pydicom.dcmread(DATA / name)
        self.frames = [bytes(frame) for frame in generate_frames(dataset.PixelData, number_of_frames=int(dataset.get("NumberOfFrames", 1)))]
        self.study, self.series, self.sop = uids(3)
        dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID = self.study, self.series, self.sop
        self.original = copy.deepcopy(dataset)
        for keyword in ("PixelData", "ExtendedOffsetTable", "ExtendedOffsetTableLengths"):
            if keyword in dataset:
                delattr(dataset, keyword)
        self.metadata = {tag: value for tag, value in dataset.to_json_dict().items() if not tag.endswith("0000")}
        self.metadata["7FE00010"] = {"vr": "OB", "BulkDataURI": "urn:pixels"}

    def path(self) -> str:
        return f"/studies/{self.study}/series/{self.series}/instances/{self.sop}"

    def as_xml(self) -> bytes:
        """A Native DICOM Model of what matters here."""
        root = ElementTree.Element("NativeDicomModel", xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM")
        for tag, attribute in sorted(self.metadata.items()):
            if attribute["vr"] in ("SQ", "PN") or "InlineBinary" in attribute:
                continue
            node = ElementTree.SubElement(root, "DicomAttribute", tag=tag, vr=attribute["vr"])
            if "BulkDataURI" in attribute:
                ElementTree.SubElement(node, "BulkData", uri=attribute["BulkDataURI"])
            for number, value in enumerate(attribute.get("Value", []), 1):
                ElementTree.SubElement(node, "Value", number=str(number)).text = "" if value is None else str(value)
        return ElementTree.tostring(root)


def post(server, document: bytes, kind: str, parts: list[tuple[str, str, bytes]]) -> requests.Response:
    """`parts`: Content-Type, Content-Location, bytes."""
    body = b"--B\r\nContent-Type: %s\r\n\r\n%s\r\n" % (kind.encode(), document)
    for content_type, location, data in parts:
        body += f"--B\r\nContent-Type: {content_type}\r\nContent-Location: {location}\r\n\r\n".encode() + data + b"\r\n"
    return requests.post(server.dicomweb + "/studies", data=body + b"--B--\r\n",
                         headers={"Content-Type": f'multipart/related; type="{kind}"; boundary=B', **JSON})


def same_but_padding(kept: bytes, sent: bytes) -> bool:
    """Fragments have even lengths (PS3.5 A.4), so a NUL may follow."""
    return kept == sent or (len(sent) % 2 == 1 and kept == sent + b"\0")


def file_of(server, instance: Instance) -> pydicom.Dataset:
    answer = requests.get(server.dicomweb + instance.path(), headers={"Accept": "application/dicom; transfer-syntax=*"})
    assert answer.status_code == 200, answer.text
    return pydicom.dcmread(io.BytesIO(answer.content))


def check_frames(server, instance: Instance, media_type: str, syntax: str) -> None:
    numbers = ",".join(str(number) for number in range(1, len(instance.frames) + 1))
    answer = requests.get(f"{server.dicomweb}{instance.path()}/frames/{numbers}",
                          headers={"Accept": f'multipart/related; type="{media_type}"; transfer-syntax={syntax}'})
    assert answer.status_code == 200, answer.text
    assert re.search(f'type="{re.escape(media_type)}"', answer.headers["Content-Type"])
    parts = split_multipart(answer)
    assert len(parts) == len(instance.frames)
    for (headers, data), frame in zip(parts, instance.frames):
        assert headers["Content-Type"] == f"{media_type}; transfer-syntax={syntax}"
        assert same_but_padding(data, frame)
    one = requests.get(f"{server.dicomweb}{instance.path()}/frames/{len(instance.frames)}", headers={"Accept": f"{media_type}; transfer-syntax=*"})
    assert one.status_code == 200 and one.headers["Content-Type"] == f"{media_type}; transfer-syntax={syntax}"
    assert same_but_padding(one.content, instance.frames[-1])


@pytest.mark.parametrize("form", ["json", "xml"])
@pytest.mark.parametrize("name, media_type, syntax, says_itself", IMAGES, ids=[image[0] for image in IMAGES])
def test_10_5_2_frames_come_back_as_they_were_sent(server, name, media_type, syntax, says_itself, form):
    instance = Instance(name)
    content_type = media_type if says_itself else f"{media_type}; transfer-syntax={syntax}"
    document = json.dumps([instance.metadata]).encode() if form == "json" else instance.as_xml()
    answer = post(server, document, f"application/dicom+{form}", [(content_type, "urn:pixels", frame) for frame in instance.frames])
    assert answer.status_code in (200, 202), answer.text
    check_frames(server, instance, media_type, syntax)
    kept = file_of(server, instance)
    assert kept.file_meta.TransferSyntaxUID == syntax
    for keyword in ("Rows", "Columns", "BitsAllocated", "BitsStored", "SamplesPerPixel", "PhotometricInterpretation", "PixelRepresentation"):
        assert kept.get(keyword) == instance.original.get(keyword), keyword
    assert kept.get("NumberOfFrames", 1) == instance.original.get("NumberOfFrames", 1)
    metadata = requests.get(server.dicomweb + instance.path() + "/metadata", headers=JSON).json()[0]
    for tag, value in instance.metadata.items():
        if tag in ("7FE00010", "00080005") or "BulkDataURI" in value or form == "xml":
            continue
        sent = [None if one == "" else one for one in value["Value"]] if "Value" in value else None
        assert metadata[tag].get("Value") == sent or value["vr"] in ("DS", "IS", "FL", "OB", "OW", "UN", "SQ", "PN"), (tag, value)


@pytest.mark.parametrize("name, media_type, syntax, says_itself", [image for image in IMAGES if image[3]], ids=[image[0] for image in IMAGES if image[3]])
def test_10_5_2_what_an_image_says_itself_may_be_left_out(server, name, media_type, syntax, says_itself):
    instance = Instance(name)
    for tag in PIXEL_MACRO:
        instance.metadata.pop(tag, None)
    answer = post(server, json.dumps([instance.metadata]).encode(), "application/dicom+json",
                  [(media_type, "urn:pixels", frame) for frame in instance.frames])
    assert answer.status_code == 200, answer.text
    check_frames(server, instance, media_type, syntax)
    kept = file_of(server, instance)
    assert kept.file_meta.TransferSyntaxUID == syntax
    original = instance.original
    assert (kept.Rows, kept.Columns, kept.SamplesPerPixel) == (original.Rows, original.Columns, original.SamplesPerPixel)
    assert int(kept.get("NumberOfFrames", 1)) == len(instance.frames)
    assert kept.BitsStored <= kept.BitsAllocated and kept.HighBit == kept.BitsStored - 1
    decoded = not syntax.endswith(".55")  # pydicom has no decoder for progressive JPEG
    if decoded and kept.BitsStored == original.BitsStored and kept.PixelRepresentation == original.PixelRepresentation:
        assert np.array_equal(kept.pixel_array, original.pixel_array), "another reader makes the same picture of it"


@pytest.mark.parametrize("name, media_type, syntax", VIDEOS, ids=[video[0] for video in VIDEOS])
def test_10_5_2_a_video_comes_back_as_it_was_sent(server, name, media_type, syntax):
    dataset = pydicom.dcmread(DATA / name)
    stream = b"".join(pydicom.encaps.generate_fragments(dataset.PixelData[8 + int.from_bytes(dataset.PixelData[4:8], "little"):]))
    instance = Instance(name)
    answer = post(server, json.dumps([instance.metadata]).encode(), "application/dicom+json",
                  [(f"{media_type}; transfer-syntax={syntax}", "urn:pixels", stream)])
    assert answer.status_code in (200, 202), answer.text
    assert file_of(server, instance).file_meta.TransferSyntaxUID == syntax
    bulk = requests.get(f"{server.dicomweb}{instance.path()}/bulkdata/7FE00010", headers={"Accept": f"{media_type}; transfer-syntax=*"})
    assert bulk.status_code == 200, bulk.text
    assert bulk.headers["Content-Type"] == f"{media_type}; transfer-syntax={syntax}"
    assert same_but_padding(bulk.content, stream)
    part = requests.get(f"{server.dicomweb}{instance.path()}/bulkdata/7FE00010",
                        headers={"Accept": f"{media_type}; transfer-syntax=*", "Range": "bytes=100-299"})
    assert part.status_code == 206 and part.content == stream[100:300]
    refused = requests.get(f"{server.dicomweb}{instance.path()}/frames/1")
    assert refused.status_code == 406, "a video has no frames by number"


def test_10_5_2_a_video_without_a_transfer_syntax_is_what_most_are(server):
    instance = Instance("video/video_h264_hp41.dcm")
    answer = post(server, json.dumps([instance.metadata]).encode(), "application/dicom+json", [("video/mp4", "urn:pixels", b"\0" * 1000)])
    assert answer.status_code in (200, 202), answer.text
    assert file_of(server, instance).file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.4.102"


@pytest.mark.parametrize("form", ["json", "xml"])
def test_10_5_2_a_pdf_of_the_corpus_comes_back_as_it_was_sent(server, form):
    dataset = pydicom.dcmread(DATA / "made/encapsulated_pdf.dcm")
    study, series, sop = uids(3)
    document = bytes(dataset.EncapsulatedDocument)
    metadata = {tag: value for tag, value in dataset.to_json_dict().items() if tag not in ("00420011", "00420012")}
    metadata |= {"0020000D": {"vr": "UI", "Value": [study]}, "0020000E": {"vr": "UI", "Value": [series]}, "00080018": {"vr": "UI", "Value": [sop]},
                 "00420011": {"vr": "OB", "BulkDataURI": "https://sender.example/a.pdf"}}
    made = Instance.__new__(Instance)
    made.metadata, made.study, made.series, made.sop = metadata, study, series, sop
    text = json.dumps([metadata]).encode() if form == "json" else made.as_xml()
    answer = post(server, text, f"application/dicom+{form}", [("application/pdf", "https://sender.example/a.pdf", document)])
    assert answer.status_code == 200, answer.text
    kept = requests.get(f"{server.dicomweb}{made.path()}/bulkdata/00420011", headers={"Accept": "application/pdf"})
    assert kept.status_code == 200 and kept.headers["Content-Type"] == "application/pdf"
    assert same_but_padding(kept.content, document)
    assert file_of(server, made).MIMETypeOfEncapsulatedDocument == "application/pdf"


def ct(**changes) -> Instance:
    instance = Instance("transfer-syntax/MR_small_jp2klossless.dcm")
    instance.metadata |= changes
    return instance


JP2 = "image/jp2"


def refused(answer: requests.Response, reason: int, words: str) -> None:
    assert answer.status_code == 409, answer.text
    failed = answer.json()["00081198"]["Value"][0]
    assert failed["00081197"]["Value"] == [reason], answer.text
    assert re.search(words, failed["00091001"]["Value"][0]), answer.text


def test_10_5_2_what_is_no_image_that_is_known_is_refused_with_words(server):
    instance = ct()
    document = json.dumps([instance.metadata]).encode()
    for content_type, data in (("image/jpeg", b"garbage" * 30), ("image/png", b"\x89PNG\r\n\x1a\n" + b"\0" * 50), ("image/gif", b"GIF89a" + b"\0" * 50),
                               ("image/x-unknown", b"x" * 30), ("text/plain", b"x" * 30)):
        answer = post(server, document, "application/dicom+json", [(content_type, "urn:pixels", data)])
        refused(answer, 0xC122, "transfer-syntax")
    unknown = post(server, document, "application/dicom+json", [(JP2 + "; transfer-syntax=1.2.3.4", "urn:pixels", instance.frames[0])])
    refused(unknown, 0xC122, "1.2.3.4")
    big = post(server, document, "application/dicom+json",
               [("application/octet-stream; transfer-syntax=1.2.840.10008.1.2.2", "urn:pixels", b"\0" * 8192)])
    refused(big, 0xC122, "little endian")


def test_10_5_2_the_bytes_count_not_what_they_are_called(server):
    """A JPEG 2000 image that is called JPEG is stored as JPEG 2000 (dcm4chee-arc-light#2051)."""
    instance = ct()
    answer = post(server, json.dumps([instance.metadata]).encode(), "application/dicom+json",
                  [("image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.50", "urn:pixels", instance.frames[0])])
    assert answer.status_code in (200, 202), answer.text
    check_frames(server, instance, JP2, "1.2.840.10008.1.2.4.90")


def test_10_5_2_parts_and_metadata_must_fit_together(server):
    instance = ct()
    document = json.dumps([instance.metadata]).encode()
    frame = (JP2, "urn:pixels", instance.frames[0])
    lost = ct(**{"00091002": {"vr": "OB", "BulkDataURI": "urn:nowhere"}})
    refused(post(server, json.dumps([lost.metadata]).encode(), "application/dicom+json", [frame]), 0xC000, "00091002 names a BulkDataURI")
    frames = ct(**{"00280008": {"vr": "IS", "Value": [3]}})
    refused(post(server, json.dumps([frames.metadata]).encode(), "application/dicom+json", [frame, frame]), 0xC000, "3 frames, but the parts are 2")
    rows = ct(**{"00280010": {"vr": "US", "Value": [512]}})
    warned = post(server, json.dumps([rows.metadata]).encode(), "application/dicom+json", [frame])
    assert warned.status_code == 202 and warned.json()["00081199"]["Value"][0]["00081196"]["Value"] == [0xB007], warned.text
    assert "(0028,0010)" in warned.text
    body = b"--B\r\nContent-Type: application/dicom+json\r\n\r\n" + document + b"\r\n--B\r\nContent-Type: image/jp2\r\n\r\nxx\r\n--B--\r\n"
    nameless = requests.post(server.dicomweb + "/studies", data=body, headers={"Content-Type": 'multipart/related; type="application/dicom+json"; boundary=B'})
    assert nameless.status_code == 400 and "Content-Location" in nameless.text
    mixed = post(server, instance.as_xml(), "application/dicom+json", [frame])
    assert mixed.status_code == 400, mixed.text
    for instance in (lost, frames):
        assert requests.get(f"{server.dicomweb}/studies/{instance.study}/metadata").status_code == 404, "nothing of it is left"


def test_every_codec_of_the_list_has_a_file():
    assert all((DATA / name).exists() for name, *_ in IMAGES + VIDEOS)
    assert {pathlib.Path(name).suffix for name, *_ in IMAGES} == {".dcm"}
