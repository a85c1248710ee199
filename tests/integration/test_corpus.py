"""The main job on real files: what is stored, refused, counted, found, and given back bit for bit."""

from __future__ import annotations

import json
import re
import subprocess
from collections import defaultdict

import pydicom
import pytest
import requests
from conftest import CorpusFile, split_multipart
from pydicom.encaps import generate_frames
from pydicom.pixels.utils import get_expected_length

ANY_SYNTAX = {"Accept": 'multipart/related; type="application/dicom"; transfer-syntax=*'}


# Where INDEX.tsv is wrong; docs/conformance.md says why.
ACCEPTED_ALL_THE_SAME = {"oddities-derived/uid_meta_dataset_mismatch.dcm"}


def must_be_taken(file: CorpusFile) -> bool:
    return file.accept or file.name in ACCEPTED_ALL_THE_SAME


def kept_files(corpus: list[CorpusFile]) -> dict[str, CorpusFile]:
    """The instances that an archive holds after all files were sent in order: of several files with one SOP Instance
    UID the first is kept."""
    kept: dict[str, CorpusFile] = {}
    for file in corpus:
        if must_be_taken(file):
            kept.setdefault(file.sop, file)
    return kept


def instance_url(file: CorpusFile) -> str:
    return f"/studies/{file.study}/series/{file.series}/instances/{file.sop}"


def test_each_file_is_taken_or_refused_as_the_index_says(corpus, corpus_server):
    wrong = []
    first: dict[str, CorpusFile] = {}
    for file, answer in zip(corpus, corpus_server.outcomes):
        body = answer.json() if answer.content else {}
        if not must_be_taken(file):
            ok = answer.status_code in (400, 409) and "00081198" in body
        elif file.sop not in first:
            first[file.sop] = file
            ok = answer.status_code in (200, 202) and "00081199" in body and "00081198" not in body
        elif answer.status_code == 409:
            reason = body["00081198"]["Value"][0]["00081197"]["Value"][0]
            ok = reason == 0x0111
        else:  # the same data set again is success
            ok = answer.status_code in (200, 202)
        if not ok:
            wrong.append((file.name, file.accept, answer.status_code, answer.text[:300]))
    assert not wrong, "\n".join(map(str, wrong))


def test_refusals_say_why(corpus, corpus_server):
    silent = []
    for file, answer in zip(corpus, corpus_server.outcomes):
        if must_be_taken(file):
            continue
        failed = answer.json()["00081198"]["Value"][0]
        assert failed["00081197"]["Value"][0] in (0xC000, 0xC122, 0x0122, 0xA900), file.name
        text = answer.text + " ".join(answer.headers.get("Warning", "").split())
        if not re.search(r"[A-Za-z]{4,}.*[A-Za-z]{3,}", re.sub(r'"vr"|"Value"', "", text)):
            silent.append((file.name, answer.text[:200]))
    assert not silent, silent


def test_the_index_holds_exactly_the_accepted_instances_with_right_counts(corpus, corpus_server):
    kept = kept_files(corpus)
    listed = requests.get(corpus_server.dicomweb + "/instances?limit=1000&includefield=00080018").json()
    assert sorted(item["00080018"]["Value"][0] for item in listed) == sorted(kept)

    series_of: dict[str, set] = defaultdict(set)
    count: dict[tuple, int] = defaultdict(int)
    for file in kept.values():
        series_of[file.study].add(file.series)
        count[file.study,] += 1
        count[file.study, file.series] += 1
    studies = requests.get(corpus_server.dicomweb + "/studies?limit=1000").json()
    assert sorted(item["0020000D"]["Value"][0] for item in studies) == sorted(series_of)
    for item in studies:
        study = item["0020000D"]["Value"][0]
        assert item["00201206"]["Value"] == [len(series_of[study])]
        assert item["00201208"]["Value"] == [count[study,]]
        series = requests.get(f"{corpus_server.dicomweb}/studies/{study}/series").json()
        assert {entry["0020000E"]["Value"][0]: entry["00201209"]["Value"][0] for entry in series} == {
            uid: count[study, uid] for uid in series_of[study]
        }


def test_every_accepted_instance_comes_back_bit_exact(corpus, corpus_server):
    different = []
    for file in kept_files(corpus).values():
        answer = requests.get(corpus_server.dicomweb + instance_url(file), headers=ANY_SYNTAX)
        assert answer.status_code == 200, (file.name, answer.status_code, answer.text[:200])
        (headers, data), = split_multipart(answer)
        if data != file.read():
            different.append(file.name)
        assert re.match(r"application/dicom; *transfer-syntax=", headers["Content-Type"]), headers
    assert not different


def test_a_study_and_a_series_come_back_whole(corpus, corpus_server):
    kept = kept_files(corpus)
    by_study: dict[str, dict[str, CorpusFile]] = defaultdict(dict)
    for sop, file in kept.items():
        by_study[file.study][sop] = file
    for study, files in sorted(by_study.items(), key=lambda item: -len(item[1]))[:6]:
        answer = requests.get(f"{corpus_server.dicomweb}/studies/{study}", headers=ANY_SYNTAX)
        assert answer.status_code == 200
        assert sorted(data for _, data in split_multipart(answer)) == sorted(file.read() for file in files.values())
        series = next(iter(files.values())).series
        answer = requests.get(f"{corpus_server.dicomweb}/studies/{study}/series/{series}", headers=ANY_SYNTAX)
        assert len(split_multipart(answer)) == sum(file.series == series for file in files.values())


def number_of_frames(data: pydicom.Dataset) -> int:
    """One where it is absent, empty or no number."""
    text = str(data.get("NumberOfFrames") or 1)
    return int(text) if text.isdigit() else 1


def native_frames(data: pydicom.Dataset) -> list[bytes]:
    """Frames of native Pixel Data, cut with pydicom's own idea of a frame's length, in little endian."""
    element = next(data[k] for k in ("PixelData", "FloatPixelData", "DoubleFloatPixelData") if k in data)
    count = number_of_frames(data)
    value = element.value
    if data.BitsAllocated == 1:
        bits = data.Rows * data.Columns * data.SamplesPerPixel
        all_bits = "".join(f"{byte:08b}"[::-1] for byte in value)
        frames = []
        for index in range(count):
            cut = all_bits[index * bits:(index + 1) * bits]
            cut += "0" * (-len(cut) % 8)
            frames.append(bytes(int(cut[i:i + 8][::-1], 2) for i in range(0, len(cut), 8)))
        return frames
    if data.original_encoding[1] is False:  # big endian: words are swapped, which two samples of 8 bits share in OW
        word = {"OB": 1, "OF": 4, "OD": 8, "OW": max(2, data.BitsAllocated // 8)}[element.VR]
        value = b"".join(value[at:at + word][::-1] for at in range(0, len(value), word))
    data.NumberOfFrames = count
    length = get_expected_length(data) // count
    return [value[index * length:(index + 1) * length] for index in range(count)]


def expected_frames(path) -> list[bytes] | None:
    """The frames as pydicom sees them; None where there are none, or where pydicom can't tell."""
    data = pydicom.dcmread(path)
    if not any(data.get(keyword) for keyword in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")):
        return None
    if "PixelData" in data and data["PixelData"].is_undefined_length:
        extended = None
        if "ExtendedOffsetTable" in data:
            extended = (data.ExtendedOffsetTable, data.ExtendedOffsetTableLengths)
        return list(generate_frames(data.PixelData, number_of_frames=number_of_frames(data), extended_offsets=extended))
    return native_frames(data)


# What pydicom can't cut, and why. A file that is not listed here must agree.
NO_ORACLE = {
    "oddities/GH177_D_CLUNIE_CT1_IVRLE_BigEndian_undefined_length.dcm": "pydicom fails to read it",
    "oddities-derived/rows_cols_65535.dcm": "the value is shorter than one frame; see the test below",
}


def test_every_frame_equals_the_bytes_that_pydicom_extracts(corpus, corpus_server):
    wrong, compared = [], 0
    accept = {"Accept": "multipart/related; type=application/octet-stream; transfer-syntax=*"}  # OHIF's, to the letter
    for file in kept_files(corpus).values():
        if file.name in NO_ORACLE or file.name.startswith("video/"):
            continue  # of a video, frames can't be had by number; see the test below
        frames = expected_frames(file.path)
        if frames is None:
            answer = requests.get(f"{corpus_server.dicomweb}{instance_url(file)}/frames/1", headers=accept)
            assert answer.status_code in (404, 406), (file.name, answer.status_code)
            continue
        numbers = range(1, len(frames) + 1) if len(frames) <= 12 else [1, 2, len(frames) // 2, len(frames)]
        for number in numbers:
            answer = requests.get(f"{corpus_server.dicomweb}{instance_url(file)}/frames/{number}", headers=accept)
            if answer.status_code != 200:
                wrong.append((file.name, number, answer.status_code, answer.text[:200]))
                continue
            (headers, data), = split_multipart(answer)
            compared += 1
            expected = frames[number - 1]
            # The last fragment's pad byte belongs to the item, not to the codestream: either is right.
            if data != expected and data != expected.rstrip(b"\0") and data.rstrip(b"\0") != expected.rstrip(b"\0"):
                wrong.append((file.name, number, len(data), len(expected), headers))
            assert "transfer-syntax=" in headers["Content-Type"], headers
        beyond = requests.get(f"{corpus_server.dicomweb}{instance_url(file)}/frames/{len(frames) + 1}", headers=accept)
        assert beyond.status_code == 404, (file.name, beyond.status_code)
    assert compared > 10
    assert not wrong, "\n".join(map(str, wrong))


def test_a_video_has_no_frames_by_number_but_comes_back_as_bulk_data(corpus, corpus_server):
    videos = [file for file in kept_files(corpus).values() if file.name.startswith("video/")]
    if not videos:
        pytest.skip("not in the small corpus")
    for file in videos:
        assert requests.get(f"{corpus_server.dicomweb}{instance_url(file)}/frames/1").status_code == 406, file.name
        whole = requests.get(f"{corpus_server.dicomweb}{instance_url(file)}/bulkdata/7FE00010")
        assert whole.status_code == 200 and len(whole.content) > 1000, file.name


def test_frames_of_an_instance_with_absurd_dimensions_fail_cleanly(corpus, corpus_server, make_server):
    files = [file for file in corpus if file.name.endswith("rows_cols_65535.dcm")]
    if not files:
        pytest.skip("not in the small corpus")
    server = make_server()
    from conftest import post_instance
    assert post_instance(server, files[0].read()).status_code in (200, 202)
    answer = requests.get(f"{server.dicomweb}{instance_url(files[0])}/frames/1")
    assert answer.status_code in (404, 406) and len(answer.text) > 20


def test_metadata_is_that_of_the_file_at_all_three_levels(corpus, corpus_server, tmp_path):
    """The conformance tests hold our JSON against two oracles; here the server must give just that JSON."""
    kept = kept_files(corpus)
    wrong = []
    for file in kept.values():
        answer = requests.get(corpus_server.dicomweb + instance_url(file) + "/metadata")
        assert answer.status_code == 200, file.name
        assert answer.headers["Content-Type"].startswith("application/dicom+json")
        (item,) = answer.json()
        assert list(item) == sorted(item), file.name
        assert item["00080018"]["Value"] == [file.sop]
        if file.name not in NO_ORACLE:
            data = pydicom.dcmread(file.path)
            # (0008,3002) is the server's: what the instance can be had in (PS3.18 §10.4.1.1.2).
            assert item["00083002"]["Value"], file.name
            ours = {tag for tag in item} - {"00083002"}
            theirs = {f"{element.tag:08X}" for element in data if element.tag.element != 0} - {"00083002"}
            if ours != theirs:
                wrong.append((file.name, sorted(ours ^ theirs)))
    assert not wrong, wrong
    for study in sorted({file.study for file in kept.values()})[:40]:
        whole = requests.get(f"{corpus_server.dicomweb}/studies/{study}/metadata").json()
        assert {item["00080018"]["Value"][0] for item in whole} == {sop for sop, file in kept.items() if file.study == study}


def test_every_bulk_data_uri_resolves(corpus, corpus_server):
    def uris(node):
        if isinstance(node, dict):
            if "BulkDataURI" in node:
                yield node["BulkDataURI"]
            for value in node.values():
                yield from uris(value)
        elif isinstance(node, list):
            for value in node:
                yield from uris(value)

    seen, broken = 0, []
    for file in kept_files(corpus).values():
        metadata = requests.get(corpus_server.dicomweb + instance_url(file) + "/metadata").json()
        for uri in list(uris(metadata))[:30]:
            seen += 1
            answer = requests.get(corpus_server.url + uri if uri.startswith("/") else uri)
            if answer.status_code != 200 or not answer.content:
                broken.append((file.name, uri, answer.status_code, answer.text[:200] if answer.status_code != 200 else "empty"))
    assert seen > 10
    assert not broken, "\n".join(map(str, broken[:20]))


def test_every_uncompressed_instance_comes_back_as_explicit_vr_little_endian(corpus, corpus_server):
    import io
    accept = {"Accept": 'multipart/related; type="application/dicom"'}
    wrong = []
    for file in kept_files(corpus).values():
        if file.transfer_syntax not in ("1.2.840.10008.1.2", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"):
            continue
        answer = requests.get(corpus_server.dicomweb + instance_url(file), headers=accept)
        assert answer.status_code == 200, (file.name, answer.text[:200])
        (headers, data), = split_multipart(answer)
        assert "1.2.840.10008.1.2.1" in headers["Content-Type"]
        again = pydicom.dcmread(io.BytesIO(data))
        assert again.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"
        if file.name in NO_ORACLE:
            continue
        before = pydicom.dcmread(file.path)
        missing = {element.tag for element in before if element.tag.element != 0} ^ {element.tag for element in again if element.tag.element != 0}
        if missing:
            wrong.append((file.name, missing))
    assert not wrong, wrong


def test_the_store_command_reports_what_was_refused_and_goes_on_where_it_stopped(gantry, corpus, make_server, tmp_path):
    folder = corpus[0].path.parent.parent
    server = make_server()
    report = tmp_path / "report.jsonl"
    command = [gantry, "store", folder, "--to", server.dicomweb, "--report", report, "--ledger", tmp_path / "ledger"]
    first = subprocess.run(command, capture_output=True, text=True)
    assert first.returncode == 1, first.stderr  # some are refused
    lines = [json.loads(line) for line in report.read_text().splitlines()]
    refused = {line["file"] for line in lines if line["status"] == "refused"}
    must_be_refused = {str(file.path) for file in corpus if not must_be_taken(file)}
    assert must_be_refused <= refused
    assert not any(line["status"] == "failed" for line in lines)
    count = len(requests.get(server.dicomweb + "/instances?limit=1000").json())
    assert count == len(kept_files(corpus))
    again = subprocess.run(command, capture_output=True, text=True)
    assert "0 sent" in again.stdout + again.stderr or again.returncode in (0, 1)
    assert len(requests.get(server.dicomweb + "/instances?limit=1000").json()) == count


def test_fsck_finds_the_corpus_whole_and_a_damaged_object_damaged(gantry, corpus, make_server):
    from conftest import DATABASES, post_instance
    server = make_server()
    for file in corpus[:40]:
        post_instance(server, file.read())
    whole = subprocess.run([gantry, "fsck", "--data", server.data, *DATABASES.flags(server.data)], capture_output=True, text=True)
    assert whole.returncode == 0, whole.stdout + whole.stderr
    objects = sorted((server.data / "objects").rglob("*.dcm"))
    with open(objects[0], "r+b") as damaged:
        damaged.seek(200)
        byte = damaged.read(1)
        damaged.seek(200)
        damaged.write(bytes([byte[0] ^ 1]))
    objects[1].unlink()
    server.stop()
    broken = subprocess.run([gantry, "fsck", "--data", server.data, *DATABASES.flags(server.data)], capture_output=True, text=True)
    assert broken.returncode == 1
    assert "damaged" in broken.stdout and "missing" in broken.stdout
