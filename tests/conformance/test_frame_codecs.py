"""The differential test of codecs: every compressed file of the corpus, decoded by Gantry and by pydicom's plugins."""

from __future__ import annotations

import json
import pathlib
import subprocess
import zlib

import imagecodecs
import numpy as np
import pytest
from conftest import gantry_binary
from pydicom import dcmread
from pydicom.encaps import get_frame
from pydicom.filereader import read_file_meta_info
from pydicom.pixels import get_decoder
from pydicom.uid import UID

NATIVE = {"1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99", ""}
VIDEO = "1.2.840.10008.1.2.4.10"
# Lossy codecs may round differently; colour is converted by other arithmetic, and chroma is interpolated or not.
LOSSY = {
    "1.2.840.10008.1.2.4.50",
    "1.2.840.10008.1.2.4.51",
    "1.2.840.10008.1.2.4.53",
    "1.2.840.10008.1.2.4.55",
    "1.2.840.10008.1.2.4.91",
    "1.2.840.10008.1.2.4.203",
    "1.2.840.10008.1.2.4.112",
}
MEAN_MOST, EACH_MOST = 1.0, 40  # of 255, mean and largest difference of colour; grey is far closer
GREY_MOST = 2


@pytest.fixture(scope="module")
def dumps(corpus, tmp_path_factory) -> list[tuple[str, dict]]:
    folder = tmp_path_factory.mktemp("frames")
    tools = gantry_binary().parent / "tests"
    files = [file for file in corpus if file.accept]
    compressed = [file for file in files if read_file_meta_info(file.path).TransferSyntaxUID not in NATIVE]
    done = subprocess.run(
        [tools / "pixel_dump", folder, tools / "gantry_codec_process"],
        input="".join(f"{file.path}\n" for file in compressed),
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) == len(compressed) > 0
    return [(file.name, line) for file, line in zip(compressed, lines)]


def ours_of(dump: dict, frame: dict) -> np.ndarray:
    raw = pathlib.Path(frame["raw"]).read_bytes()
    rows, columns, samples, bits = dump["rows"], dump["columns"], dump["samples"], dump["bits_allocated"]
    if bits == 1:
        return np.unpackbits(np.frombuffer(raw, np.uint8), bitorder="little")[: rows * columns].reshape(rows, columns)
    kind = ("i" if dump["signed"] else "u") if not dump["float"] else "f"
    shape = (rows, columns, samples) if samples > 1 else (rows, columns)
    return np.frombuffer(raw, f"<{kind}{bits // 8}").reshape(shape)


def theirs_of(path: str, dump: dict, index: int, plugins: dict) -> np.ndarray | None:
    """None: nobody can decode it."""
    data_set = dcmread(path)
    try:
        decoder = get_decoder(UID(dump["transfer_syntax"]))
    except NotImplementedError:
        return other_decoders(path, dump, index)
    raw = dump["frames"][index]["photometric"].startswith("YBR")
    for plugin in decoder.available_plugins:
        try:
            array, _ = decoder.as_array(data_set, raw=raw, index=index, decoding_plugin=plugin)
        except Exception as error:  # noqa: BLE001 a plugin that gives up is what is looked for here
            plugins.setdefault(f"{plugin}: {type(error).__name__}", []).append(path)
            continue
        return array
    return other_decoders(path, dump, index)


def other_decoders(path: str, dump: dict, index: int) -> np.ndarray | None:
    """What pydicom 3.0 has no decoder for, by other libraries."""
    data_set = dcmread(path)
    coded = get_frame(data_set.PixelData, index, number_of_frames=int(data_set.get("NumberOfFrames", 1)))
    rows, columns, syntax = dump["rows"], dump["columns"], dump["transfer_syntax"]
    if syntax in ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51"):
        # pydicom gives up where Planar Configuration is missing, and on an end of scan that should be 63.
        ycbcr = {"colorspace": "YCBCR", "outcolorspace": "YCBCR"}
        return imagecodecs.jpeg8_decode(coded, **(ycbcr if dump["frames"][index]["photometric"].startswith("YBR") else {}))
    if syntax in ("1.2.840.10008.1.2.4.53", "1.2.840.10008.1.2.4.55"):
        return imagecodecs.jpeg8_decode(coded)
    if syntax == "1.2.840.10008.1.2.4.110":
        return imagecodecs.jpegxl_decode(coded)
    if dump["bits_allocated"] != 1:
        return None
    if syntax == "1.2.840.10008.1.2.8.1":
        packed = zlib.decompressobj(-15).decompress(coded)
    elif syntax == "1.2.840.10008.1.2.5":
        packed = imagecodecs.packbits_decode(coded[64:])
    else:
        return imagecodecs.jpeg2k_decode(coded)
    return np.unpackbits(np.frombuffer(packed, np.uint8), bitorder="little")[: rows * columns].reshape(rows, columns)


def test_every_compressed_file_is_decoded(dumps):
    failed = []
    for name, dump in dumps:
        if "error" in dump:
            if "video has no frames" not in dump["error"]:
                failed.append((name, dump["error"]))
            continue
        failed += [(name, frame["error"]) for frame in dump["frames"] if "error" in frame and name not in UNDECODABLE]
    assert not failed, failed


# Codestreams that no decoder here decodes, ours and pydicom's alike: what is wrong with them.
UNDECODABLE = {
    "oddities/JPEG2000-embedded-sequence-delimiter.dcm": "a made file: its codestream is no JPEG 2000",
}


def test_decoded_frames_are_pydicoms(dumps):
    wrong, unread, compared, plugins = [], [], 0, {}
    for name, dump in dumps:
        for index, frame in enumerate(dump.get("frames", [])):
            syntax = dump["transfer_syntax"]
            if "error" in frame:
                continue
            theirs = theirs_of(dump["file"], dump, index, plugins)
            if theirs is None:
                unread.append(name)
                continue
            ours = ours_of(dump, frame)
            if ours.shape != theirs.shape:
                wrong.append((name, index, f"{ours.shape} instead of {theirs.shape}"))
                continue
            compared += 1
            difference = np.abs(ours.astype(np.int64) - theirs.astype(np.int64))
            if syntax in LOSSY:
                colour = dump["samples"] > 1
                if difference.max() > (EACH_MOST if colour else GREY_MOST) or difference.mean() > MEAN_MOST:
                    wrong.append((name, index, f"off by {difference.max()}, {difference.mean():.2f} on average"))
            elif difference.max() > 0:
                wrong.append((name, index, f"{np.count_nonzero(difference)} samples differ, by {difference.max()} at most"))
    print(f"{compared} frames compared; plugins that gave up: {plugins.keys()}")
    assert not wrong, "\n".join(map(str, wrong))
    assert not unread, f"nobody compares {sorted(set(unread))}"


def test_lossless_syntaxes_become_each_other(dumps):
    wrong, tried = [], 0
    for name, dump in dumps:
        for frame in dump.get("frames", []):
            for trip in frame.get("trips", []):
                tried += trip != "none"
                if trip not in ("ok", "none"):
                    wrong.append((name, trip))
    print(f"{tried} trips")
    assert tried > 0 and not wrong, wrong
