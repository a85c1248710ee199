"""Pictures of the corpus, as the data sets want to be shown, against DCMTK's dcmj2pnm."""

from __future__ import annotations

import json
import pathlib
import shutil
import subprocess

import numpy as np
import pytest
from conftest import gantry_binary
from PIL import Image
from pydicom import dcmread

# Of 255. DCMTK cuts fractions of a shade off where we round: one of them is never a difference. It upsamples chroma by
# another filter.
GREY_MEAN, GREY_MOST = 0.6, 2
COLOUR_MEAN = 2.0

# A file whose JPEG frames are YCbCr, as their JFIF marker says, and whose data set says RGB: dcmj2pnm has to be told to look.
LOOKS_AT_JPEG = {"mg/example-mg.dcm"}
# dcmj2pnm swaps the two bytes of words where pixels have four: noise. These are compared with what they should be by hand.
WRONG_BY_DCMTK = {"rt/rtdose_expb.dcm", "rt/rtdose_expb_1frame.dcm"}


@pytest.fixture(scope="module")
def pictures(corpus, tmp_path_factory) -> list[tuple[str, dict]]:
    """Of every file that has frames: what pixel_dump says of it, and where its first frame's picture is."""
    folder = tmp_path_factory.mktemp("pictures")
    tools = gantry_binary().parent / "tests"
    files = [file for file in corpus if file.accept]
    done = subprocess.run(
        [tools / "pixel_dump", folder, tools / "gantry_codec_process"],
        input="".join(f"{file.path}\n" for file in files),
        capture_output=True,
        text=True,
        check=True,
    )
    return [(file.name, json.loads(line)) for file, line in zip(files, done.stdout.splitlines())]


def voi_options(path: str) -> list[str]:
    """The same choice as ours: the first window, else the first VOI LUT, else everything from least to greatest."""
    data_set = dcmread(path, stop_before_pixels=True, force=True)
    if data_set.get("WindowCenter") is not None and data_set.get("WindowWidth") is not None:
        return ["+Wi", "1"]
    if data_set.get("VOILUTSequence"):
        return ["+Wl", "1"]
    shared = (data_set.get("SharedFunctionalGroupsSequence") or [None])[0]
    if shared is not None and "FrameVOILUTSequence" in shared:
        # dcmj2pnm finds a functional group's rescaling, but not its window.
        window = shared.FrameVOILUTSequence[0]
        return ["+Ww", str(float(window.WindowCenter)), str(float(window.WindowWidth))]
    return ["+Wm"]


def by_hand(path: str) -> np.ndarray:
    """From the least to the greatest value of the first frame."""
    pixels = dcmread(path).pixel_array.astype(float)
    frame = pixels[0] if pixels.ndim == 3 else pixels
    return np.rint((frame - frame.min()) / (frame.max() - frame.min()) * 255).astype(int)


def test_every_image_has_a_picture(pictures):
    missing = []
    for name, dump in pictures:
        for frame in dump.get("frames", [])[:1]:
            if "error" not in frame and "png" not in frame:
                missing.append((name, frame.get("png_error")))
    assert not missing, missing


def test_pictures_are_dcmtks(pictures, tmp_path):
    tool = shutil.which("dcmj2pnm")
    assert tool, "DCMTK's dcmj2pnm is part of the test packages"
    wrong, compared, refused = [], 0, []
    for name, dump in pictures:
        frame = (dump.get("frames") or [{}])[0]
        if "png" not in frame:
            continue
        if name in WRONG_BY_DCMTK:
            if np.abs(np.asarray(Image.open(frame["png"])).astype(int) - by_hand(dump["file"])).max() > 1:
                wrong.append((name, "is not what it should be"))
            continue
        target = tmp_path / "theirs.png"
        target.unlink(missing_ok=True)
        try:
            options = voi_options(dump["file"])
        except Exception:  # noqa: BLE001 what pydicom can't read, DCMTK may
            options = ["+Wm"]
        if name in LOOKS_AT_JPEG:
            options.append("+cg")
        done = subprocess.run([tool, "-q", "+on", *options, "+F", "1", dump["file"], target], capture_output=True)
        if done.returncode != 0 or not target.exists():
            refused.append(name)
            continue
        ours = np.asarray(Image.open(frame["png"])).astype(int)
        theirs = np.asarray(Image.open(target).convert("RGB" if ours.ndim == 3 else "L")).astype(int)
        if ours.shape != theirs.shape:
            wrong.append((name, f"{ours.shape} instead of {theirs.shape}"))
            continue
        compared += 1
        difference = np.abs(ours - theirs)
        if ours.ndim == 2:
            bad = difference.max() > GREY_MOST or (difference.max() > 1 and difference.mean() > GREY_MEAN)
        else:
            bad = difference.mean() > COLOUR_MEAN
        if bad:
            wrong.append((name, f"off by {difference.mean():.2f} on average, {difference.max()} at most"))
    print(f"{compared} pictures compared, {len(refused)} that dcmj2pnm can't make")
    assert compared > 20
    assert not wrong, "\n".join(map(str, wrong))


def test_contact_sheet(pictures, tmp_path):
    """Not a comparison: all pictures on one sheet, for whoever looks (GANTRY_CONTACT_SHEET names a file to keep it in)."""
    import os

    shown = [(name, dump["frames"][0]["png"]) for name, dump in pictures if dump.get("frames") and "png" in dump["frames"][0]]
    side, across = 96, 24
    sheet = Image.new("RGB", (across * side, (len(shown) + across - 1) // across * side), (40, 0, 60))
    for place, (_, path) in enumerate(shown):
        picture = Image.open(path).convert("RGB")
        picture.thumbnail((side - 4, side - 4))
        sheet.paste(picture, (place % across * side + 2, place // across * side + 2))
    target = pathlib.Path(os.environ.get("GANTRY_CONTACT_SHEET", tmp_path / "sheet.png"))
    sheet.save(target)
    assert target.stat().st_size > 10_000
