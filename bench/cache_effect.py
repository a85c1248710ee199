#!/usr/bin/env python3
"""What a shared index is asked for per request, with and without the caches: statements, rows and bytes on a mix as a
viewer makes it (a list, a study's series, each series' metadata, then all frames), by 32 clients over PostgreSQL.

Needs wrk, and POSTGRES_ADMIN_URL and REDIS_URL of scripts/services.
Usage: eval "$(scripts/services start postgres redis)"; .venv/bin/python bench/cache_effect.py [--seconds 10]
"""

from __future__ import annotations

import argparse
import os
import pathlib
import random
import re
import secrets
import subprocess
import tempfile
import urllib.parse

import requests
from http_ratios import ROOT, Server, ct_slice, multipart, uids

STUDIES, SERIES, INSTANCES = 4, 20, 100

LUA = """
local paths = {}
for line in io.lines("%s") do paths[#paths + 1] = line end
local threads = 0
function setup(thread) thread:set("number", threads); threads = threads + 1 end
function init() at = math.floor(number * #paths / 2) end
function request()
  at = at %% #paths + 1
  local accept, path = paths[at]:match("^(%%S+) (.*)$")
  if accept == "frame" then
    return wrk.format("GET", path, {["Accept"] = "multipart/related; type=application/octet-stream; transfer-syntax=*"})
  end
  return wrk.format("GET", path, {["Accept"] = "application/dicom+json", ["Accept-Encoding"] = "gzip"})
end
"""


def psql(url: str, statement: str) -> str:
    return subprocess.run(["psql", "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", url, "-c", statement], check=True, text=True,
                          stdout=subprocess.PIPE).stdout.strip()


def received(pid: int, port: int) -> int:
    """Bytes that the process has received from the database on the connections that it has now."""
    out = subprocess.run(["ss", "-tinpH", f"dport = :{port}"], check=True, text=True, stdout=subprocess.PIPE).stdout
    sockets = re.split(r"\n(?=\S)", out)
    return sum(int(match.group(1)) for each in sockets if f"pid={pid}," in each
               and (match := re.search(r"bytes_received:(\d+)", each)))


def fill(server: Server) -> list[str]:
    """Stores the studies; the requests of the mix, in order."""
    lines: list[str] = []
    for _ in range(STUDIES):
        study, *series = uids(SERIES + 1)
        lines += ["json /dicom-web/studies?limit=25", f"json /dicom-web/studies/{study}/series"]
        for number, uid in enumerate(series):
            sops = uids(INSTANCES)
            files = [ct_slice(study, uid, sop, n, rows=16, columns=16, SeriesNumber=number) for n, sop in enumerate(sops)]
            body, content_type = multipart(files)
            answer = requests.post(f"{server.dicomweb}/studies", data=body, headers={"Content-Type": content_type})
            assert answer.status_code == 200, answer.text
            lines.append(f"json /dicom-web/studies/{study}/series/{uid}/metadata")
            random.shuffle(sops)
            lines += [f"frame /dicom-web/studies/{study}/series/{uid}/instances/{sop}/frames/1" for sop in sops]
    return lines


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=10)
    options = parser.parse_args()
    binary = pathlib.Path(os.environ.get("GANTRY_BIN", ROOT / "build" / "release" / "gantry"))
    admin = os.environ["POSTGRES_ADMIN_URL"]
    name = "gantry_bench_" + secrets.token_hex(4)
    psql(admin, f"CREATE DATABASE {name} OWNER gantry")
    psql(admin, "CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
    url = os.environ["POSTGRES_URL"].rpartition("/")[0] + "/" + name
    port = urllib.parse.urlsplit(url).port
    try:
        with tempfile.TemporaryDirectory(prefix="gantry-bench-") as temporary:
            folder = pathlib.Path(temporary)
            common = ("--index-url", url, "--index-migrate", "--storage-url", f"file:{folder}/objects", "--log-level", "warn",
                      "--worker-quiet-period", "0s")
            server = Server(binary, folder / "data", *common).start()
            lines = fill(server)
            while len(list((folder / "objects").rglob("*.gsj"))) < STUDIES * SERIES:
                pass
            server.stop()
            (folder / "paths").write_text("\n".join(lines) + "\n")
            (folder / "mix.lua").write_text(LUA % (folder / "paths"))
            cached = ("--cache-url", os.environ["REDIS_URL"])
            print(f"{'per request':44} {'requests/s':>10} {'statements':>10} {'rows':>8} {'bytes':>8}")
            first = None
            for what, flags in (("no cache", ("--cache-memory-bytes", "0")), ("memory and Redis", cached),
                                ("the same, 1 s of staleness allowed", (*cached, "--cache-max-staleness", "1s"))):
                server = Server(binary, folder / "data", *common, *flags).start()
                command = ["wrk", "-t", "2", "-c", "32", "-s", str(folder / "mix.lua")]
                subprocess.run([*command, "-d", "3s", server.url], check=True, capture_output=True)  # warms up, and connects
                psql(admin, "SELECT pg_stat_statements_reset()")
                bytes_before = received(server.pid(), port)
                out = subprocess.run([*command, "-d", f"{options.seconds}s", server.url], check=True, capture_output=True, text=True).stdout
                assert "Non-2xx" not in out, out
                bytes_after = received(server.pid(), port)
                requested = int(re.search(r"(\d+) requests in", out).group(1))
                statements, rows = (int(number) for number in psql(admin, f"""SELECT coalesce(sum(calls), 0), coalesce(sum(rows), 0)
                    FROM pg_stat_statements WHERE dbid = (SELECT oid FROM pg_database WHERE datname = '{name}')""").split("|"))
                server.stop()
                each = [number / requested for number in (statements, rows, bytes_after - bytes_before)]
                first = first or each
                saved = " ".join(f"{1 - now / before:8.1%}" for now, before in zip(each, first))
                print(f"{what:44} {requested / options.seconds:10.0f} {each[0]:10.3f} {each[1]:8.3f} {each[2]:8.1f}   saved {saved}", flush=True)
    finally:
        psql(admin, f"DROP DATABASE {name} WITH (FORCE)")


if __name__ == "__main__":
    main()
