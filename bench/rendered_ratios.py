#!/usr/bin/env python3
"""One rendered 512 x 512 JPEG: cold against DCMTK's own tool without its start, from memory against nginx sending the same
bytes. One run, as ratios.

Usage: .venv/bin/python bench/rendered_ratios.py [--rounds 5] [--seconds 4]        GANTRY_BIN names another binary
"""

from __future__ import annotations

import argparse
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

import requests
from http_ratios import ROOT, Server, compare, ct_slice, multipart, nginx, report, uids

REPEATS = 40


def tool_seconds(path: pathlib.Path, folder: pathlib.Path) -> float:
    """The least time that dcmj2pnm takes for one file, process and all."""
    best = 1e9
    for _ in range(REPEATS):
        begun = time.perf_counter()
        subprocess.run(["dcmj2pnm", "+oj", "+Jq", "90", "+Ww", "40", "400", path, folder / "out.jpg"], check=True, capture_output=True)
        best = min(best, time.perf_counter() - begun)
    return best


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4)
    options = parser.parse_args()
    binary = pathlib.Path(os.environ.get("GANTRY_BIN", ROOT / "build" / "release" / "gantry"))
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        study, series, sop, small_sop = uids(4)
        large = ct_slice(study, series, sop, 1, rows=512, columns=512)
        small = ct_slice(study, series, small_sop, 2, rows=1, columns=1)
        (folder / "large.dcm").write_bytes(large)
        (folder / "small.dcm").write_bytes(small)
        server = Server(binary, folder / "data").start()
        try:
            body, content_type = multipart([large])
            assert requests.post(f"{server.dicomweb}/studies", data=body, headers={"Content-Type": content_type}).status_code == 200
            url = f"{server.dicomweb}/studies/{study}/series/{series}/instances/{sop}/rendered"
            # Another window each time: never in memory. The frame itself is, once it was uncompressed.
            session = requests.Session()
            cold = []
            for number in range(REPEATS * options.rounds):
                begun = time.perf_counter()
                answer = session.get(url, params={"window": f"40,{400 + number},linear"}, headers={"Accept": "image/jpeg"})
                cold.append(time.perf_counter() - begun)
                assert answer.status_code == 200, answer.text
            tool = tool_seconds(folder / "large.dcm", folder) - tool_seconds(folder / "small.dcm", folder)
            ours = min(cold)
            print(f"rendered, cold: {ours * 1000:.2f} ms (median {statistics.median(cold) * 1000:.2f}) over HTTP, "
                  f"dcmj2pnm without its start {tool * 1000:.2f} ms: {ours / tool:.2f}  (aim: at most 1.5)", flush=True)

            with nginx(folder) as (port, www):
                report(*compare("rendered, from memory / nginx", f"{url}?window=40%2C400%2Clinear", {"Accept": "image/jpeg"},
                                www, port, options))
        finally:
            server.stop()


if __name__ == "__main__":
    main()
