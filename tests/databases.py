"""A database of its own for each server under test. GANTRY_TEST_INDEX says where: sqlite (the default), or the name of a
service of scripts/services whose variables are set (postgres: POSTGRES_URL, mysql: MYSQL_URL, mongo: MONGO_URL)."""

from __future__ import annotations

import os
import pathlib
import secrets
import socket
import struct
import subprocess
import urllib.parse

KIND = os.environ.get("GANTRY_TEST_INDEX", "sqlite")


class Databases:
    """Makes them by data folder: a server that starts again on its folder finds its database again."""

    def __init__(self) -> None:
        self._urls: dict[pathlib.Path, str] = {}

    def flags(self, data: pathlib.Path) -> list[str]:
        """What `gantry serve` is told; nothing for the embedded index, which lives in the data folder."""
        if KIND == "sqlite":
            return []
        if data not in self._urls:
            self._urls[data] = self._create("gantry_test_" + secrets.token_hex(6))
        return ["--index-url", self._urls[data]]

    def new_url(self, folder: pathlib.Path) -> str:
        """An empty database, also for the embedded index: then a file in `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        return f"sqlite:{folder}/index.sqlite" if KIND == "sqlite" else self.flags(folder)[1]

    def drop_all(self) -> None:
        for url in self._urls.values():
            base, _, name = url.rpartition("/")
            if KIND == "mongo":
                _drop_mongo(name)
            elif KIND == "mysql":
                _mariadb(f"DROP DATABASE {name}")
            else:
                _psql(f"DROP DATABASE {name} WITH (FORCE)")
        self._urls.clear()

    @staticmethod
    def _create(name: str) -> str:
        if KIND == "mongo":  # made by being used
            return os.environ["MONGO_URL"].rpartition("/")[0] + "/" + name
        if KIND == "mysql":
            _mariadb(f"CREATE DATABASE {name}")
            return os.environ["MYSQL_URL"].rpartition("/")[0] + "/" + name
        if KIND != "postgres":
            raise ValueError(f"GANTRY_TEST_INDEX={KIND} is none of sqlite, postgres, mysql, mongo")
        _psql(f"CREATE DATABASE {name}")
        return os.environ["POSTGRES_URL"].rpartition("/")[0] + "/" + name


def _psql(statement: str) -> None:
    subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", os.environ["POSTGRES_URL"], "-c", statement], check=True,
                   capture_output=True)


def _mariadb(statement: str) -> None:
    server = urllib.parse.urlsplit(os.environ["MYSQL_URL"])
    subprocess.run(["mariadb", "--no-defaults", "--protocol=tcp", "-h", server.hostname, "-P", str(server.port), "-u", server.username,
                    "-e", statement], check=True, capture_output=True, env=os.environ | {"MYSQL_PWD": server.password})


def _drop_mongo(name: str) -> None:
    """Sends {dropDatabase: 1, $db: name} as an OP_MSG."""
    fields = b"\x10dropDatabase\x00" + struct.pack("<i", 1) + (
        b"\x02$db\x00" + struct.pack("<i", len(name) + 1) + name.encode() + b"\x00\x00")
    body = struct.pack("<i", 0) + b"\x00" + struct.pack("<i", len(fields) + 4) + fields
    server = urllib.parse.urlsplit(os.environ["MONGO_URL"])
    with socket.create_connection((server.hostname, server.port), timeout=20) as connection:
        connection.sendall(struct.pack("<iiii", 16 + len(body), 1, 0, 2013) + body)
        assert connection.recv(65536)
