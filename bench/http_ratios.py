#!/usr/bin/env python3
"""Gantry against nginx sending the same bytes, and against writing and syncing the same files. One run, as ratios.

Needs build/release/gantry, nginx and wrk. Everything listens on 127.0.0.1 and ends with the program.
Usage: bench/run [--rounds 5] [--seconds 4]
"""

from __future__ import annotations

import argparse
import concurrent.futures
import contextlib
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import requests  # noqa: E402
from conftest import Server, free_port, multipart  # noqa: E402
from make_dicom import ct_slice, uids  # noqa: E402

NGINX = """
worker_processes 2; pid {folder}/nginx.pid; error_log {folder}/error.log; daemon off;
events {{ worker_connections 1024; }}
http {{
  access_log off; sendfile on; tcp_nopush on; tcp_nodelay on; keepalive_requests 1000000; default_type application/octet-stream;
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3; uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  open_file_cache max=1000;
  server {{ listen 127.0.0.1:{port} reuseport; root {folder}/www; }}
}}
"""


@contextlib.contextmanager
def nginx(folder: pathlib.Path):
    port = free_port()
    (folder / "www").mkdir()
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port))
    folder.chmod(0o755)
    process = subprocess.Popen(["nginx", "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")])
    while True:
        try:
            requests.get(f"http://127.0.0.1:{port}/")
            break
        except requests.ConnectionError:
            time.sleep(0.02)
    try:
        yield port, folder / "www"
    finally:
        process.terminate()
        process.wait()


def cpu_seconds(pid: int) -> float:
    """What a process has computed, in user and kernel mode."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wrk_of(server: Server, url: str, seconds: float, connections: int, headers: dict[str, str]) -> tuple[float, float]:
    """Requests a second, and microseconds of the server's CPU for one: they are steadier than rates."""
    before = cpu_seconds(server.pid())
    begun = time.perf_counter()
    rate = wrk(url, seconds, connections, headers)
    elapsed = time.perf_counter() - begun
    return rate, (cpu_seconds(server.pid()) - before) / (rate * elapsed) * 1e6


def wrk(url: str, seconds: float, connections: int, headers: dict[str, str]) -> float:
    """Requests a second."""
    command = ["wrk", "-t", "1", "-c", str(connections), "-d", f"{seconds:.0f}s"]
    for name, value in headers.items():
        command += ["-H", f"{name}: {value}"]
    out = subprocess.run([*command, url], capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in out:
        raise AssertionError(f"{url}: {out}")
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1))


def compare(name: str, ours: str, headers: dict[str, str], www: pathlib.Path, port: int, options, connections: int = 16) -> tuple:
    """Serves the very bytes of our answer from nginx, then takes turns."""
    answer = requests.get(ours, headers=headers | {"Accept-Encoding": headers.get("Accept-Encoding", "identity")}, stream=True)
    assert answer.status_code == 200, (ours, answer.status_code, answer.text[:300])
    body = answer.raw.read(decode_content=False)
    file = re.sub(r"\W+", "-", name)
    (www / file).write_bytes(body)
    ratios, rates = [], []
    for _ in range(options.rounds):
        a = wrk(ours, options.seconds, connections, headers)
        b = wrk(f"http://127.0.0.1:{port}/{file}", options.seconds, connections, headers)
        ratios.append(a / b)
        rates.append((a, b))
    a, b = (statistics.median(column) for column in zip(*rates))
    return name, len(body), a, b, ratios


def store_rate(binary: pathlib.Path, server: Server, folder: pathlib.Path, files: list[bytes], clients: int) -> float:
    """Instances a second, each its own request, by as many keep-alive connections of `gantry store`. Its start counts."""
    folder.mkdir()
    for index, data in enumerate(files):
        (folder / f"{index}.dcm").write_bytes(data)
    command = [binary, "store", folder, "--to", server.dicomweb, "--parallel", str(clients), "--ledger", folder.with_suffix(".ledger")]
    begun = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True)
    elapsed = time.perf_counter() - begun
    assert done.returncode == 0, done.stdout + done.stderr
    return len(files) / elapsed


def sync_rate(folder: pathlib.Path, files: list[bytes], clients: int) -> float:
    """The same files written, synced, renamed, and their folder synced, by as many threads: the disk's own limit."""
    folder.mkdir()

    def run(number: int) -> None:
        where = folder / str(number)
        where.mkdir()
        directory = os.open(where, os.O_RDONLY)
        for index, data in enumerate(files[number::clients]):
            temporary = where / f"{index}.tmp"
            fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            os.write(fd, data)
            os.fdatasync(fd)
            os.close(fd)
            os.rename(temporary, where / f"{index}.dcm")
            os.fsync(directory)
        os.close(directory)

    begun = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        list(pool.map(run, range(clients)))
    return len(files) / (time.perf_counter() - begun)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--studies", type=int, default=1000, help="studies behind the QIDO page")
    options = parser.parse_args()
    binary = pathlib.Path(os.environ.get("GANTRY_BIN", ROOT / "build" / "release" / "gantry"))
    for tool in ("nginx", "wrk"):
        assert shutil.which(tool), f"{tool} is missing: scripts/test installs it"

    with tempfile.TemporaryDirectory(prefix="gantry-bench-") as temporary:
        folder = pathlib.Path(temporary)
        server = Server(binary, folder / "data", "--log-level", "warn").start()
        try:
            print(f"{'what':44} {'bytes':>9} {'Gantry/s':>10} {'peer/s':>10}   ratio (median, min - max)")
            stores = []
            for round_number in range(options.rounds):
                study, series = uids(2)
                files = [ct_slice(study, series, sop, n, rows=500, columns=500) for n, sop in enumerate(uids(600), 1)]
                a = store_rate(binary, server, folder / f"send{round_number}", files, 8)
                b = sync_rate(folder / f"sync{round_number}", files, 8)
                stores.append((a, b, a / b))
            report("store 500 KB, 8 clients / write and sync", 500_000, *(statistics.median(x[i] for x in stores) for i in (0, 1)),
                   [x[2] for x in stores])

            study, series, *sops = uids(102)
            body, content_type = multipart([ct_slice(study, series, sop, n, rows=512, columns=512) for n, sop in enumerate(sops, 1)])
            assert requests.post(f"{server.dicomweb}/studies", data=body, headers={"Content-Type": content_type}).status_code == 200
            for _ in range(options.studies // 100):
                parts = [ct_slice(*uids(3), rows=2, columns=2) for _ in range(100)]
                body, content_type = multipart(parts)
                assert requests.post(f"{server.dicomweb}/studies", data=body, headers={"Content-Type": content_type}).status_code == 200

            while "Content-Encoding: gzip" not in (head := prepared_head(server, study, series)) or "Content-Length" not in head:
                time.sleep(0.2)  # until the series is prepared
            at = f"{server.dicomweb}/studies/{study}/series/{series}"
            with nginx(folder) as (port, www):
                def against_nginx(name, url, headers, connections=16):
                    report(*compare(name, url, headers, www, port, options, connections))

                frame = {"Accept": "multipart/related; type=application/octet-stream; transfer-syntax=*"}
                against_nginx("one frame, 512 KB / nginx", f"{at}/instances/{sops[0]}/frames/1", frame)
                against_nginx("one instance as stored / nginx", f"{at}/instances/{sops[0]}", {"Accept": "application/dicom; transfer-syntax=*"})
                against_nginx("series metadata, 100 instances / nginx", f"{at}/metadata", {"Accept": "application/dicom+json"})
                against_nginx("the same, gzip / nginx", f"{at}/metadata", {"Accept": "application/dicom+json", "Accept-Encoding": "gzip"})
                against_nginx(f"QIDO page of 25 of {options.studies} / nginx", f"{server.dicomweb}/studies?limit=25", {"Accept": "application/dicom+json"})
                against_nginx("health (no work at all) / nginx", f"{server.url}/healthz", {})
            print(f"memory of the server: {server.resident_kb() // 1024} MB now, {server.resident_kb('VmHWM') // 1024} MB at most")
        finally:
            server.stop()


def prepared_head(server: Server, study: str, series: str) -> str:
    """Of a prepared series it has a length; of one put together from its rows it has none."""
    answer = requests.get(f"{server.dicomweb}/studies/{study}/series/{series}/metadata", headers={"Accept-Encoding": "gzip"})
    return "\n".join(f"{name}: {value}" for name, value in answer.headers.items())


def report(name: str, size: int, ours: float, peer: float, ratios: list[float]) -> None:
    print(f"{name:44} {size:9} {ours:10.1f} {peer:10.1f}   {statistics.median(ratios):.2f}  ({min(ratios):.2f} - {max(ratios):.2f})", flush=True)


if __name__ == "__main__":
    main()
