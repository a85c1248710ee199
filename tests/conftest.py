"""What every Python test starts from: the corpus, a running Gantry, and DICOM files made to measure."""

from __future__ import annotations

import csv
import os
import pathlib
import re
import signal
import subprocess
import time
from dataclasses import dataclass

import pytest
import requests

from databases import KIND as INDEX_KIND
from databases import Databases
from redis_service import Redis, RedisUnderSentinels, free_port

ROOT = pathlib.Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class CorpusFile:
    """A line of INDEX.tsv: a real file, and whether an archive must take it."""

    name: str
    path: pathlib.Path
    accept: bool
    reason: str
    transfer_syntax: str
    study: str
    series: str
    sop: str
    sop_class_name: str

    def read(self) -> bytes:
        return self.path.read_bytes()


def load_corpus(folder: pathlib.Path) -> list[CorpusFile]:
    with open(folder / "INDEX.tsv", newline="", encoding="utf-8") as index:
        rows = csv.DictReader(index, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [
            CorpusFile(
                name=row["file"],
                path=folder / row["file"],
                accept=row["expected"] == "accept",
                reason=row["expected"].partition(": ")[2],
                transfer_syntax=row["transfer_syntax"],
                study=row["study_uid"],
                series=row["series_uid"],
                sop=row["instance_uid"],
                sop_class_name=row["sop_class"],
            )
            for row in rows
        ]


def corpus_folder() -> pathlib.Path:
    """The whole corpus when it is there, else the small freely licensed part that the project carries."""
    wanted = os.environ.get("GANTRY_CORPUS")
    if wanted:
        return pathlib.Path(wanted)
    shared = ROOT.parent / "shared" / "corpus"
    return shared if (shared / "INDEX.tsv").exists() else ROOT / "tests" / "data"


def gantry_binary() -> pathlib.Path:
    wanted = os.environ.get("GANTRY_BIN")
    candidates = [pathlib.Path(wanted)] if wanted else [ROOT / "build" / "dev" / "gantry", ROOT / "build" / "release" / "gantry"]
    for candidate in candidates:
        if candidate.exists():
            return candidate
    raise FileNotFoundError(f"no gantry binary at {candidates}; scripts/test builds it")


@pytest.fixture(scope="session")
def corpus() -> list[CorpusFile]:
    files = load_corpus(corpus_folder())
    assert files, "an empty corpus tests nothing"
    return files


@pytest.fixture(scope="session")
def gantry() -> pathlib.Path:
    return gantry_binary()


DATABASES = Databases()

# A test's database is new: `serve` makes its schema, except where a test is about `gantry migrate`.
os.environ["GANTRY_INDEX_MIGRATE"] = "true"


@pytest.fixture(scope="session", autouse=True)
def databases():
    """Whatever databases the session made end with it."""
    yield DATABASES
    DATABASES.drop_all()


def pytest_configure(config) -> None:
    config.addinivalue_line("markers", "embedded_index: about the index in the data folder, and no other")
    config.addinivalue_line("markers", "database_server: about indexes on a database server")


def pytest_collection_modifyitems(items) -> None:
    """A test of the embedded index says nothing about a database server, nor the other way round."""
    other = "database_server" if INDEX_KIND == "sqlite" else "embedded_index"
    items[:] = [item for item in items if not item.get_closest_marker(other)]


class Server:
    """A `gantry serve` of its own data folder and port, and on a database server with a database of its own."""

    def __init__(self, binary: pathlib.Path, data: pathlib.Path, *flags: str, wrapper: tuple[str, ...] = ()):
        self.binary, self.data, self.flags, self.wrapper = binary, data, flags, wrapper
        self.host = "127.0.0.1"
        self.port = free_port()
        self.process: subprocess.Popen | None = None
        self.log = data.parent / f"{data.name}.log"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def dicomweb(self) -> str:
        return f"{self.url}/dicom-web"

    def index_flags(self) -> list[str]:
        return [] if "--index-url" in self.flags else DATABASES.flags(self.data)

    def start(self) -> "Server":
        command = [*self.wrapper, str(self.binary), "serve", "--data", str(self.data), "--listen", f"{self.host}:{self.port}",
                   "--dimse-listen", f"127.0.0.1:{free_port()}", *self.index_flags(), *self.flags]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        while True:
            if self.process.poll() is not None:
                raise AssertionError(f"gantry serve ended at once:\n{self.log.read_text(errors='replace')[-4000:]}")
            try:
                if self.ask("/readyz").status_code == 200:
                    return self
            except requests.ConnectionError:
                pass
            time.sleep(0.02)

    def ask(self, path: str) -> requests.Response:
        """What the wait for readiness asks with."""
        return requests.get(self.url + path, timeout=5)

    def logged(self, words: str) -> str:
        """The log, as soon as it has these words: a thread of its own writes it, so a line may come after an answer."""
        while words not in (text := self.log.read_text(errors="replace")):
            time.sleep(0.01)
        return text

    def pid(self) -> int:
        """The server's own process, also under a wrapper such as strace."""
        if not self.wrapper:
            return self.process.pid
        out = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=True).stdout
        return int(out.split()[0])

    def resident_kb(self, field: str = "VmRSS") -> int:
        status = pathlib.Path(f"/proc/{self.pid()}/status").read_text()
        return int(re.search(rf"^{field}:\s+(\d+) kB", status, re.M).group(1))

    def kill(self) -> None:
        os.kill(self.pid(), signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        if self.process is None or self.process.poll() is not None:
            return self.process.returncode if self.process else 0
        os.kill(self.pid(), signal.SIGTERM)
        return self.process.wait()


@pytest.fixture
def make_server(gantry, tmp_path):
    """Starts servers on folders of their own; stops them at the test's end."""
    servers: list[Server] = []

    def make(*flags: str, data: pathlib.Path | None = None, wrapper: tuple[str, ...] = (), kind: type[Server] = Server) -> Server:
        server = kind(gantry, data or tmp_path / f"data{len(servers)}", *flags, wrapper=wrapper)
        servers.append(server)
        return server.start()

    yield make
    for server in servers:
        if server.process and server.process.poll() is None:
            server.stop()


def need_redis() -> None:
    if "REDIS_URL" not in os.environ:
        assert "GANTRY_NEEDS_SERVICES" not in os.environ, "REDIS_URL is not set"
        pytest.skip("REDIS_URL is not set: scripts/services start redis")


@pytest.fixture
def sentinels(tmp_path):
    """A primary, a replica and sentinels of the test's own."""
    need_redis()
    made = RedisUnderSentinels(tmp_path / "sentinels")
    yield made
    made.stop()


@pytest.fixture
def redis(tmp_path):
    """A Redis of the test's own, where scripts/services offers one."""
    need_redis()
    made = Redis(tmp_path / "services")
    yield made
    made.ask("stop")


@pytest.fixture(scope="session")
def corpus_server(gantry, corpus, tmp_path_factory):
    """A server that was sent the whole corpus in INDEX.tsv's order. Tests on it must not change it."""
    folder = tmp_path_factory.mktemp("corpus")
    server = Server(gantry, folder / "data").start()
    server.outcomes = [post_instance(server, file.read()) for file in corpus]
    yield server
    server.stop()


def multipart(parts: list[bytes], boundary: str = "gantry-test-boundary") -> tuple[bytes, str]:
    """A STOW-RS body and its Content-Type."""
    body = b"".join(b"--%s\r\nContent-Type: application/dicom\r\n\r\n%s\r\n" % (boundary.encode(), part) for part in parts)
    return body + b"--%s--\r\n" % boundary.encode(), f'multipart/related; type="application/dicom"; boundary="{boundary}"'


def post_instance(server: Server, data: bytes, path: str = "/studies") -> requests.Response:
    body, content_type = multipart([data])
    return requests.post(server.dicomweb + path, data=body, headers={"Content-Type": content_type})


def split_multipart(response: requests.Response) -> list[tuple[dict[str, str], bytes]]:
    """Parts of a multipart/related answer as (headers, bytes), cut exactly at the delimiters."""
    boundary = re.search(r'boundary="?([^";]+)"?', response.headers["Content-Type"]).group(1).encode()
    body = b"\r\n" + response.content
    pieces = body.split(b"\r\n--" + boundary)
    assert pieces[-1].startswith(b"--"), "no closing delimiter"
    parts = []
    for piece in pieces[1:-1]:
        head, _, data = piece.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().strip("\r\n").split("\r\n") if line)
        parts.append((headers, data))
    return parts
