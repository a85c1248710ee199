#!/usr/bin/env python3
"""Frame n of a 10,000-frame object against its frame 1: rates in turns, and the server's CPU for a request. Native and
compressed, where a frame is a run of fragments. Needs build/release/gantry (GANTRY_BIN for another) and wrk.
Usage: bench/frame_position.py [--rounds 5] [--seconds 2] [--frames 10000]
"""

from __future__ import annotations

import argparse
import io
import os
import pathlib
import statistics
import struct
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
sys.path.insert(0, str(ROOT / "bench"))

import pydicom  # noqa: E402
import requests  # noqa: E402
from conftest import Server, post_instance  # noqa: E402
from http_ratios import wrk_of  # noqa: E402
from make_dicom import ct_slice, uids  # noqa: E402
from pydicom.encaps import encapsulate  # noqa: E402
from pydicom.uid import JPEG2000Lossless  # noqa: E402

FRAME = {"Accept": "multipart/related; type=application/octet-stream; transfer-syntax=*"}
ROWS = 64


def native(ids: list[str], frames: int) -> bytes:
    return ct_slice(*ids, rows=ROWS, columns=ROWS, NumberOfFrames=frames, PixelData=os.urandom(ROWS * ROWS * 2 * frames))


def encapsulated(ids: list[str], frames: int) -> bytes:
    """JPEG 2000 by name alone, as nothing is decoded here. No offset table: storing walks over the items, once."""
    data = pydicom.dcmread(io.BytesIO(ct_slice(*ids, rows=ROWS, columns=ROWS, NumberOfFrames=frames, PixelData=b"\0\0")))
    data.file_meta.TransferSyntaxUID = JPEG2000Lossless
    data.PixelData = encapsulate([struct.pack("<I", number) * 1000 for number in range(frames)], has_bot=False)
    data["PixelData"].VR, data["PixelData"].is_undefined_length = "OB", True
    out = io.BytesIO()
    data.save_as(out, enforce_file_format=True)
    return out.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--frames", type=int, default=10_000)
    options = parser.parse_args()
    binary = pathlib.Path(os.environ.get("GANTRY_BIN", ROOT / "build" / "release" / "gantry"))
    with tempfile.TemporaryDirectory(prefix="gantry-bench-") as folder:
        server = Server(binary, pathlib.Path(folder) / "data", "--log-level", "warn").start()
        try:
            print(f"{'object':12} {'frame':>7} {'frames/s':>10} {'CPU us':>8}   ratio to frame 1 (median, min - max)")
            for name, make in (("native", native), ("compressed", encapsulated)):
                ids = uids(3)
                answer = post_instance(server, make(ids, options.frames))
                assert answer.status_code == 200, answer.text[:500]
                at = f"{server.dicomweb}/studies/{ids[0]}/series/{ids[1]}/instances/{ids[2]}/frames/"
                numbers = [1, options.frames // 2, options.frames]
                seen: dict[int, list[tuple[float, float]]] = {number: [] for number in numbers}
                for number in numbers:
                    assert requests.get(at + str(number), headers=FRAME).status_code == 200
                for _ in range(options.rounds):
                    for number in numbers:
                        seen[number].append(wrk_of(server, at + str(number), options.seconds, 16, FRAME))
                for number in numbers:
                    ratios = [a[0] / b[0] for a, b in zip(seen[number], seen[1])]
                    rate, cpu = (statistics.median(column) for column in zip(*seen[number]))
                    print(f"{name:12} {number:7} {rate:10.0f} {cpu:8.1f}   {statistics.median(ratios):.2f} ({min(ratios):.2f} - {max(ratios):.2f})", flush=True)
        finally:
            server.stop()


if __name__ == "__main__":
    main()
