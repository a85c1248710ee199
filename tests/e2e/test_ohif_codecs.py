"""The same image in every compression that OHIF decodes shows the same in its viewport."""

from __future__ import annotations

import io
import json
import os
import pathlib
import shutil
import subprocess

import gdcm
import pydicom
import requests
from conftest import corpus_folder, post_instance
from pydicom.uid import generate_uid

HERE = pathlib.Path(__file__).resolve().parent
BY_GANTRY = {
    "JPEG-LS": "1.2.840.10008.1.2.4.80",
    "JPEG 2000": "1.2.840.10008.1.2.4.90",
    "HTJ2K": "1.2.840.10008.1.2.4.201",
    "RLE": "1.2.840.10008.1.2.5",
}


def jpeg_lossless(source: pathlib.Path, target: pathlib.Path) -> bytes:
    reader = gdcm.ImageReader()
    reader.SetFileName(str(source))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGLosslessProcess14_1))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    writer.SetFile(reader.GetFile())
    writer.SetFileName(str(target))
    writer.SetImage(change.GetOutput())
    assert writer.Write()
    return target.read_bytes()


def as_another_study(data: bytes, name: str) -> tuple[bytes, str]:
    data_set = pydicom.dcmread(io.BytesIO(data))
    data_set.StudyInstanceUID = generate_uid()
    data_set.SeriesInstanceUID = generate_uid()
    data_set.SOPInstanceUID = data_set.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    data_set.PatientName = f"{name.replace(' ', '')}^Codec"
    data_set.PatientID = name
    out = io.BytesIO()
    data_set.save_as(out)
    return out.getvalue(), data_set.StudyInstanceUID


def expected_centre(data_set: pydicom.Dataset) -> float:
    """The grey of the first frame's middle, by the data set's window (PS3.3 C.11.2.1.2.1)."""
    shared = data_set.SharedFunctionalGroupsSequence[0] if "SharedFunctionalGroupsSequence" in data_set else None
    window = shared.FrameVOILUTSequence[0] if shared else data_set
    rescale = shared.PixelValueTransformationSequence[0] if shared else data_set
    pixels = data_set.pixel_array[0] if int(data_set.get("NumberOfFrames", 1)) > 1 else data_set.pixel_array
    row, column = pixels.shape[0] // 2, pixels.shape[1] // 2
    value = pixels[row - 2 : row + 2, column - 2 : column + 2].mean() * float(rescale.RescaleSlope) + float(rescale.RescaleIntercept)
    centre, width = float(window.WindowCenter), float(window.WindowWidth)
    return min(max((value - (centre - 0.5)) / (width - 1) + 0.5, 0), 1) * 255


def test_ohif_shows_the_same_in_every_compression(make_server, tmp_path):
    assert shutil.which("node") and shutil.which("chromium"), "scripts/test installs Node.js and Chromium"
    assert (HERE / ".cache").exists(), "scripts/test runs tests/e2e/install"
    server = make_server()
    source = next(
        path
        for path in sorted((corpus_folder() / "ct").rglob("*.dcm"))
        if pydicom.dcmread(path, stop_before_pixels=True).file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"
        and pydicom.dcmread(path, stop_before_pixels=True).get("Rows", 0) >= 128
    )
    original = pydicom.dcmread(source)
    assert post_instance(server, source.read_bytes()).status_code == 200
    url = (
        f"{server.dicomweb}/studies/{original.StudyInstanceUID}/series/{original.SeriesInstanceUID}"
        f"/instances/{original.SOPInstanceUID}"
    )
    forms = {"uncompressed": source.read_bytes(), "JPEG lossless": jpeg_lossless(source, tmp_path / "lossless.dcm")}
    for name, uid in BY_GANTRY.items():
        answer = requests.get(url, headers={"Accept": f"application/dicom; transfer-syntax={uid}"})
        assert answer.status_code == 200, answer.text
        forms[name] = answer.content

    centres = {}
    for name, data in forms.items():
        stored, study = as_another_study(data, name)
        assert post_instance(server, stored).status_code == 200, name
        shots = pathlib.Path(os.environ.get("GANTRY_SCREENSHOTS", tmp_path)) / name.replace(" ", "-")
        shots.mkdir(parents=True, exist_ok=True)
        patient = name.replace(" ", "")
        run = subprocess.run(["node", HERE / "ohif.mjs", server.dicomweb, study, patient, shots], capture_output=True, text=True)
        assert run.returncode == 0, (name, run.stderr[-3000:])
        seen = json.loads(run.stdout.splitlines()[-1])
        assert seen["failed"] == [] and seen["frames"] >= 1, (name, seen["failed"])
        centres[name] = seen["centre"]
    print(centres, expected_centre(original))
    assert max(centres.values()) - min(centres.values()) <= 1, centres
    # The viewport's middle is interpolated from the pixels around the image's.
    assert abs(centres["uncompressed"] - expected_centre(original)) < 5, centres
