"""What a store answers (PS3.18 §10.5.3, Annex I), and that nothing that is stored is changed (§10.5.2)."""

from __future__ import annotations

import io
import json
import xml.etree.ElementTree as ElementTree

import pydicom
import pytest
import requests
from conftest import post_instance
from make_dicom import ct_slice, uids

JSON = {"Accept": "application/dicom+json"}
COERCED, DISCARDED, MISMATCH = 0xB000, 0xB006, 0xB007


def edited(data: bytes, remove: str) -> bytes:
    dataset = pydicom.dcmread(io.BytesIO(data))
    delattr(dataset, remove)
    out = io.BytesIO()
    dataset.save_as(out, enforce_file_format=True)
    return out.getvalue()


def warnings_of(answer: requests.Response) -> list[int]:
    items = answer.json().get("00081199", {}).get("Value", [])
    return [item["00081196"]["Value"][0] for item in items if "00081196" in item]


def as_stored(server, study: str, series: str, sop: str) -> bytes:
    answer = requests.get(f"{server.dicomweb}/studies/{study}/series/{series}/instances/{sop}",
                          headers={"Accept": "application/dicom; transfer-syntax=*"})
    assert answer.status_code == 200, answer.text
    return answer.content


def post_metadata(server, instances: list[dict]) -> requests.Response:
    body = b"--B\r\nContent-Type: application/dicom+json\r\n\r\n" + json.dumps(instances).encode() + b"\r\n--B--\r\n"
    return requests.post(server.dicomweb + "/studies", data=body,
                         headers={"Content-Type": 'multipart/related; type="application/dicom+json"; boundary=B', **JSON})


def report(study: str, series: str, sop: str, **more) -> dict:
    return {"00080016": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.88.11"]}, "00080018": {"vr": "UI", "Value": [sop]},
            "00080060": {"vr": "CS", "Value": ["SR"]}, "0020000D": {"vr": "UI", "Value": [study]},
            "0020000E": {"vr": "UI", "Value": [series]}, "0040A040": {"vr": "CS", "Value": ["CONTAINER"]}, **more}


@pytest.fixture(scope="module")
def server(gantry, tmp_path_factory):
    from conftest import Server

    server = Server(gantry, tmp_path_factory.mktemp("answers") / "data").start()
    yield server
    assert server.stop() == 0


def test_10_5_3_1_what_lacks_what_its_class_asks_for_is_stored_as_it_is_with_b007(server):
    study, series, sop = uids(3)
    data = edited(ct_slice(study, series, sop), "Rows")
    answer = post_instance(server, data)
    assert answer.status_code == 202 and warnings_of(answer) == [MISMATCH], answer.text
    assert "(0028,0010)" in answer.text and "(0028,0010)" in answer.headers["Warning"]
    assert "00081198" not in answer.json(), "nothing failed"
    assert as_stored(server, study, series, sop) == data
    again = post_instance(server, data)
    assert again.status_code == 202 and warnings_of(again) == [MISMATCH], "the same again is said the same of"


def test_10_5_3_1_one_warning_among_many_is_202_and_of_that_one_alone(server):
    study, series, *sops = uids(5)
    parts = [ct_slice(study, series, sops[0]), edited(ct_slice(study, series, sops[1]), "BitsStored"), ct_slice(study, series, sops[2])]
    body = b"".join(b"--B\r\nContent-Type: application/dicom\r\n\r\n" + part + b"\r\n" for part in parts) + b"--B--\r\n"
    content_type = 'multipart/related; type="application/dicom"; boundary=B'
    answer = requests.post(server.dicomweb + "/studies", data=body, headers={"Content-Type": content_type, "Accept": "application/dicom+xml"})
    assert answer.status_code == 202 and answer.headers["Content-Type"] == "application/dicom+xml"
    tree = ElementTree.fromstring(answer.content)
    model = "{http://dicom.nema.org/PS3.19/models/NativeDICOM}"
    items = [item for sequence in tree if sequence.get("keyword") == "ReferencedSOPSequence" for item in sequence]
    reasons = [[value.text for attribute in item if attribute.get("keyword") == "WarningReason" for value in attribute.iter(model + "Value")]
               for item in items]
    assert reasons == [[], [str(MISMATCH)], []]
    for sop, part in zip(sops, parts):
        assert as_stored(server, study, series, sop) == part


def test_10_5_3_1_whoever_does_not_want_to_know_is_not_told(make_server):
    server = make_server("--store-check-sop-class=false")
    assert post_instance(server, edited(ct_slice(*uids(3)), "Rows")).status_code == 200


def test_10_5_3_3_elements_that_no_data_set_can_have_are_left_out_with_b006(server):
    study, series, sop = uids(3)
    answer = post_metadata(server, [report(study, series, sop, **{"00041130": {"vr": "CS", "Value": ["SET"]}})])
    assert answer.status_code == 202 and warnings_of(answer) == [DISCARDED], answer.text
    assert "(0004,1130)" in answer.text
    kept = pydicom.dcmread(io.BytesIO(as_stored(server, study, series, sop)))
    assert kept.ValueType == "CONTAINER" and 0x00041130 not in kept and 0x04000561 not in kept


def test_10_5_2_metadata_are_kept_with_the_values_that_were_sent(server):
    """Nothing is coerced: no B000, and no Original Attributes Sequence, which would say what had been."""
    study, series, sop = uids(3)
    sent = report(study, series, sop, **{
        "00080005": {"vr": "CS", "Value": ["ISO_IR 100"]}, "00080090": {"vr": "PN"},
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Müller^Jürgen"}]}, "00100020": {"vr": "LO", "Value": ["  P 1"]},
        "00080050": {"vr": "SH", "Value": ["A" * 16]}, "00101010": {"vr": "AS", "Value": ["030y"]},
        "00291001": {"vr": "LO", "Value": ["without its creator"]}, "00400275": {"vr": "SQ", "Value": [{}]}})
    answer = post_metadata(server, [sent])
    assert answer.status_code == 200 and warnings_of(answer) == [], answer.text
    kept = requests.get(f"{server.dicomweb}/studies/{study}/metadata", headers=JSON).json()[0]
    kept.pop("00083002", None)  # Available Transfer Syntax UID is the server's own
    expected = {**sent, "00080005": {"vr": "CS", "Value": ["ISO_IR 192"]}, "00100020": {"vr": "LO", "Value": ["P 1"]}}
    assert kept == expected, "the encoding of text is another, its characters are not (leading blanks of LO say nothing, PS3.5 §6.2)"


def test_10_5_2_no_file_of_the_corpus_is_changed_or_called_changed(corpus, corpus_server):
    """Bytes are compared by test_corpus.py, all of them; here what the answers say of them, against pydicom's reading."""
    warned = 0
    for file, answer in zip(corpus, corpus_server.outcomes):
        if answer.status_code not in (200, 202):
            continue
        assert (answer.status_code == 202) == bool(warnings_of(answer)), file.name
        assert set(warnings_of(answer)) <= {MISMATCH}, file.name
        lacking = lacking_by_pydicom(file.read())
        if lacking is None:
            continue
        assert bool(warnings_of(answer)) == bool(lacking), (file.name, lacking, answer.text)
        warned += bool(lacking)
        for tag in lacking:
            assert f"({tag >> 16:04X},{tag & 0xFFFF:04X})" in answer.text, (file.name, answer.text)
    assert warned > 0, "the corpus has files that lack something"


IMAGES = {"1", "1.1", "1.1.1", "1.2", "1.2.1", "1.3", "1.3.1", "2", "2.1", "2.2", "3.1", "4", "4.1", "4.3", "6.1", "6.2", "7", "12.1", "12.2", "20",
          "128", "77.1.1", "77.1.4", "481.1"}
STORAGE = "1.2.840.10008.5.1.4.1.1."


def lacking_by_pydicom(data: bytes) -> set[int] | None:
    """The same question asked of another reader; None: it can't read the file."""
    try:
        dataset = pydicom.dcmread(io.BytesIO(data))
        sop_class = str(dataset.SOPClassUID)
        present = {int(tag) for tag in dataset.keys() if (dataset.get_item(tag).value not in (None, b"", "", []))}
    except Exception:  # noqa: BLE001: whatever keeps pydicom from reading it
        return None
    if not sop_class.startswith(STORAGE):
        return set()
    name = sop_class[len(STORAGE):]
    wanted = {0x00080060}
    if 0x7FE00010 in present:
        wanted |= {0x00280002, 0x00280004, 0x00280010, 0x00280011, 0x00280100, 0x00280101, 0x00280102, 0x00280103}
    if present & {0x7FE00008, 0x7FE00009}:
        wanted |= {0x00280002, 0x00280004, 0x00280010, 0x00280011, 0x00280100}
    if name in IMAGES and not present & {0x7FE00008, 0x7FE00009, 0x7FE00010, 0x00287FE0}:
        wanted.add(0x7FE00010)
    if name in {"104.1", "104.2", "104.3"}:
        wanted |= {0x00420011, 0x00420012}
    if name in {"88.11", "88.22", "88.33", "88.34", "88.59"}:
        wanted.add(0x0040A040)
    if name in {"9.1.1", "9.1.2", "9.1.3", "9.2.1", "9.3.1"}:
        wanted.add(0x54000100)
    return wanted - present


def test_10_5_3_2_location_names_what_was_made(server):
    study, series, sop = uids(3)
    data = ct_slice(study, series, sop)
    answer = post_instance(server, data)
    assert answer.headers["Location"] == f"{server.dicomweb}/studies/{study}/series/{series}/instances/{sop}"
    assert requests.get(answer.headers["Location"] + "/metadata").status_code == 200
    assert "Location" not in post_instance(server, data).headers, "nothing was made"


def test_10_5_3_1_every_status_of_the_table(server):
    """200, 202, 400, 409, 415 (and 413, 503 elsewhere), with the reasons of Table I.2-2 where instances failed."""
    study, series, sop, other = uids(4)
    good = ct_slice(study, series, sop)
    cut = ct_slice(study, series, other)[:-9]
    single = {"Content-Type": "application/dicom"}
    assert requests.post(server.dicomweb + "/studies", data=good, headers=single).status_code == 200
    broken = b"--B\r\nContent-Type: application/dicom\r\n\r\n" + good + b"\r\n--B\r\nContent-Type: application/dicom\r\n\r\n" + cut + b"\r\n--B--"
    some = requests.post(server.dicomweb + "/studies", data=broken, headers={"Content-Type": 'multipart/related; type="application/dicom"; boundary=B'})
    assert some.status_code == 202
    assert [item["00081197"]["Value"] for item in some.json()["00081198"]["Value"]] == [[0xC000]]
    none = requests.post(server.dicomweb + "/studies", data=cut, headers=single)
    assert none.status_code == 409 and "00081199" not in none.json()
    assert requests.post(server.dicomweb + "/studies", data=good, headers={"Content-Type": "multipart/related"}).status_code == 400
    assert requests.post(server.dicomweb + "/studies", data=good, headers={"Content-Type": "text/plain"}).status_code == 415
    elsewhere = requests.post(f"{server.dicomweb}/studies/{other}", data=good, headers=single)
    assert elsewhere.status_code == 409 and elsewhere.json()["00081198"]["Value"][0]["00081197"]["Value"] == [0xA900]
