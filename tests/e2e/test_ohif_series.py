"""OHIF opens the corpus's image series: the middle image of each is the one that another reader finds there, value by value, and nothing
was refused or complained of. One series for each transfer syntax by default; all of them with GANTRY_OHIF_SERIES=all."""

from __future__ import annotations

import json
import os
import pathlib
import re
import shutil
import subprocess

import numpy as np
import pydicom
import pytest
from conftest import ROOT, Server, corpus_folder, post_instance
from pydicom.pixels import apply_modality_lut

HERE = pathlib.Path(__file__).resolve().parent
# What OHIF draws in its stack viewport with the default mode: images, but no overlays on others (SEG, PR, dose, maps) and no slides.
OTHERS = {"SEG", "PR", "RTDOSE", "SM", "KO", "SR", "M3D", "OPT"}
OTHER_CLASSES = ("1.2.840.10008.5.1.4.1.1.66.", "1.2.840.10008.5.1.4.1.1.30", "1.2.840.10008.5.1.4.1.1.77.1.6", "1.2.840.10008.5.1.4.1.1.481.2")
# What OHIF 3.13.2 itself does not get right, each looked into (its requests were answered, and the frames it got are pydicom's):
RETIRED_CLASSES = ("1.2.840.10008.5.1.4.1.1.6",)  # has no handler there: nothing is drawn
OTHER_DECODERS = {  # by file: why its values differ from pydicom's, or why it draws nothing
    "gdcm-US-ALOKA-16.dcm": "16 bits of PALETTE COLOR are not drawn",
    "J2K_pixelrep_mismatch.dcm": "reads the codestream's sign, not the data set's",
    "SC_jpeg_no_color_transform.dcm": "always transforms the colours of JPEG",
    "YBR_422.dcm": "knows no uncompressed YBR_FULL_422",
    "sample-op.dcm": "its JPEG lossless decoder gives another picture",
    "with_uids_JLSL_RGB_ILV0.dcm": "JPEG-LS with a scan for each colour comes out plane by plane",
    "with_uids_JLSN_RGB_ILV0.dcm": "the same",
}
# Transfer syntaxes that its decoders know, or that it is never sent (Implicit, Big Endian and Deflated come re-encoded).
DECODED = {"1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.5"} | {
    f"1.2.840.10008.1.2.4.{last}" for last in ("50", "51", "57", "70", "80", "81", "90", "91", "201", "202", "203")}


def image_series(folder: pathlib.Path) -> dict[tuple[str, str], dict[str, pathlib.Path]]:
    """(study, series) to its instances, for every series that OHIF draws."""
    found: dict[tuple[str, str], dict[str, pathlib.Path]] = {}
    left_out: set[tuple[str, str]] = set()
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or "oddities-derived" in str(path) or "private" in path.name:
            continue
        try:
            data = pydicom.dcmread(path, stop_before_pixels=False, defer_size="1 KB")
            key, sop = (data.StudyInstanceUID, data.SeriesInstanceUID), data.SOPInstanceUID
            sop_class, syntax = str(data.SOPClassUID), data.file_meta.TransferSyntaxUID
            drawn = "PixelData" in data and data.get("Modality") not in OTHERS and not sop_class.startswith(OTHER_CLASSES) and syntax in DECODED
            # "Invalid VOI LUT function", it says on the console of (0028,1056) LINEAR, and shows the image all the same.
            drawn = drawn and sop_class not in RETIRED_CLASSES and path.name not in OTHER_DECODERS and "VOILUTFunction" not in data
            # Of colours with more than 8 bits the viewer makes nothing.
            drawn = drawn and data.BitsAllocated in ((8, 16) if data.SamplesPerPixel == 1 else (8,)) and data.Rows * data.Columns > 0
        except Exception:  # noqa: BLE001: the corpus has files that nobody can read
            continue
        if drawn:
            found.setdefault(key, {}).setdefault(sop, path)
        else:
            left_out.add(key)
    return {key: instances for key, instances in found.items() if key not in left_out}


def chosen() -> dict[tuple[str, str], dict[str, pathlib.Path]]:
    if os.environ.get("GANTRY_OHIF_SERIES") == "all":
        return image_series(corpus_folder())
    series = image_series(ROOT / "tests/data")
    picked = {}
    for key, files in sorted(series.items(), key=lambda entry: -len(entry[1])):
        picked.setdefault(pydicom.dcmread(next(iter(files.values())), stop_before_pixels=True).file_meta.TransferSyntaxUID, key)
    return {key: series[key] for key in picked.values()}


def expected_values(path: pathlib.Path, frame: int, seen: dict) -> np.ndarray | None:
    """What another reader has at the places that were looked at; None when it can't read the file."""
    data = pydicom.dcmread(path)
    try:
        pixels = data.pixel_array
    except Exception:  # noqa: BLE001
        return None
    if int(data.get("NumberOfFrames", 1)) > 1:
        pixels = pixels[frame - 1]
    if seen["color"]:
        if data.PhotometricInterpretation == "PALETTE COLOR":
            pixels = pydicom.pixels.apply_color_lut(pixels, data)
        if pixels.dtype != np.uint8:
            return None
        per_pixel = seen["length"] // (seen["rows"] * seen["columns"])
        pixels = pixels[..., :3]
        if per_pixel == 4:
            pixels = np.concatenate([pixels, np.full((*pixels.shape[:2], 1), 255, np.uint8)], axis=2)
    elif seen["scaled"]:
        pixels = apply_modality_lut(pixels, data)
    return pixels.reshape(-1)[seen["places"]].astype(float)


def middle_ones(files: dict[str, pathlib.Path], index: int) -> set[str]:
    """Which instances may stand at `index`, by number or by position along the stack, up or down."""
    headers = {sop: pydicom.dcmread(path, stop_before_pixels=True) for sop, path in files.items()}
    by_number = sorted(headers, key=lambda sop: int(headers[sop].get("InstanceNumber") or 0))
    number = int(headers[by_number[index]].get("InstanceNumber") or 0)
    right = {sop for sop in headers if int(headers[sop].get("InstanceNumber") or 0) == number}
    if all("ImagePositionPatient" in header and "ImageOrientationPatient" in header for header in headers.values()):
        orientation = np.array(headers[by_number[0]].ImageOrientationPatient, float)
        normal = np.cross(orientation[:3], orientation[3:])
        along = sorted(headers, key=lambda sop: float(np.dot(normal, np.array(headers[sop].ImagePositionPatient, float))))
        right |= {along[index], along[::-1][index]}
    return right


@pytest.fixture(scope="module")
def server(gantry, tmp_path_factory):
    server = Server(gantry, tmp_path_factory.mktemp("ohif") / "data").start()
    yield server
    server.stop()


def test_ohif_shows_the_right_middle_image_of_every_image_series(server, tmp_path):
    assert shutil.which("node") and shutil.which("chromium"), "scripts/test installs Node.js and Chromium"
    assert (HERE / ".cache").exists(), "scripts/test runs tests/e2e/install"
    series = chosen()
    assert len(series) >= 8
    for key, files in list(series.items()):
        for sop, path in list(files.items()):
            status = post_instance(server, path.read_bytes()).status_code
            assert status in (200, 202, 409), path
            if status == 409:  # damaged, or one of several that claim to be the same instance
                del files[sop]
        if not files:
            del series[key]
    shots = pathlib.Path(os.environ.get("GANTRY_SCREENSHOTS", tmp_path))
    shots.mkdir(parents=True, exist_ok=True)
    run = subprocess.run(["node", HERE / "series.mjs", server.dicomweb, shots], input=json.dumps(list(series)), capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-3000:]
    wrong, compared = [], 0
    for line in run.stdout.splitlines():
        seen = json.loads(line)
        files = series[seen["study"], seen["series"]]
        name = str(next(iter(files.values())))
        if seen["failed"] or seen["errors"] or seen["console"] or "images" not in seen:
            wrong.append((name, seen["failed"], seen["errors"], seen["console"]))
            continue
        sop, frame = re.search(r"/instances/([0-9.]+)/frames/(\d+)", seen["shown"]).groups()
        single = len(seen["images"]) == len(files) and len(files) > 1
        if sop not in (middle_ones(files, seen["middle"]) if single else set(files)) or (not single and int(frame) != seen["middle"] + 1 and len(files) == 1):
            wrong.append((name, "another image stands in the middle", seen["shown"]))
            continue
        if pydicom.dcmread(files[sop], stop_before_pixels=True).get("Units") == "BQML":
            continue  # shown as SUV
        values = expected_values(files[sop], int(frame), seen)
        if values is None:
            continue
        compared += 1
        far = values - np.array(seen["values"])
        lossy = pydicom.dcmread(files[sop], stop_before_pixels=True).file_meta.TransferSyntaxUID[-3:] in (".50", ".51", ".81", ".91", "203")
        if lossy:  # decoders disagree about the level of some lossy streams, never about the picture
            far -= np.median(far)
        far = np.abs(far)  # what is scaled is in single precision there
        if far.mean() > (3 if lossy else 1e-3) or len(values) != len(seen["values"]):
            wrong.append((name, "other values", float(far.mean()), float(far.max())))
    assert not wrong, "\n".join(map(str, wrong))
    assert compared >= 8, run.stdout[-2000:]
