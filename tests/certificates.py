"""Authorities and certificates for tests of TLS, made by the openssl command."""

from __future__ import annotations

import pathlib
import subprocess


def openssl(*arguments: object, text: str = "") -> str:
    done = subprocess.run(["openssl", *map(str, arguments)], input=text, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


class Authority:
    """Signs certificates in a folder of its own."""

    def __init__(self, folder: pathlib.Path, name: str):
        folder.mkdir(parents=True)
        self.folder, self.pem = folder, folder / "ca.pem"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                "-keyout", folder / "ca.key", "-out", self.pem)

    def issue(self, name: str, *, usage: str = "serverAuth", alternatives: str = "DNS:localhost,IP:127.0.0.1", days: int = 1,
              subject: str = "") -> tuple[pathlib.Path, pathlib.Path]:
        """(certificate, key) for `name`, with an RSA key as most have."""
        certificate, key, request = (self.folder / f"{name}.{end}" for end in ("pem", "key", "csr"))
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", subject or f"/CN={name}", "-keyout", key, "-out", request)
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(f"basicConstraints=CA:FALSE\nextendedKeyUsage={usage}\n" +
                              (f"subjectAltName={alternatives}\n" if alternatives else ""))
        openssl("x509", "-req", "-in", request, "-CA", self.pem, "-CAkey", self.folder / "ca.key", "-CAcreateserial", "-days", days,
                "-extfile", extensions, "-out", certificate)
        return certificate, key

    def client(self, name: str, alternatives: str = "", subject: str = "") -> tuple[str, str]:
        """What requests' `cert` takes."""
        certificate, key = self.issue(name, usage="clientAuth", alternatives=alternatives, subject=subject)
        return str(certificate), str(key)
