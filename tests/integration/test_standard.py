"""DICOMweb to the letter, over real HTTP: each test names the section of PS3.18 that it is about."""

from __future__ import annotations

import base64
import io
import json
import re
import xml.etree.ElementTree as ElementTree
import zipfile

import pydicom
import pytest
import requests
from conftest import Server, post_instance, split_multipart
from make_dicom import ct_slice, uids

JSON = {"Accept": "application/dicom+json"}


def a_slice(study: str, series: str, **attributes) -> bytes:
    return ct_slice(study, series, uids(1)[0], **attributes)


@pytest.fixture(scope="module")
def archive(gantry, tmp_path_factory):
    """Forty studies of one CT slice each, and one of CT and PT."""
    server = Server(gantry, tmp_path_factory.mktemp("standard") / "data").start()
    made = uids(90)
    for number in range(40):
        data = a_slice(made[number], made[40 + number], number=1, StudyDate=f"202401{number % 28 + 1:02}", PatientID=f"P{number:02}",
                        PatientName=f"Schneider{number:02}^Johannes", StudyTime=f"{number % 24:02}0000")
        assert post_instance(server, data).status_code == 200
    server.odd = made[80]
    names = ["100%_sure", "back'slash", 'quote"d', "Müller^Jürgen", "[a-z]+.*$"]
    for number, name in enumerate(names):
        data = a_slice(made[80], made[81 + number], PatientName="Odd^One", PatientID="ODD", Modality=["CT", "PT", "CT", "CT", "CT"][number],
                        SeriesDescription=name, StudyDate="20230101")
        assert post_instance(server, data).status_code == 200
    yield server
    server.stop()


def search(archive, query: str, status: int = 200) -> requests.Response:
    answer = requests.get(f"{archive.dicomweb}/{query}", headers=JSON)
    assert answer.status_code == status, answer.text
    return answer


class TestSearch:
    """PS3.18 §10.6, §8.3.4."""

    def test_8_3_4_4_pages_have_no_holes_and_say_what_is_left(self, archive):
        whole = [study["0020000D"]["Value"][0] for study in search(archive, "studies?limit=1000").json()]
        assert len(whole) == 41
        paged = []
        for offset in range(0, 41, 7):
            answer = search(archive, f"studies?limit=7&offset={offset}")
            paged += [study["0020000D"]["Value"][0] for study in answer.json()]
            left = 41 - len(paged)
            told = re.fullmatch(r"299 \S+: There are (\d+) additional results that can be requested", answer.headers.get("Warning", ""))
            assert int(told.group(1) if told else 0) == left
            assert answer.headers["X-Total-Count"] == "41"
        assert paged == whole

    def test_10_6_3_3_record_keys_walk_while_the_archive_grows(self, archive, make_server):
        server = make_server()
        made = uids(40)
        for number in range(12):
            assert post_instance(server, a_slice(made[number], made[20 + number], StudyDate=f"202402{number + 1:02}")).status_code == 200
        seen, key = [], ""
        while True:
            answer = requests.get(f"{server.dicomweb}/studies", params={"limit": "5", "PriorRecordKey": key}, headers=JSON)
            assert answer.status_code == 200, answer.text
            if not answer.json():
                break
            seen += [study["0020000D"]["Value"][0] for study in answer.json()]
            last = answer.json()[-1]["0008041B"]
            assert last["vr"] == "OB"
            key = base64.urlsafe_b64encode(base64.b64decode(last["InlineBinary"])).decode().rstrip("=")
            # A newer study comes in front of all others, and moves no page.
            newer = len(seen)
            assert post_instance(server, a_slice(made[12 + newer % 8], made[32 + newer % 8], StudyDate="20250101")).status_code == 200
        assert sorted(seen) == sorted(made[:12])
        assert requests.get(f"{server.dicomweb}/studies?PriorRecordKey=nonsense").status_code == 400

    def test_8_3_4_2_fuzzy_matching(self, archive):
        near = search(archive, "studies?PatientName=johanes%20schnieder07&fuzzymatching=true").json()
        assert "P07" in {study["00100020"]["Value"][0] for study in near}
        assert search(archive, "studies?PatientName=johanes%20mueller&fuzzymatching=true").json() == []
        assert search(archive, "studies?PatientName=johanes%20schnieder07").json() == []
        assert "Warning" not in search(archive, "studies?fuzzymatching=true&limit=100").headers

    def test_8_3_4_5_empty_value_matching(self, archive):
        assert len(search(archive, 'studies?AccessionNumber=""&emptyvaluematching=true').json()) + len(
            search(archive, "studies?AccessionNumber=?*&limit=100").json()) == 41
        assert search(archive, 'studies?AccessionNumber=""').json() == []

    def test_8_3_4_6_multiple_value_matching(self, archive):
        both = "studies?ModalitiesInStudy=CT%5CPT&multiplevaluematching=true"
        assert [study["0020000D"]["Value"][0] for study in search(archive, both).json()] == [archive.odd]
        assert len(search(archive, "studies?ModalitiesInStudy=CT%5CPT&limit=100").json()) == 41, "a list: any of them"

    @pytest.mark.parametrize("pattern, count", [("100%25_sure", 1), ("1%25", 0), ("100%25?sure", 1), ("*_sure", 1), ("100_*", 0), ("quote%22d", 1),
                                                ("back'slash", 1), ("' OR '1'='1", 0), ("[a-z]%2B.*$", 1), ("[a-z]*", 1), (".*", 0), ("m%C3%BCLLER*", 1),
                                                ("muller*", 1)])
    def test_10_6_1_2_only_star_and_question_mark_are_wildcards(self, archive, pattern, count):
        assert len(search(archive, f"studies/{archive.odd}/series?SeriesDescription={pattern}").json()) == count

    def test_10_6_1_2_dates_times_and_zones(self, archive):
        assert len(search(archive, "studies?StudyDate=20240105-20240107").json()) == 6
        assert len(search(archive, "studies?StudyDate=20240105-20240106&StudyTime=0500-").json()) == 3
        combined = "studies?StudyDate=20240105-20240106&StudyTime=0430-0430&combineddatetime=true"
        assert len(search(archive, combined).json()) == 1
        assert len(search(archive, "studies?StudyDate=20240105&TimezoneOffsetFromUTC=%2B0100").json()) == 2
        for wrong in ("StudyDate=20240230", "StudyTime=2561", "StudyDate=a-b", "TimezoneOffsetFromUTC=here", "StudyDate=20240107-20240105"):
            assert search(archive, f"studies?{wrong}", 400).text

    def test_10_6_1_1_sequences_by_path_and_private_attributes(self, make_server):
        server = make_server()
        study, series = uids(2)
        data = pydicom.dcmread(io.BytesIO(a_slice(study, series)))
        item = pydicom.Dataset()
        item.ScheduledProcedureStepID, item.RequestedProcedureID = "STEP", "PROC"
        data.RequestAttributesSequence = [item]
        block = data.private_block(0x29, "GANTRY TEST", create=True)
        block.add_new(1, "LO", "hidden")
        stream = io.BytesIO()
        data.save_as(stream)
        assert post_instance(server, stream.getvalue()).status_code == 200
        found = search(server, "series?00400275.00400009=STEP&includefield=00291001,RequestAttributesSequence").json()
        assert found[0]["00291001"]["Value"] == ["hidden"]
        assert found[0]["00400275"]["Value"][0]["00401001"]["Value"] == ["PROC"]
        assert search(server, "series?RequestAttributesSequence.ScheduledProcedureStepID=other").json() == []
        assert len(search(server, f"studies/{study}/instances?00291001=hid*").json()) == 1
        assert "00291001" in search(server, f"studies/{study}/instances?includefield=all").json()[0]

    def test_10_6_1_4_order(self, archive):
        names = [study["00100020"]["Value"][0] for study in search(archive, "studies?orderby=-PatientID&limit=3").json()]
        assert names == ["P39", "P38", "P37"]


class TestRetrieve:
    """PS3.18 §10.4, §8.7."""

    def test_8_7_3_a_study_as_an_archive_of_files(self, corpus_server, corpus):
        studies: dict[str, list] = {}
        for file, outcome in zip(corpus, corpus_server.outcomes):
            if outcome.status_code in (200, 202):
                studies.setdefault(file.study, []).append(file)
        study, files = max(studies.items(), key=lambda entry: len(entry[1]))
        answer = requests.get(f"{corpus_server.dicomweb}/studies/{study}", headers={"Accept": "application/zip; transfer-syntax=*"})
        assert answer.status_code == 200 and answer.headers["Content-Type"] == "application/zip"
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            assert archive.testzip() is None
            held = {archive.read(name) for name in archive.namelist()}
        assert all(file.read() in held for file in files)
        one = requests.get(f"{corpus_server.dicomweb}/studies/{study}/series/{files[0].series}", headers={"Accept": "application/zip"})
        assert one.status_code in (200, 406)
        if one.status_code == 200:
            with zipfile.ZipFile(io.BytesIO(one.content)) as archive:
                for name in archive.namelist():
                    assert pydicom.dcmread(io.BytesIO(archive.read(name)), force=False).file_meta.TransferSyntaxUID != "1.2.840.10008.1.2"

    def test_10_4_1_1_5_every_bulk_data_uri_gives_its_value_and_the_study_gives_all(self, corpus_server, corpus):
        seen = 0
        for file, outcome in zip(corpus, corpus_server.outcomes):
            if outcome.status_code not in (200, 202) or file.path.stat().st_size > 3_000_000:
                continue
            instance = f"{corpus_server.dicomweb}/studies/{file.study}/series/{file.series}/instances/{file.sop}"
            metadata = requests.get(instance + "/metadata", headers=JSON).json()[0]
            uris = set(re.findall(r'"BulkDataURI": "([^"]+)"', json.dumps(metadata)))
            everything = requests.get(instance + "/bulkdata", headers={"Accept": 'multipart/related; type="*/*"; transfer-syntax=*, */*'})
            if not uris:
                assert everything.status_code == 404
                continue
            assert everything.status_code == 200, everything.text
            located: dict[str, bytes] = {}
            for headers, data in split_multipart(everything):
                located[headers["Content-Location"]] = located.get(headers["Content-Location"], b"") + data
            assert set(located) == uris, file.name
            for uri in uris:
                single = requests.get(corpus_server.url + uri, headers={"Accept": "multipart/related; type=application/octet-stream; transfer-syntax=*"})
                if single.status_code == 200:
                    assert b"".join(data for _, data in split_multipart(single)) == located[uri], (file.name, uri)
                    seen += 1
        assert seen > 10

    def test_10_4_1_1_2_metadata_in_part(self, archive):
        url = f"{archive.dicomweb}/studies/{archive.odd}/metadata"
        part = requests.get(url, params={"includefield": "PatientID,00080060"}, headers=JSON).json()
        assert len(part) == 5 and set(part[0]) == {"00080016", "00080018", "00080060", "00100020", "0020000D", "0020000E"}
        xml = requests.get(url, params={"includefield": "PatientID"}, headers={"Accept": 'multipart/related; type="application/dicom+xml"'})
        assert len(split_multipart(xml)) == 5
        assert all(len(ElementTree.fromstring(data)) == 5 for _, data in split_multipart(xml))

    RESOURCES = {
        "": ["multipart/related; type=application/dicom", "*/*", "", "application/zip", 'multipart/related; type="application/dicom"; transfer-syntax=*',
             "multipart/*", "text/html, */*;q=0.1"],
        "/series/{series}": ["MULTIPART/RELATED; TYPE=\"APPLICATION/DICOM\"", "*/*", "application/zip; transfer-syntax=*"],
        "/series/{series}/instances/{sop}": ["application/dicom", "application/dicom; transfer-syntax=*", "application/*", "*/*",
                                             'multipart/related; transfer-syntax="1.2.840.10008.1.2.1"; type=application/dicom'],
        "/metadata": ["application/dicom+json", "application/json", "*/*", "", 'multipart/related; type="application/dicom+xml"', "application/dicom+xml",
                      "application/dicom+json;q=0.1, image/*", "garbage, application/json"],
        "/series/{series}/instances/{sop}/frames/1": ["multipart/related; type=application/octet-stream", "application/octet-stream", "*/*", "",
                                                      "multipart/related; type=application/octet-stream; transfer-syntax=*"],
        "/series/{series}/instances/{sop}/bulkdata/7FE00010": ["application/octet-stream", "*/*", "multipart/related; type=\"application/octet-stream\""],
        "/series/{series}/instances/{sop}/pixeldata": ["application/octet-stream", "*/*"],
        "/bulkdata": ["multipart/related; type=application/octet-stream", "*/*", ""],
        "/pixeldata": ["multipart/related; type=application/octet-stream", "*/*"],
    }

    @pytest.mark.parametrize("resource", RESOURCES)
    def test_8_7_every_form_of_accept_on_every_resource(self, archive, resource):
        series = search(archive, f"studies/{archive.odd}/series").json()[0]["0020000E"]["Value"][0]
        sop = search(archive, f"studies/{archive.odd}/series/{series}/instances").json()[0]["00080018"]["Value"][0]
        url = f"{archive.dicomweb}/studies/{archive.odd}" + resource.format(series=series, sop=sop)
        for accept in self.RESOURCES[resource]:
            answer = requests.get(url, headers={"Accept": accept})
            assert answer.status_code == 200, (accept, answer.text)
            in_query = requests.get(url, params={"accept": accept}, headers={"Accept": "image/none"} if accept else {"Accept": ""})
            assert in_query.status_code == 200, (accept, in_query.text)
            assert in_query.headers["Content-Type"].split(";")[0] == answer.headers["Content-Type"].split(";")[0]
        for accept in ("image/png", "text/html", "*/*;q=0", "multipart/related; type=image/none"):
            refused = requests.get(url, headers={"Accept": accept})
            assert refused.status_code == 406, accept
            assert re.search(r"application/|multipart/related", refused.text), "says what can be had"


def in_utf_8(metadata: dict) -> dict:
    """Metadata without what they say of their source's encoding, in items, too."""
    return {tag: {**value, "Value": [in_utf_8(item) for item in value["Value"]]} if value["vr"] == "SQ" and "Value" in value else value
            for tag, value in metadata.items() if tag != "00080005"}


class TestStore:
    """PS3.18 §10.5.1.2: metadata and bulk data apart."""

    def test_10_5_1_2_what_is_read_apart_is_stored_again_as_it_was(self, corpus_server, corpus, make_server):
        target = make_server()
        stored = 0
        for file, outcome in zip(corpus, corpus_server.outcomes):
            if outcome.status_code not in (200, 202) or file.path.stat().st_size > 1_000_000:
                continue
            path = f"/studies/{file.study}/series/{file.series}/instances/{file.sop}"
            instance = corpus_server.dicomweb + path
            metadata = requests.get(instance + "/metadata", headers=JSON).json()
            bulk = requests.get(instance + "/bulkdata", headers={"Accept": "*/*"})
            parts = split_multipart(bulk) if bulk.status_code == 200 else []
            xml = requests.get(instance + "/metadata", headers={"Accept": "application/dicom+xml"})
            documents = [("application/dicom+json", json.dumps(metadata).encode()), ("application/dicom+xml", split_multipart(xml)[0][1])]
            for kind, document in documents:
                body = b"--B\r\nContent-Type: %s\r\n\r\n%s\r\n" % (kind.encode(), document)
                for headers, data in parts:
                    body += b"--B\r\n" + b"".join(f"{name}: {value}\r\n".encode() for name, value in headers.items()) + b"\r\n" + data + b"\r\n"
                answer = requests.post(target.dicomweb + "/studies", data=body + b"--B--\r\n",
                                       headers={"Content-Type": f'multipart/related; type="{kind}"; boundary=B', **JSON})
                if answer.status_code == 409 and kind.endswith("xml"):
                    reasons = {item["00081197"]["Value"][0] for item in answer.json()["00081198"]["Value"]}
                    assert reasons == {0x0111}, (file.name, answer.text)  # other bytes than from JSON, as a kind of XML can't say all that JSON does
                    continue
                if answer.status_code == 409:
                    words = answer.text
                    assert re.search(r"too long for its VR|is no number|transfer", words), (file.name, words)
                    continue
                assert answer.status_code in (200, 202), (file.name, kind, answer.text)
            again = requests.get(target.dicomweb + path + "/metadata", headers=JSON)
            if again.status_code != 200:
                continue
            before, after = in_utf_8(metadata[0]), in_utf_8(again.json()[0])
            for tag, value in before.items():
                if tag == "00083002" or tag[4:] == "0000":  # (0008,3002) is the server's
                    continue
                if tag == "7FE00010" and after[tag]["vr"] == "OB":
                    value = {**value, "vr": "OB"}  # of compressed Pixel Data, whatever the file said (PS3.5 A.4)
                assert after.get(tag) == value, (file.name, tag)
            stored += 1
        assert stored > 20

    def test_10_5_1_2_a_pdf_becomes_a_document(self, make_server):
        server = make_server()
        study, series, sop = uids(3)
        metadata = [{"00080060": {"vr": "CS", "Value": ["DOC"]}, "00080016": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.104.1"]}, "00080018": {"vr": "UI", "Value": [sop]},
                     "0020000D": {"vr": "UI", "Value": [study]}, "0020000E": {"vr": "UI", "Value": [series]},
                     "00420011": {"vr": "OB", "BulkDataURI": "document"}}]
        pdf = b"%PDF-1.4 made up"
        body = (b"--B\r\nContent-Type: application/dicom+json\r\n\r\n" + json.dumps(metadata).encode() +
                b"\r\n--B\r\nContent-Type: application/pdf\r\nContent-Location: document\r\n\r\n" + pdf + b"\r\n--B--")
        answer = requests.post(server.dicomweb + "/studies", data=body, headers={"Content-Type": 'multipart/related; type="application/dicom+json"; boundary=B'})
        assert answer.status_code == 200, answer.text
        path = f"{server.dicomweb}/studies/{study}/series/{series}/instances/{sop}"
        document = requests.get(path + "/bulkdata/00420011", headers={"Accept": "application/pdf"})
        assert document.headers["Content-Type"] == "application/pdf" and document.content.rstrip(b"\0") == pdf
        part = requests.get(path + "/bulkdata/00420011", headers={"Accept": "application/octet-stream", "Range": "bytes=1-3"})
        assert part.status_code == 206 and part.content == b"PDF"


class TestCapabilities:
    """PS3.18 §8.9."""

    def test_8_9_the_service_root_describes_itself(self, archive):
        wadl = requests.options(archive.dicomweb + "/")
        assert wadl.status_code == 200 and wadl.headers["Content-Type"] == "application/vnd.sun.wadl+xml"
        paths = {node.get("path") for node in ElementTree.fromstring(wadl.content).iter("{http://wadl.dev.java.net/2009/02}resource")}
        assert "dicom-web/studies/{study}/series/{series}/instances/{instance}/frames/{frames}" in paths
        described = requests.options(archive.dicomweb, headers={"Accept": "application/json"}).json()
        assert described == requests.get(archive.url + "/openapi.json").json()
        assert set(described["paths"]) == {"/" + path for path in paths}
        assert requests.options(archive.dicomweb, headers={"Accept": "image/png"}).status_code == 406
        allowed = requests.options(archive.dicomweb + "/studies")
        assert allowed.status_code == 204 and "POST" in allowed.headers["Allow"]

    def test_every_described_path_is_a_route(self, archive):
        for path, item in requests.get(archive.url + "/openapi.json").json()["paths"].items():
            for method in item.keys() - {"parameters"}:
                filled = re.sub(r"\{[^}]+\}", "1", path)
                answer = requests.request("HEAD" if method == "get" else "OPTIONS", archive.url + filled)
                assert answer.status_code not in (405, 501), path
