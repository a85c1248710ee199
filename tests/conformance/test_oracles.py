"""The differential test: what Gantry makes of every file of the corpus, against what pydicom and DCMTK make of it."""

from __future__ import annotations

import collections
import csv
import pathlib
from concurrent.futures import ThreadPoolExecutor

import explained
import oracles
import pytest
from conftest import corpus_folder
from pydicom import config
from pydicom.encaps import generate_frames

WHOLE_CORPUS = 500  # files; a smaller corpus need not show every kind of difference


@pytest.fixture(scope="module", autouse=True)
def strict_pydicom():
    """pydicom as a reader that changes nothing."""
    before = (config.settings.reading_validation_mode, config.replace_un_with_known_vr, config.convert_wrong_length_to_UN)
    oracles.pydicom_settings()
    yield
    config.settings.reading_validation_mode, config.replace_un_with_known_vr, config.convert_wrong_length_to_UN = before


@pytest.fixture(scope="module")
def dumps(corpus, tmp_path_factory) -> dict[str, oracles.Ours]:
    folder = tmp_path_factory.mktemp("explicit")
    seen = oracles.run_dump([file.path for file in corpus], folder)
    return {file.name: ours for file, ours in zip(corpus, seen)}


@pytest.fixture(scope="module")
def accepted(dumps) -> dict[str, oracles.Ours]:
    return {name: ours for name, ours in dumps.items() if ours.accepted}


def report(lines: list, what: str) -> str:
    shown = "\n".join(str(line) for line in lines[:40])
    return f"{len(lines)} {what}:\n{shown}" + ("\n…" if len(lines) > 40 else "")


def check_explained(differences: list[oracles.Difference], oracle: str, corpus) -> None:
    used = collections.Counter()
    unexplained = []
    for difference in differences:
        found = explained.explain(difference)
        if found is None:
            unexplained.append(difference)
        else:
            used[found.name] += 1
    print(f"{oracle}: " + ", ".join(f"{count} x {name}" for name, count in used.most_common()))
    assert not unexplained, report(unexplained, f"differences to {oracle} that nothing explains")
    if len(corpus) >= WHOLE_CORPUS:
        idle = [r.name for r in explained.RULES if oracle in r.oracles and r.name not in used]
        assert not idle, f"rules that explain nothing any more: {idle}"


def check_unreadable(unread: list[tuple[str, str]], oracle: str, accepted) -> None:
    """Exactly the files that are known not to be read by the oracle are not: a file that it learns to read is compared."""
    listed = explained.UNREADABLE[oracle]
    unknown = [entry for entry in unread if entry[0] not in listed]
    assert not unknown, report(unknown, f"files that {oracle} can't read")
    names = {name for name, _ in unread}
    read = [name for name in listed if name in accepted and name not in names]
    assert not read, report(read, f"files that {oracle} can read after all")


def test_files_are_taken_or_refused_as_the_index_says(corpus, dumps):
    wrong = []
    for file in corpus:
        ours = dumps[file.name]
        if ours.accepted != file.accept and file.name not in explained.INDEX_IS_WRONG:
            wrong.append((file.name, file.accept, file.reason, ours.dump.get("reason")))
        if not ours.accepted:
            assert ours.dump["reason"], f"{file.name} is refused without a reason"
    assert not wrong, report(wrong, "files are judged otherwise than INDEX.tsv does")


def test_identity_is_that_of_the_data_set(corpus, accepted):
    for file in corpus:
        if file.name in accepted and file.name not in explained.INDEX_IS_WRONG:
            dump = accepted[file.name].dump
            assert (dump["study"], dump["series"], dump["sop"]) == (file.study, file.series, file.sop), file.name


def test_metadata_equals_what_pydicom_reads(corpus, accepted):
    differences, unread = [], []
    for name, ours in accepted.items():
        try:
            data = oracles.read_with_pydicom(ours.path)
        except Exception as error:  # noqa: BLE001 - pydicom raises anything on odd files
            unread.append((name, repr(error)))
            continue
        differences += oracles.compare_with_pydicom(name, ours, data, ours.dump["instance"])
    check_unreadable(unread, "pydicom", accepted)
    check_explained(differences, "pydicom", corpus)


def test_metadata_equals_what_dcmtk_reads(corpus, accepted):
    differences, unread = [], []
    with ThreadPoolExecutor() as pool:
        answers = list(pool.map(lambda ours: oracles.dcmtk_json(ours.path), accepted.values()))
    for (name, ours), (theirs, reason) in zip(accepted.items(), answers):
        if theirs is None:
            unread.append((name, reason))
            continue
        mine = ours.dump["instance"]
        if oracles.BREAKS_OFF in reason:  # dcm2json ends there
            mine = {tag: value for tag, value in mine.items() if tag < "7FE00010"}
        differences += oracles.compare_trees("dcmtk", name, ours, mine, theirs)
    check_unreadable(unread, "dcmtk", accepted)
    check_explained(differences, "dcmtk", corpus)


def bits(data: bytes, first: int, count: int) -> str:
    """`count` bits of little endian packed 1-bit pixels, from bit `first` on."""
    text = "".join(f"{byte:08b}"[::-1] for byte in data)
    return text[first : first + count]


def pydicom_frames(data) -> list[bytes] | list[str]:
    """The frames as pydicom cuts them: fragments joined, or slices of the native value (of 1-bit pixels, their bits)."""
    keyword = next(k for k in ("PixelData", "FloatPixelData", "DoubleFloatPixelData") if k in data)
    text = str(data.get("NumberOfFrames") or 1)
    count = int(text) if text.isdigit() else 1
    if data[keyword].is_undefined_length:
        offsets = None
        if "ExtendedOffsetTable" in data and "ExtendedOffsetTableLengths" in data:
            offsets = (data.ExtendedOffsetTable, data.ExtendedOffsetTableLengths)
        return list(generate_frames(data.PixelData, number_of_frames=count, extended_offsets=offsets))
    value = data[keyword].value
    samples = data.get("SamplesPerPixel") or 1
    if data.get("PhotometricInterpretation") == "YBR_FULL_422":
        samples = 2
    frame_bits = data.Rows * data.Columns * samples * data.BitsAllocated
    if data.BitsAllocated == 1:
        return [bits(value, number * frame_bits, frame_bits) for number in range(count)]
    return [value[number * frame_bits // 8 : (number + 1) * frame_bits // 8] for number in range(count)]


def our_frames(ours: oracles.Ours) -> list[bytes] | list[str]:
    frames = []
    for number, frame in enumerate(ours.layout["frames"]):
        assert isinstance(frame, dict), f"{ours.path}: frame {number + 1}: {frame}"
        data = ours.frame(number)
        frames.append(bits(data, frame["bit_shift"], frame["bits"]) if frame["bits"] else data)
    return frames


def test_frames_are_the_bytes_that_pydicom_finds(accepted):
    wrong, compared = [], 0
    for name, ours in accepted.items():
        if ours.layout["pixels"] == "none" or name in explained.UNREADABLE["pydicom"]:
            continue
        if ours.layout["pixels"] == "unusable":
            if not explained.has_no_frames(name, ours.layout):
                wrong.append((name, ours.layout["problem"]))
            continue
        try:
            theirs = pydicom_frames(oracles.read_with_pydicom(ours.path))
        except Exception as error:  # noqa: BLE001 - pydicom raises anything on odd files
            wrong.append((name, repr(error)))
            continue
        mine = our_frames(ours)
        if mine != theirs:
            first = next((n for n, (a, b) in enumerate(zip(mine, theirs), 1) if a != b), "beyond the shorter")
            wrong.append((name, f"{len(mine)} frames, pydicom has {len(theirs)}; first difference: {first}"))
        compared += len(mine)
    assert not wrong, report(wrong, "files with other frames")
    assert compared > 0


def test_pixel_data_that_is_there_has_a_layout(accepted):
    """An empty Pixel Data is none."""
    for name, ours in accepted.items():
        elements = [ours.dump["instance"].get(tag, {}) for tag in ("7FE00008", "7FE00009", "7FE00010")]
        has_pixels = any("BulkDataURI" in element for element in elements)
        assert has_pixels == (ours.layout["pixels"] != "none"), name
