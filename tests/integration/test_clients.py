"""Real clients: dicomweb-client as it is, and OHIF's requests replayed header by header."""

from __future__ import annotations

import io
import re

import pydicom
import pytest
import requests
from conftest import post_instance, split_multipart
from dicomweb_client.api import DICOMwebClient
from make_dicom import ct_slice, uids

JSON = {"Accept": "application/dicom+json"}
OHIF_FRAME = {"Accept": "multipart/related; type=application/octet-stream; transfer-syntax=*",
              "Accept-Encoding": "gzip, deflate, br, zstd"}


@pytest.fixture(scope="module")
def archive(gantry, tmp_path_factory):
    """A server with one study of two series, 5 and 3 slices, and one study whose series has no modality."""
    from conftest import Server

    server = Server(gantry, tmp_path_factory.mktemp("clients") / "data").start()
    study, first, second, other, other_series = uids(5)
    sops = uids(9)
    for number in range(5):
        assert post_instance(server, ct_slice(study, first, sops[number], number + 1, SeriesDescription="Axial")).status_code == 200
    for number in range(3):
        data = ct_slice(study, second, sops[5 + number], number + 1, SeriesNumber=2, Modality="MR", StudyDescription="Kopf nativ")
        assert post_instance(server, data).status_code == 200
    odd = ct_slice(other, other_series, sops[8], Modality="", PatientName="Müller^Jürgen", PatientID="GANTRY-2", StudyDate="20200101")
    assert post_instance(server, odd).status_code == 202  # every image has a modality (B007)
    server.study, server.series, server.sops, server.other = study, (first, second), sops, other
    yield server
    server.stop()


class TestDicomwebClient:
    @pytest.fixture
    def client(self, archive):
        return DICOMwebClient(url=archive.dicomweb)

    def test_lists_and_searches(self, archive, client):
        assert {item["0020000D"]["Value"][0] for item in client.search_for_studies()} == {archive.study, archive.other}
        found = client.search_for_studies(search_filters={"PatientName": "m*ller*"}, fields=["StudyDescription"])
        assert [item["00100020"]["Value"][0] for item in found] == ["GANTRY-2"]
        assert len(client.search_for_series(archive.study)) == 2
        assert len(client.search_for_instances(archive.study, archive.series[0])) == 5
        assert len(client.search_for_instances(archive.study, archive.series[0], limit=2, offset=4)) == 1
        assert client.search_for_studies(search_filters={"PatientID": "nobody"}) == []

    def test_retrieves_instances_frames_and_metadata(self, archive, client):
        slice_ = client.retrieve_instance(archive.study, archive.series[0], archive.sops[0])
        assert slice_.PatientID == "TEST-1"
        assert len(client.retrieve_series(archive.study, archive.series[1])) == 3
        assert len(client.retrieve_study(archive.study)) == 8
        (frame,) = client.retrieve_instance_frames(archive.study, archive.series[0], archive.sops[0], [1])
        assert frame == slice_.PixelData
        metadata = client.retrieve_study_metadata(archive.study)
        assert len(metadata) == 8
        again = pydicom.Dataset.from_json(client.retrieve_instance_metadata(archive.study, archive.series[0], archive.sops[0]),
                                          bulk_data_uri_handler=lambda uri: requests.get(archive.url + uri).content)
        assert again.PixelData == slice_.PixelData

    def test_stores(self, archive, client, make_server):
        server = make_server()
        study, series, sop = uids(3)
        answer = DICOMwebClient(url=server.dicomweb).store_instances([pydicom.dcmread(io.BytesIO(ct_slice(study, series, sop)))])
        assert answer.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == sop
        assert "FailedSOPSequence" not in answer

    def test_retrieves_bulk_data(self, archive, client):
        uri = f"{archive.dicomweb}/studies/{archive.study}/series/{archive.series[0]}/instances/{archive.sops[0]}/bulkdata/7FE00010"
        (data,) = client.retrieve_bulkdata(uri)
        assert data == client.retrieve_instance(archive.study, archive.series[0], archive.sops[0]).PixelData


class TestOhif:
    """The requests of OHIF 3.13.2, each with the headers that it sends."""

    FIELDS = "includefield=00081030%2C00080060%2C00080090%2C00100030"

    def list(self, archive, query=""):
        answer = requests.get(f"{archive.dicomweb}/studies?{query}limit=101&offset=0&fuzzymatching=true&{self.FIELDS}", headers=JSON)
        assert answer.status_code == 200
        return answer.json()

    def test_the_study_list_shows_what_it_reads(self, archive):
        listed = self.list(archive)
        assert [item["0020000D"]["Value"][0] for item in listed] == [archive.study, archive.other]  # newest first
        item = listed[0]
        assert item["00100010"]["Value"][0]["Alphabetic"] == "Test^Gantry"
        assert item["00081030"]["Value"] == ["Kopf nativ"]
        assert item["00080061"]["Value"] == ["CT", "MR"]
        assert int(item["00201208"]["Value"][0]) == 8

    def test_a_study_without_modality_leaves_modalities_in_study_out(self, archive):
        item = next(item for item in self.list(archive) if item["0020000D"]["Value"][0] == archive.other)
        assert "00080061" not in item

    @pytest.mark.parametrize("query, found", [
        ("PatientName=*m%C3%BCller*&", 1), ("PatientName=*MULLER*&", 1), ("PatientName=*Test%5EGantry*&", 1),
        ("00100020=*GANTRY-2*&", 1), ("00100020=GANTRY-2&", 1), ("AccessionNumber=*ACC*&", 2),
        ("StudyDescription=*kopf%20nat*&", 1), ("ModalitiesInStudy=MR&", 1), ("ModalitiesInStudy=MR%2CUS&", 1),
        ("StudyDate=20240101-20241231&", 1), ("StudyDate=19700102-20201231&", 1), ("PatientName=*100%25*&", 0),
        ("PatientName=*_*&", 0),
    ])
    def test_each_filter_of_the_study_list(self, archive, query, found):
        assert len(self.list(archive, query)) == found

    def test_several_studies_by_uid_with_a_backslash(self, archive):
        listed = self.list(archive, f"StudyInstanceUID={archive.study}%5C{archive.other}&")
        assert len(listed) == 2

    def test_opening_a_study_end_to_end(self, archive):
        assert len(self.list(archive, f"StudyInstanceUID={archive.study}&")) == 1
        series = requests.get(f"{archive.dicomweb}/studies/{archive.study}/series?includefield=00080021%2C00080031%2C0008103E%2C00200011",
                              headers=JSON).json()
        assert [item["00200011"]["Value"][0] for item in series] == [1, 2]
        assert {"0020000D", "0020000E", "00080060", "00201209", "0008103E"} <= set(series[0])
        for item in series:
            uid = item["0020000E"]["Value"][0]
            answer = requests.get(f"{archive.dicomweb}/studies/{archive.study}/series/{uid}/metadata", headers=JSON)
            assert answer.status_code == 200 and answer.headers["Content-Encoding"] == "gzip"
            for instance in answer.json():
                assert {"00080018", "0020000D", "0020000E", "00280002", "00280004", "00280010", "00280011", "00280100", "00280101",
                        "00280102", "00280103"} <= set(instance)
        one = requests.get(f"{archive.dicomweb}/studies/{archive.study}/series?SeriesInstanceUID={archive.series[1]}", headers=JSON).json()
        assert len(one) == 1

    def test_a_frame_as_the_image_loader_parses_it(self, archive):
        answer = requests.get(f"{archive.dicomweb}/studies/{archive.study}/series/{archive.series[0]}/instances/{archive.sops[0]}/frames/1",
                              headers=OHIF_FRAME)
        assert answer.status_code == 200 and answer.headers["Content-Type"].startswith("multipart/related")
        boundary = re.search(r'boundary="?([^";]+)', answer.headers["Content-Type"]).group(1)
        # The loader looks for a literal "Content-Type:" and ends the data at the first "--boundary".
        head, _, rest = answer.content.partition(b"\r\n\r\n")
        assert b"Content-Type: application/octet-stream;transfer-syntax=1.2.840.10008.1.2.1" in head.replace(b"; ", b";")
        data = rest[:rest.index(b"\r\n--" + boundary.encode())]
        assert len(data) == 64 * 64 * 2

    def test_an_unknown_study_is_an_empty_list(self, archive):
        assert self.list(archive, "StudyInstanceUID=1.2.3.4.5&") == []
        answer = requests.get(f"{archive.dicomweb}/studies/1.2.3.4.5/series", headers=JSON)
        assert (answer.status_code, answer.json()) == (200, [])

    def test_bulk_data_as_one_octet_stream_and_as_multipart(self, archive):
        uri = f"{archive.dicomweb}/studies/{archive.study}/series/{archive.series[0]}/instances/{archive.sops[0]}/bulkdata/7FE00010"
        single = requests.get(uri, headers={"Accept": "application/octet-stream"})
        assert single.status_code == 200 and single.headers["Content-Type"].startswith("application/octet-stream")
        browser = requests.get(uri, headers={"Accept": "*/*"})
        assert browser.status_code == 200
        multi = requests.get(uri, headers={"Accept": 'multipart/related; type="application/octet-stream"'})
        (_, data), = split_multipart(multi)
        assert data == single.content
        part = requests.get(uri, headers={"Accept": "application/octet-stream", "Range": "bytes=10-19"})
        assert (part.status_code, part.content) == (206, single.content[10:20])

    def test_an_upload_as_the_browser_sends_it(self, archive, make_server):
        server = make_server()
        study, series, sop = uids(3)
        boundary = "14e83d91-5139-a4ac-c846-f11fb182e9ed"
        body = b"\r\n--%s\r\nContent-Type: application/dicom\r\n\r\n%s\r\n--%s--" % (
            boundary.encode(), ct_slice(study, series, sop), boundary.encode())  # leading CRLF, none at the end
        answer = requests.post(f"{server.dicomweb}/studies", data=body, headers={
            "Accept": "*/*", "Origin": server.url,
            "Content-Type": f'multipart/related; type="application/dicom"; boundary="{boundary}"'})
        assert answer.status_code == 200
        assert len(requests.get(f"{server.dicomweb}/studies").json()) == 1

    def test_cross_origin_preflight_and_errors_carry_cors_headers(self, archive):
        preflight = requests.options(f"{archive.dicomweb}/studies", headers={
            "Origin": "https://viewer.example", "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Headers": "authorization,content-type"})
        assert preflight.status_code in (200, 204)
        assert preflight.headers["Access-Control-Allow-Origin"] in ("*", "https://viewer.example")
        assert "authorization" in preflight.headers["Access-Control-Allow-Headers"].lower()
        wrong = requests.get(f"{archive.dicomweb}/studies?limit=many", headers={"Origin": "https://viewer.example"})
        assert wrong.status_code == 400 and "Access-Control-Allow-Origin" in wrong.headers
        assert "etag" in wrong.headers["Access-Control-Expose-Headers"].lower()

    def test_metadata_is_not_sent_twice(self, archive):
        url = f"{archive.dicomweb}/studies/{archive.study}/series/{archive.series[0]}/metadata"
        first = requests.get(url, headers=JSON)
        again = requests.get(url, headers={**JSON, "If-None-Match": first.headers["ETag"]})
        assert (again.status_code, again.content) == (304, b"")
        post_instance(archive, ct_slice(archive.study, archive.series[0], uids(1)[0], 9))
        changed = requests.get(url, headers={**JSON, "If-None-Match": first.headers["ETag"]})
        assert changed.status_code == 200 and len(changed.json()) == 6

    def test_wado_uri_gives_the_instance(self, archive):
        query = f"requestType=WADO&studyUID={archive.study}&seriesUID={archive.series[1]}&objectUID={archive.sops[5]}"
        answer = requests.get(f"{archive.url}/wado?{query}&contentType=application%2Fdicom&transferSyntax=*")
        assert answer.status_code == 200
        assert pydicom.dcmread(io.BytesIO(answer.content)).SOPInstanceUID == archive.sops[5]
        picture = requests.get(f"{archive.url}/wado?{query}")
        assert (picture.status_code, picture.headers["Content-Type"]) == (200, "image/jpeg")  # §9.1.2.2.1
        assert requests.get(f"{archive.url}/wado?requestType=WADO").status_code == 400


def test_delete_removes_instance_series_and_study(archive, make_server):
    server = make_server()
    study, first, second, one, two, three = uids(6)
    for series, sop in ((first, one), (first, two), (second, three)):
        assert post_instance(server, ct_slice(study, series, sop)).status_code == 200
    at = f"{server.dicomweb}/studies/{study}"
    assert requests.delete(f"{at}/series/{first}/instances/{one}").status_code == 204
    assert requests.delete(f"{at}/series/{first}/instances/{one}").status_code == 404
    assert requests.get(f"{at}/series/{first}/instances/{one}/metadata").status_code == 404
    assert requests.get(f"{server.dicomweb}/studies").json()[0]["00201208"]["Value"] == [2]
    assert requests.delete(f"{at}/series/{second}").status_code == 204
    assert len(requests.get(f"{at}/series").json()) == 1
    assert requests.delete(at).status_code == 204
    assert requests.get(f"{server.dicomweb}/studies").json() == []
    assert requests.get(f"{at}/metadata").status_code == 404
    assert post_instance(server, ct_slice(study, first, one)).status_code == 200
    assert requests.get(f"{server.dicomweb}/studies").json()[0]["00201208"]["Value"] == [1]
