"""A Redis of scripts/services that a test may ruin."""

from __future__ import annotations

import os
import pathlib
import re
import signal
import socket
import subprocess
import threading
import time
import urllib.parse

SERVICES = pathlib.Path(__file__).resolve().parent.parent / "scripts" / "services"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Redis:
    """A Redis of scripts/services in a folder of its own."""

    def __init__(self, folder: pathlib.Path):
        self.environment = os.environ | {"GANTRY_SERVICES_DIR": str(folder)}
        self.url = re.search(r"^REDIS_URL='(.*)'$", self.ask("start"), re.M).group(1)

    def ask(self, verb: str) -> str:
        return subprocess.run([SERVICES, verb, "redis"], env=self.environment, check=True, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE).stdout

    def command(self, *words: str) -> str:
        """What redis-cli prints; "" while the server does not answer."""
        parts = urllib.parse.urlsplit(self.url)
        done = subprocess.run(["redis-cli", "-h", parts.hostname, "-p", str(parts.port), *words], text=True, capture_output=True,
                              env=os.environ | {"REDISCLI_AUTH": parts.password})
        return done.stdout.strip()


class SlowRedis:
    """Stands before a Redis and passes on what it answers some seconds later."""

    def __init__(self, url: str, seconds: float):
        parts = urllib.parse.urlsplit(url)
        self.behind, self.seconds = (parts.hostname, parts.port), seconds
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = url.replace(f":{parts.port}", f":{self.listener.getsockname()[1]}")
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            try:
                front = self.listener.accept()[0]
            except OSError:
                return  # closed
            back = socket.create_connection(self.behind)
            for of, to, seconds in ((front, back, 0.0), (back, front, self.seconds)):
                threading.Thread(target=self.pass_on, args=(of, to, seconds), daemon=True).start()

    @staticmethod
    def pass_on(of: socket.socket, to: socket.socket, seconds: float) -> None:
        try:
            while data := of.recv(65536):
                time.sleep(seconds)
                to.sendall(data)
            to.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the other side has ended

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class RedisUnderSentinels:
    """Two Redis servers, one of them the other's replica, and three sentinels that make it the primary when that one ends."""

    PASSWORD, SENTINELS_PASSWORD = "of-redis", "of-sentinels"

    def __init__(self, folder: pathlib.Path):
        folder.mkdir()
        self.folder = folder
        self.processes: dict[int, subprocess.Popen] = {}
        self.servers, self.sentinels = [free_port(), free_port()], [free_port() for _ in range(3)]
        for port in self.servers:
            self.start(port, f"requirepass {self.PASSWORD}", f"masterauth {self.PASSWORD}", 'save ""', "appendonly no",
                       "repl-diskless-sync-delay 0", *((f"replicaof 127.0.0.1 {self.servers[0]}",) if port != self.servers[0] else ()))
        while "state=online" not in self.ask(self.servers[0], "INFO", "replication"):
            time.sleep(0.05)
        for port in self.sentinels:
            self.start(port, f"requirepass {self.SENTINELS_PASSWORD}", f"sentinel sentinel-pass {self.SENTINELS_PASSWORD}",
                       f"sentinel monitor mymaster 127.0.0.1 {self.servers[0]} 2", f"sentinel auth-pass mymaster {self.PASSWORD}",
                       "sentinel down-after-milliseconds mymaster 500", "sentinel failover-timeout mymaster 2000", arguments=("--sentinel",))
        # They have found each other and the replica.
        while not all({"num-other-sentinels=2", "num-slaves=1"} <= self.known_to(port) for port in self.sentinels):
            time.sleep(0.05)

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{port}" for port in self.sentinels)
        return f"redis+sentinel://:{self.PASSWORD}@{hosts}/mymaster/0?sentinel_password={self.SENTINELS_PASSWORD}"

    def start(self, port: int, *lines: str, arguments: tuple[str, ...] = ()) -> None:
        """Without lines: again, as it was configured, also by the sentinels."""
        file = self.folder / f"{port}.conf"
        if lines:
            file.write_text("\n".join((f"port {port}", "bind 127.0.0.1", f"dir {self.folder}", f"logfile {self.folder}/{port}.log", *lines)) + "\n")
        self.processes[port] = subprocess.Popen(["redis-server", file, *arguments])

    def ask(self, port: int, *words: str) -> str:
        """What redis-cli prints; "" while the server does not answer."""
        password = self.SENTINELS_PASSWORD if port in self.sentinels else self.PASSWORD
        return subprocess.run(["redis-cli", "-h", "127.0.0.1", "-p", str(port), *words], text=True, capture_output=True,
                              env=os.environ | {"REDISCLI_AUTH": password}).stdout.strip()

    def known_to(self, sentinel: int) -> set[str]:
        words = self.ask(sentinel, "SENTINEL", "master", "mymaster").split("\n")
        return {f"{name}={value}" for name, value in zip(words[::2], words[1::2])}

    def primary(self) -> int:
        """The port of what most sentinels take for it."""
        told = [int(f"0{self.ask(port, 'SENTINEL', 'get-master-addr-by-name', 'mymaster').rpartition(chr(10))[2]}") for port in self.sentinels]
        return max(told, key=told.count)

    def signal(self, port: int, number: int) -> None:
        self.processes[port].send_signal(number)
        if number == signal.SIGKILL:
            self.processes[port].wait()

    def stop(self) -> None:
        for port in self.processes:
            self.signal(port, signal.SIGKILL)
