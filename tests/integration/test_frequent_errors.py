"""What DICOMweb servers get wrong most, one by one, over HTTP. docs/conformance.md lists the points and which tests show each; these are
those that nothing else does."""

from __future__ import annotations

import io
import json
import re

import pydicom
import pytest
import requests
from conftest import Server, multipart, post_instance, split_multipart
from make_dicom import ct_slice, uids
from pydicom.dataset import Dataset

JSON = {"Accept": "application/dicom+json"}


def saved(dataset: Dataset) -> bytes:
    out = io.BytesIO()
    dataset.save_as(out, enforce_file_format=True)
    return out.getvalue()


class Archive:
    def __init__(self, gantry, folder):
        self.server = Server(gantry, folder / "data").start()
        self.study, self.series, *self.sops = uids(6)
        for number, sop in enumerate(self.sops, 1):
            assert post_instance(self.server, ct_slice(self.study, self.series, sop, number, StudyDescription="Köln")).status_code == 200
        self.web = self.server.dicomweb
        self.instance = f"{self.web}/studies/{self.study}/series/{self.series}/instances/{self.sops[0]}"


@pytest.fixture(scope="module")
def archive(gantry, tmp_path_factory):
    archive = Archive(gantry, tmp_path_factory.mktemp("errors"))
    yield archive
    assert archive.server.stop() == 0


TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
MULTIPART = re.compile(rf'multipart/related; type="({TOKEN}/{TOKEN})"; boundary=([0-9A-Za-z\'()+_,./:=?-]{{1,70}})')


def well_formed(answer: requests.Response) -> list[tuple[dict[str, str], bytes]]:
    """Parts of an answer that is multipart to the letter (RFC 2046, RFC 2387)."""
    head = MULTIPART.fullmatch(answer.headers["Content-Type"])
    assert head, answer.headers["Content-Type"]
    dashes = b"--" + head.group(2).encode()
    assert answer.content.startswith(dashes + b"\r\n"), "no preamble"
    assert answer.content.endswith(b"\r\n" + dashes + b"--\r\n"), "closed"
    parts = split_multipart(answer)
    assert parts, "no answer has no parts"
    for headers, _ in parts:
        assert headers["Content-Type"].split(";")[0] == head.group(1)
    assert int(answer.headers["Content-Length"]) == len(answer.content)
    return parts


def test_point_5_every_multipart_answer_is_one_to_the_letter(archive):
    plain = {"Accept-Encoding": "identity"}
    for path, accept, count, syntax in (
            (f"/studies/{archive.study}", "multipart/related; type=application/dicom", 4, True),
            (f"/studies/{archive.study}/series/{archive.series}", 'multipart/related; type="application/dicom"', 4, True),
            (archive.instance.removeprefix(archive.web), 'multipart/related; type="application/dicom"', 1, True),
            (archive.instance.removeprefix(archive.web) + "/frames/1", "multipart/related; type=application/octet-stream", 1, True),
            (archive.instance.removeprefix(archive.web) + "/bulkdata/7FE00010", "multipart/related; type=application/octet-stream", 1, True),
            (f"/studies/{archive.study}/bulkdata", "multipart/related; type=application/octet-stream", 4, True),
            (f"/studies/{archive.study}/pixeldata", "multipart/related; type=application/octet-stream", 4, True),
            (f"/studies/{archive.study}/metadata", 'multipart/related; type="application/dicom+xml"', 4, False),
            ("/instances?limit=3", 'multipart/related; type="application/dicom+xml"', 3, False)):
        answer = requests.get(archive.web + path, headers={"Accept": accept, **plain})
        assert answer.status_code == 200, (path, answer.text)
        if "Content-Length" not in answer.headers:  # made while it is sent
            answer.headers["Content-Length"] = str(len(answer.content))
        parts = well_formed(answer)
        assert len(parts) == count, path
        for headers, _ in parts:
            assert ("transfer-syntax=" in headers["Content-Type"]) == syntax, (path, headers)
            if "octet-stream" in accept:
                assert headers["Content-Location"].startswith("/dicom-web/studies/")
    for path in ("/studies/1.2.3", "/studies/1.2.3/bulkdata", "/studies/1.2.3/metadata"):
        assert requests.get(archive.web + path).status_code == 404, "no parts is no multipart"


def test_point_7_frame_lists(archive):
    frames = archive.instance + "/frames/"
    for wrong in ("0", "-1", "a", "1,", ",1", "1,,1", "1.0", "1-2", "1,1", "%201", "+1", "1;2"):
        assert requests.get(frames + wrong).status_code == 400, wrong
    for missing in ("2", "1,2", "4294967296", "99999999999999999999"):
        assert requests.get(frames + missing).status_code == 404, missing


def test_point_8_one_value_in_one_part_and_in_ranges(archive):
    url = archive.instance + "/bulkdata/7FE00010"
    whole = requests.get(url, headers={"Accept": "application/octet-stream"})
    assert whole.status_code == 200 and whole.headers["Accept-Ranges"] == "bytes" and len(whole.content) == 8192
    for field, status, content in (("bytes=0-9", 206, whole.content[:10]), ("bytes=8190-", 206, whole.content[8190:]),
                                   ("bytes=-5", 206, whole.content[-5:]), ("bytes=8000-99999", 206, whole.content[8000:]),
                                   ("bytes=8192-", 416, None), ("bytes=9-3", 200, whole.content), ("lines=1-2", 200, whole.content)):
        part = requests.get(url, headers={"Accept": "application/octet-stream", "Range": field})
        assert part.status_code == status, field
        if status == 206:
            assert part.content == content and re.fullmatch(r"bytes \d+-\d+/8192", part.headers["Content-Range"])
        elif status == 416:
            assert part.headers["Content-Range"] == "bytes */8192"
        else:
            assert part.content == content
    stale = requests.get(url, headers={"Accept": "application/octet-stream", "Range": "bytes=0-9", "If-Range": '"other"'})
    assert stale.status_code == 200 and stale.content == whole.content


def text_instance(charset: list[str] | str, **attributes) -> tuple[bytes, str, str, str]:
    study, series, sop = uids(3)
    dataset = pydicom.dcmread(io.BytesIO(ct_slice(study, series, sop)))
    dataset.SpecificCharacterSet = charset
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return saved(dataset), study, series, sop


CHARSETS = [("ISO_IR 100", "latin_1", "Größe straße ñ "), ("ISO_IR 144", "iso8859_5", "Здравствуйте "), ("GB18030", "gb18030", "联通影像中心 "),
            ("GBK", "gbk", "联通影像中心 "), ("ISO_IR 192", "utf_8", "Größe 影像 Ж ")]


@pytest.mark.parametrize("charset, codec, words", CHARSETS, ids=[charset[0] for charset in CHARSETS])
def test_points_11_and_12_text_is_utf_8_whatever_its_source_was_also_as_bulk_data(archive, charset, codec, words):
    """Long text is bulk data: the source's own bytes, whose character set the metadata name. Stored again from metadata and bulk data, it
    says the same in UTF-8."""
    long = words * (70_000 // len(words))
    data, study, series, sop = text_instance(charset, PatientComments=words * 3, TextValue=long)
    assert post_instance(archive.server, data).status_code == 200
    path = f"/studies/{study}/series/{series}/instances/{sop}"
    answer = requests.get(archive.web + path + "/metadata", headers=JSON)
    assert answer.headers["Content-Type"].startswith("application/dicom+json")
    metadata = json.loads(answer.content.decode("utf-8"))[0]
    assert metadata["00104000"]["Value"] == [(words * 3).rstrip()]
    assert metadata["00080005"]["Value"] == [charset], "as in the source (F.2.1.2)"
    assert "BulkDataURI" in metadata["0040A160"]
    bulk = requests.get(archive.server.url + metadata["0040A160"]["BulkDataURI"], headers={"Accept": "application/octet-stream"})
    assert bulk.content.decode(codec).rstrip("\0 ") == long.rstrip()
    found = requests.get(f"{archive.web}/studies?StudyInstanceUID={study}", headers=JSON).json()[0]
    assert "00080005" not in found, "searches are UTF-8 and nothing else"

    fresh = uids(1)[0]
    metadata["00080018"]["Value"] = [fresh]
    body = b"--B\r\nContent-Type: application/dicom+json\r\n\r\n" + json.dumps([metadata]).encode() + b"\r\n"
    for tag in ("0040A160", "7FE00010"):
        value = requests.get(archive.server.url + metadata[tag]["BulkDataURI"], headers={"Accept": "application/octet-stream"}).content
        body += f"--B\r\nContent-Type: application/octet-stream\r\nContent-Location: {metadata[tag]['BulkDataURI']}\r\n\r\n".encode() + value + b"\r\n"
    stored = requests.post(archive.web + "/studies", data=body + b"--B--\r\n",
                           headers={"Content-Type": 'multipart/related; type="application/dicom+json"; boundary=B', **JSON})
    assert stored.status_code == 200, stored.text
    again = requests.get(f"{archive.web}/studies/{study}/series/{series}/instances/{fresh}", headers={"Accept": "application/dicom; transfer-syntax=*"})
    kept = pydicom.dcmread(io.BytesIO(again.content))
    assert kept.SpecificCharacterSet == "ISO_IR 192" and kept.PatientComments == (words * 3).rstrip()
    assert kept.TextValue.rstrip() == long.rstrip()


def test_point_11_items_with_a_character_set_of_their_own(archive):
    study, series, sop = uids(3)
    dataset = pydicom.dcmread(io.BytesIO(ct_slice(study, series, sop)))
    item = Dataset()
    item.SpecificCharacterSet = "ISO_IR 144"
    item.RequestedProcedureDescription = "Люкceмбypг"
    dataset.RequestAttributesSequence = [item]
    assert post_instance(archive.server, saved(dataset)).status_code == 200
    metadata = requests.get(f"{archive.web}/studies/{study}/metadata", headers=JSON).json()[0]
    assert metadata["00400275"]["Value"][0]["00321060"]["Value"] == ["Люкceмбypг"]
    fresh = uids(1)[0]
    metadata["00080018"]["Value"] = [fresh]
    del metadata["7FE00010"]
    body = b"--B\r\nContent-Type: application/dicom+json\r\n\r\n" + json.dumps([metadata]).encode() + b"\r\n--B--\r\n"
    stored = requests.post(archive.web + "/studies", data=body, headers={"Content-Type": 'multipart/related; type="application/dicom+json"; boundary=B'})
    assert stored.status_code == 202, stored.text  # an image without pixels
    again = requests.get(f"{archive.web}/studies/{study}/series/{series}/instances/{fresh}/metadata", headers=JSON).json()[0]
    assert again["00400275"]["Value"][0]["00321060"]["Value"] == ["Люкceмбypг"]


def test_points_10_13_14_and_16_json_to_the_letter(archive):
    study, series, sop = uids(3)
    dataset = pydicom.dcmread(io.BytesIO(ct_slice(study, series, sop)))
    dataset.ReferringPhysicianName = ""
    dataset.ImageType = ["ORIGINAL", "", "AXIAL"]
    dataset.ReferencedImageSequence = [Dataset()]
    dataset.add_new(0x00280009, "AT", 0x00181063)
    dataset.add_new(0x00189306, "FD", 0.1)
    block = dataset.private_block(0x29, "SOMEONE", create=True)
    block.add_new(1, "UV", 2**63 + 1)
    dataset.add_new(0xFFFCFFFC, "OB", b"\1\2")  # behind Pixel Data
    data = saved(dataset)
    assert post_instance(archive.server, data).status_code == 200
    text = requests.get(f"{archive.web}/studies/{study}/metadata", headers=JSON).text

    def check(pairs: list[tuple[str, object]]) -> dict:
        if pairs and re.fullmatch(r"[0-9A-F]{8}", pairs[0][0]):
            tags = [tag for tag, _ in pairs]
            assert tags == sorted(set(tags)) and all(re.fullmatch(r"[0-9A-F]{8}", tag) for tag in tags)
            assert not any(tag.endswith("0000") or tag.startswith("0002") for tag in tags)
            assert all(re.fullmatch(r"[A-Z]{2}", attribute["vr"]) for _, attribute in pairs)
            assert all(attribute.get("Value") != [] for _, attribute in pairs)
        return dict(pairs)

    metadata = json.loads(text, object_pairs_hook=check, parse_constant=lambda name: pytest.fail(name))[0]
    assert metadata["00080090"] == {"vr": "PN"}
    assert metadata["00080008"]["Value"] == ["ORIGINAL", None, "AXIAL"]
    assert metadata["00081140"]["Value"] == [{}]
    assert metadata["00280009"]["Value"] == ["00181063"]
    assert metadata["00189306"]["Value"] == [0.1]
    assert metadata["00291001"]["Value"] == [str(2**63 + 1)], "no double holds it"
    assert metadata["FFFCFFFC"]["InlineBinary"] == "AQI="


def test_points_20_and_21_names_of_attributes(archive):
    def status(query: str) -> int:
        return requests.get(f"{archive.web}/studies?{query}", headers=JSON).status_code

    for good in ("PatientID=TEST-1", "00100020=TEST-1", "includefield=PatientID,00081030&includefield=StudyDescription", "includefield=all",
                 "includefield=PatientID%2C00081030", "RequestAttributesSequence.ScheduledProcedureStepID=*", "unknown=1", "_=12345"):
        assert status(good) in (200, 400 if "RequestAttributes" in good else 200), good
    ignored = requests.get(f"{archive.web}/studies?unknown=1", headers=JSON)
    assert ignored.headers["Warning"].startswith("299 ") and "unknown" in ignored.headers["Warning"]
    for wrong in ("PatientId=x", "Patientid=x", "0010002=x&00100020G=x", "00109999=x", "limit=-1", "limit=1e3", "offset=x", "fuzzymatching=maybe",
                  "StudyDate=2024", "StudyTime=99"):
        assert status(wrong) == (200 if wrong.startswith("0010002=") else 400), wrong


def test_point_23_lists_of_uids_by_comma_and_by_backslash(archive):
    one, two = archive.sops[:2]
    for between in (",", "%2C", "%5C"):
        found = requests.get(f"{archive.web}/instances?SOPInstanceUID={one}{between}{two}", headers=JSON).json()
        assert {hit["00080018"]["Value"][0] for hit in found} == {one, two}, between


def test_points_25_and_26_what_hits_of_each_level_have(archive):
    study = requests.get(f"{archive.web}/studies?StudyInstanceUID={archive.study}&includefield=Modality,SOPInstanceUID", headers=JSON).json()[0]
    required = {"00080020", "00080030", "00080050", "00080061", "00080090", "00081190", "00100010", "00100020", "00100030", "00100040", "0020000D",
                "00200010", "00201206", "00201208", "00080056"}
    assert required <= set(study), "Table 10.6.3-3, also where there is no value"
    assert not {"00080060", "00080018"} & set(study), "nothing of lower levels"
    assert (study["00201206"]["Value"], study["00201208"]["Value"], study["00080061"]["Value"]) == ([1], [4], ["CT"])
    series = requests.get(f"{archive.web}/series?PatientID=TEST-1&StudyInstanceUID={archive.study}", headers=JSON).json()[0]
    assert series["00100020"]["Value"] == ["TEST-1"] and "00201209" in series, "relational: the study's attributes, too"
    instance = requests.get(f"{archive.web}/instances?StudyInstanceUID={archive.study}", headers=JSON).json()[0]
    assert instance["00100020"]["Value"] == ["TEST-1"] and instance["00280010"]["Value"] == [64] and "00080060" in instance
    for hit in (study, series, instance):
        answer = requests.get(requests.compat.urljoin(archive.web, hit["00081190"]["Value"][0]) + "/metadata", headers=JSON)
        assert answer.status_code == 200, "RetrieveURL leads there"


def test_point_33_multipart_bodies_as_they_are_seen(archive):
    study, series = uids(2)

    def store(content_type: str, before: bytes, head: bytes, after: bytes) -> requests.Response:
        data = ct_slice(study, series, uids(1)[0])
        return requests.post(archive.web + "/studies", data=before + b"--B\r\n" + head + b"\r\n" + data + b"\r\n--B--" + after,
                             headers={"Content-Type": content_type, **JSON})

    typed = b"Content-Type: application/dicom\r\n"
    good = 'multipart/related; type="application/dicom"; boundary=B'
    for content_type, before, head, after in (
            (good, b"", typed, b"\r\n"), (good, b"", typed, b""), (good, b"\r\n", typed, b""), (good, b"a preamble\r\n", typed, b"\r\nan epilogue"),
            ("multipart/related; type=application/dicom; boundary=B", b"", typed, b""), ('multipart/related; boundary="B"; type="application/dicom"', b"", typed, b""),
            ("Multipart/Related; Type=\"Application/Dicom\"; Boundary=B", b"", typed, b""), ("multipart/related; boundary=B", b"", typed, b""),
            (good + "; transfer-syntax=1.2.840.10008.1.2.1", b"", typed, b""), (good, b"", b"", b""),
            (good, b"", b"content-type:application/dicom;transfer-syntax=*\r\nContent-Location: x\r\nMIME-Version: 1.0\r\n", b"")):
        answer = store(content_type, before, head, after)
        assert answer.status_code == 200, (content_type, before, head, after, answer.text)
    body, content_type = multipart([ct_slice(study, series, uids(1)[0])])
    lines = requests.post(archive.web + "/studies", data=body.replace(b"\r\n", b"\n", 2), headers={"Content-Type": content_type})
    assert lines.status_code == 400 and "line" in lines.text.lower(), "bare line feeds are refused with words (decision 4)"
    assert len(requests.get(f"{archive.web}/studies/{study}/instances").json()) == 11


def test_point_35_bodies_without_a_length_and_that_wait_for_a_word(archive):
    study, series, sop, other = uids(4)
    data = ct_slice(study, series, sop)
    chunked = requests.post(archive.web + "/studies", data=iter([data[:7], data[7:1000], data[1000:]]), headers={"Content-Type": "application/dicom"})
    assert chunked.status_code == 200 and chunked.request.headers["Transfer-Encoding"] == "chunked"
    waiting = requests.post(archive.web + "/studies", data=ct_slice(study, series, other), headers={"Content-Type": "application/dicom", "Expect": "100-continue"})
    assert waiting.status_code == 200
    refused = requests.post(archive.web + "/studies", data=data, headers={"Content-Type": "text/plain", "Expect": "100-continue"})
    assert refused.status_code == 415


def test_point_38_and_39_what_has_no_pixels_or_not_all_of_it(archive):
    study, series, sop = uids(3)
    dataset = pydicom.dcmread(io.BytesIO(ct_slice(study, series, sop)))
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.66"
    del dataset.PixelData
    assert post_instance(archive.server, saved(dataset)).status_code == 200
    path = f"{archive.web}/studies/{study}/series/{series}/instances/{sop}"
    for resource in ("/frames/1", "/pixeldata", "/bulkdata", "/bulkdata/7FE00010", "/bulkdata/00420011"):
        assert requests.get(path + resource).status_code == 404, resource
    for resource in ("", "/metadata"):
        assert requests.get(path + resource).status_code == 200, resource
    assert requests.delete(path).status_code == 204
    for resource in ("", "/metadata", "/frames/1"):
        assert requests.get(path + resource).status_code == 404, "what was deleted is not told apart from what never was"


def test_point_40_every_resource_answers_head_and_options_and_can_be_kept(archive):
    study = f"/studies/{archive.study}"
    series = f"{study}/series/{archive.series}"
    instance = f"{series}/instances/{archive.sops[0]}"
    paths = ["/studies", "/series", "/instances", study, series, instance, study + "/series", study + "/instances", series + "/instances",
             study + "/metadata", series + "/metadata", instance + "/metadata", instance + "/frames/1", instance + "/bulkdata/7FE00010",
             instance + "/bulkdata", series + "/bulkdata", study + "/bulkdata", instance + "/pixeldata", series + "/pixeldata", study + "/pixeldata"]
    for path in paths:
        url = archive.web + path
        got = requests.get(url)
        head = requests.head(url)
        assert got.status_code == head.status_code == 200 and head.content == b"", path
        for name in ("Content-Type", "ETag", "Content-Length"):
            assert got.headers.get(name) == head.headers.get(name), (path, name)
        assert re.fullmatch(r'(W/)?"[^"]+"', got.headers["ETag"]), path
        assert {"Accept", "Authorization"} <= {name.strip() for name in got.headers["Vary"].split(",")}, path
        assert got.headers["Cache-Control"] == "private, no-cache", path
        assert requests.get(url, headers={"If-None-Match": got.headers["ETag"]}).status_code == 304, path
        assert requests.get(url, headers={"If-None-Match": '"other"'}).status_code == 200, path
        options = requests.options(url)
        assert options.status_code == 204 and {"GET", "HEAD", "OPTIONS"} <= set(options.headers["Allow"].split(", ")), path
        wrong = requests.put(url, data=b"")
        assert wrong.status_code == 405 and "GET" in wrong.headers["Allow"], path
    before = requests.get(archive.web + study + "/metadata").headers["ETag"]
    extra = uids(1)[0]
    assert post_instance(archive.server, ct_slice(archive.study, archive.series, extra, 9)).status_code == 200
    assert requests.get(archive.web + study + "/metadata").headers["ETag"] != before, "what changed has another"
    assert requests.delete(f"{archive.web}{series}/instances/{extra}").status_code == 204
