#!/usr/bin/env python3
"""Metadata of a study of 20 series of 100 instances against nginx sending the same bytes: warm, cold after a start, the
first byte and the whole, and what an unchanged answer costs. One run, as ratios.

Usage: .venv/bin/python bench/study_ratios.py [--rounds 5] [--seconds 4]        GANTRY_BIN names another binary
"""

from __future__ import annotations

import argparse
import os
import pathlib
import socket
import statistics
import tempfile
import time

import requests
from http_ratios import ROOT, Server, compare, ct_slice, multipart, nginx, report, uids, wrk

SERIES, INSTANCES = 20, 100
PLAIN = {"Accept": "application/dicom+json", "Accept-Encoding": "identity"}
GZIP = {"Accept": "application/dicom+json", "Accept-Encoding": "gzip"}
ZSTD = {"Accept": "application/dicom+json", "Accept-Encoding": "zstd"}


def fetch(port: int, path: str, headers: dict[str, str]) -> tuple[float, float, int]:
    """Seconds from connecting to the first byte and to the last, and how many bytes came."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{lines}\r\n".encode()
    begun = time.perf_counter()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(request)
        count, first = 0, 0.0
        while data := connection.recv(1 << 20):
            first = first or time.perf_counter() - begun
            count += len(data)
    return first, time.perf_counter() - begun, count


def fill(server: Server) -> tuple[str, list[str]]:
    study, *series = uids(SERIES + 1)
    for number, uid in enumerate(series):
        files = [ct_slice(study, uid, sop, n, rows=16, columns=16, SeriesNumber=number) for n, sop in enumerate(uids(INSTANCES), 1)]
        body, content_type = multipart(files)
        assert requests.post(f"{server.dicomweb}/studies", data=body, headers={"Content-Type": content_type}).status_code == 200
    while len(list(server.data.rglob("*.gsj"))) < SERIES:
        time.sleep(0.1)
    time.sleep(1)  # the last one's row
    return study, series


def timed(name: str, ours: list[tuple], peers: list[tuple], column: int) -> None:
    a, b = ([sample[column] for sample in samples] for samples in (ours, peers))
    ratios = [x / y for x, y in zip(a, b)]
    print(f"{name:52} {ours[0][2]:9} {statistics.median(a) * 1e6:10.0f} {statistics.median(b) * 1e6:10.0f}   "
          f"{statistics.median(ratios):.2f}  ({min(ratios):.2f} - {max(ratios):.2f})", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4)
    options = parser.parse_args()
    binary = pathlib.Path(os.environ.get("GANTRY_BIN", ROOT / "build" / "release" / "gantry"))
    with tempfile.TemporaryDirectory(prefix="gantry-bench-") as temporary:
        folder = pathlib.Path(temporary)
        server = Server(binary, folder / "data", "--log-level", "warn", "--worker-quiet-period", "0s").start()
        study, series = fill(server)
        of_study = f"/dicom-web/studies/{study}/metadata"
        of_series = f"/dicom-web/studies/{study}/series/{series[7]}/metadata"
        with nginx(folder) as (port, www):
            print(f"{'rates':44} {'bytes':>9} {'Gantry/s':>10} {'nginx/s':>10}   ratio (median, min - max)")
            for name, path, headers in (("series, ready", of_series, PLAIN), ("series, ready, gzip", of_series, GZIP),
                                        ("series, ready, zstd", of_series, ZSTD),
                                        ("study of 2,000, ready", of_study, PLAIN), ("study of 2,000, ready, gzip", of_study, GZIP)):
                report(*compare(name, server.url + path, headers, www, port, options))
            etag = requests.get(server.url + of_study, headers=PLAIN).headers["ETag"]
            rate = [wrk(server.url + of_study, options.seconds, 16, PLAIN | {"If-None-Match": etag}) for _ in range(options.rounds)]
            print(f"{'study, unchanged (304)':44} {0:9} {statistics.median(rate):10.1f}")

            print(f"\n{'times, a connection each':52} {'bytes':>9} {'Gantry us':>10} {'nginx us':>10}   ratio (median, min - max)")
            for name, path, headers in (("series", of_series, PLAIN), ("study of 2,000", of_study, PLAIN), ("study of 2,000, gzip", of_study, GZIP)):
                body = requests.get(server.url + path, headers=headers, stream=True).raw.read(decode_content=False)
                file = name.replace(" ", "-").replace(",", "")  # nginx keeps files open: each has its own name
                (www / file).write_bytes(body)
                warm, cold, peers = [], [], []
                for _ in range(options.rounds * 20):
                    warm.append(fetch(server.port, path, headers))
                    peers.append(fetch(port, f"/{file}", {}))
                timed(f"{name}: first byte, warm", warm, peers, 0)
                timed(f"{name}: whole, warm", warm, peers, 1)
                peers = []
                for _ in range(options.rounds * 2):
                    server.stop()
                    server.start()
                    cold.append(fetch(server.port, path, headers))
                    peers.append(fetch(port, f"/{file}", {}))
                timed(f"{name}: first byte, first request after a start", cold, peers, 0)
                timed(f"{name}: whole, first request after a start", cold, peers, 1)
        server.stop()


if __name__ == "__main__":
    main()
