"""A Redis of scripts/services that a test may ruin."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import urllib.parse

SERVICES = pathlib.Path(__file__).resolve().parent.parent / "scripts" / "services"


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
