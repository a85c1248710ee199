"""A syslog receiver that takes nothing on trust: framing (RFC 5425 §4.3, RFC 6587 §3.4.1), header (RFC 5424), message."""

from __future__ import annotations

import pathlib
import re
import socket
import ssl
import subprocess
import threading

HEADER = re.compile(
    rb"<(8[45])>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z) ([\x21-\x7e]{1,255}) (gantry) (\d+) (DICOM\+RFC3881) - "
    rb"\xef\xbb\xbf(<AuditMessage>.*</AuditMessage>)",
    re.S,
)


def certificates(folder: pathlib.Path) -> dict[str, pathlib.Path]:
    """An authority, a receiver's certificate for 127.0.0.1, and a sender's."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {name: folder / f"{name}.pem" for name in ("ca", "ca-key", "server", "server-key", "client", "client-key")}

    def openssl(*arguments: object) -> None:
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, cwd=folder)

    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl("req", "-x509", *new, "-keyout", paths["ca-key"], "-out", paths["ca"], "-days", 2, "-subj", "/CN=Test authority")
    for name, extension in (("server", "subjectAltName=IP:127.0.0.1"), ("client", "extendedKeyUsage=clientAuth")):
        openssl("req", *new, "-keyout", paths[f"{name}-key"], "-out", f"{name}.csr", "-subj", f"/CN={name}")
        (folder / f"{name}.ext").write_text(extension)
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", paths["ca"], "-CAkey", paths["ca-key"], "-CAcreateserial",
                "-out", paths[name], "-days", 2, "-extfile", f"{name}.ext")
    return paths


class Receiver:
    """Listens on a port of its own until it is closed; `messages` are the XML of all that came, in order."""

    def __init__(self, kind: str, port: int = 0, files: dict[str, pathlib.Path] | None = None):
        self.kind, self.messages, self.faults = kind, [], []
        self.lock = threading.Condition()
        self.connections: list[socket.socket] = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(("127.0.0.1", port))
        self.port = self.socket.getsockname()[1]
        self.context = None
        if kind == "tls":
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(files["server"], files["server-key"])
            self.context.load_verify_locations(files["ca"])
            self.context.verify_mode = ssl.CERT_REQUIRED
        if kind != "udp":
            self.socket.listen()
        threading.Thread(target=self.datagrams if kind == "udp" else self.accept, daemon=True).start()

    def take(self, message: bytes) -> None:
        match = HEADER.fullmatch(message)
        with self.lock:
            if match is None:
                self.faults.append(message)
            else:
                self.messages.append(match.group(7).decode())
            self.lock.notify_all()

    def datagrams(self) -> None:
        try:
            while True:
                self.take(self.socket.recv(65536))
        except OSError:
            return

    def accept(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection: socket.socket) -> None:
        try:
            if self.context is not None:
                connection = self.context.wrap_socket(connection, server_side=True)
                self.connections.append(connection)
            stream = connection.makefile("rb")
            while True:
                length = b""
                while not length.endswith(b" "):
                    byte = stream.read(1)
                    if not byte:
                        if length:
                            self.faults.append(length)
                        return
                    length += byte
                if not re.fullmatch(rb"[1-9][0-9]* ", length):
                    self.faults.append(length)
                    return
                message = stream.read(int(length))
                if len(message) < int(length):
                    return  # torn by an end: it is sent again
                self.take(message)
        except (OSError, ssl.SSLError):
            return

    def wait_for(self, enough) -> list[str]:
        """The messages, as soon as `enough(messages)` holds."""
        with self.lock:
            self.lock.wait_for(lambda: enough(self.messages))
            return list(self.messages)

    def close(self) -> None:
        """From here on nobody connects: closing alone would leave the accept(2) that waits."""
        if self.kind != "udp":
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        for connection in self.connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            connection.close()
