"""Identity providers and tokens for tests: the real one of scripts/services, and one of the test's own that it may break."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import http.server
import json
import os
import pathlib
import socket
import ssl
import threading
import time

import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import ec, rsa

AUTH_RULES = ["--auth-audience", "gantry", "--auth-tenant-claim", "$.tenant", "--auth-http-on-loopback",
              "--auth-read", "$.realm_access.roles=viewer", "--auth-write", "$.resource_access['gantry'].roles=uploader",
              "--auth-delete", "$.realm_access.roles=remover", "--auth-admin", "$.realm_access.roles=administrator",
              "--auth-operate", "$.realm_access.roles=operator"]
ROLES = {"none": [], "read": ["viewer"], "write": ["uploader"], "delete": ["remover"], "admin": ["administrator"],
         "operate": ["operator"],
         "all": ["viewer", "uploader", "remover", "administrator", "operator"]}


def auth_flags(issuer: str) -> list[str]:
    return ["--auth-issuer", issuer, *AUTH_RULES]


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def unpadded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def raw_token(header: dict | bytes, claims: dict | bytes, signature: bytes) -> str:
    """A token of any shape."""
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, claims)]
    return ".".join(unpadded(part) for part in (*parts, signature))


def hmac_token(algorithm: str, key_id: str, claims: dict, secret: bytes) -> str:
    unsigned = raw_token({"alg": algorithm, "kid": key_id}, claims, b"").rpartition(".")[0]
    return f"{unsigned}.{unpadded(hmac.new(secret, unsigned.encode(), hashlib.sha256).digest())}"


class RealProvider:
    """The `oidc` of scripts/services: tokens as it gives them, and tokens that its keys sign but it never gave."""

    def __init__(self):
        if "OIDC_ISSUER" not in os.environ:
            assert "GANTRY_NEEDS_SERVICES" not in os.environ, "OIDC_ISSUER is not set"
            pytest.skip("OIDC_ISSUER is not set: scripts/services start oidc")
        self.issuer, self.secret = os.environ["OIDC_ISSUER"], os.environ["OIDC_SECRET"]
        self.keys = {key["alg"]: key for key in json.loads(pathlib.Path(os.environ["OIDC_KEYS"]).read_text())["keys"]}

    def token(self, role: str, tenant: str = "default", resource: str = "urn:gantry") -> str:
        answer = requests.post(f"{self.issuer}/token", auth=(f"robot-{role}-{tenant}", self.secret), timeout=30,
                               data={"grant_type": "client_credentials", "resource": resource, "scope": "dicom.read"})
        assert answer.status_code == 200, answer.text
        return answer.json()["access_token"]

    def claims(self, role: str = "all", tenant: str = "default", **changes) -> dict:
        now = int(time.time())
        made = {"iss": self.issuer, "aud": "gantry", "sub": f"robot-{role}-{tenant}", "tenant": tenant, "iat": now,
                "exp": now + 600, "realm_access": {"roles": ROLES[role]}, "resource_access": {"gantry": {"roles": ROLES[role]}}}
        made.update(changes)
        return {name: value for name, value in made.items() if value is not None}

    def forge(self, claims: dict, algorithm: str = "RS256", **header) -> str:
        """Signed by the provider's own key, whatever it says."""
        key = self.keys["ES256" if algorithm.startswith("ES") else "RS256"]
        return jwt.encode(claims, jwt.PyJWK(key, algorithm=algorithm).key, algorithm, {"kid": key["kid"], **header})


class OwnProvider:
    """A provider of the test's own: its keys, how often it is asked, whether it answers."""

    def __init__(self, tls: ssl.SSLContext | None = None):
        self.keys: dict[str, ec.EllipticCurvePrivateKey] = {}
        self.asked = {"discovery": 0, "jwks": 0}
        self.up = True
        self.redirects_to: str | None = None
        self.rotate("one")
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                name = {"/.well-known/openid-configuration": "discovery", "/jwks": "jwks"}.get(self.path)
                if name:
                    outer.asked[name] += 1
                if outer.redirects_to:
                    self.send_response(302)
                    self.send_header("Location", outer.redirects_to + self.path)
                    self.end_headers()
                    return
                if not outer.up or name is None:
                    self.send_error(500)
                    return
                body = json.dumps(outer.documents()[name]).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.issuer = f"http{'s' if tls else ''}://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def rotate(self, *key_ids: str) -> None:
        """Publishes these keys and no others; those that are new are made."""
        self.keys = {key_id: self.keys.get(key_id) or ec.generate_private_key(ec.SECP256R1()) for key_id in key_ids}

    def documents(self) -> dict[str, dict]:
        keys = [{**json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key.public_key())), "kid": key_id}
                for key_id, key in self.keys.items()]
        return {"discovery": {"issuer": self.issuer, "jwks_uri": f"{self.issuer}/jwks"}, "jwks": {"keys": keys}}

    def token(self, key_id: str = "one", key=None, **changes) -> str:
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": "gantry", "sub": "ann", "tenant": "default", "exp": now + 600,
                  "realm_access": {"roles": ROLES["all"]}, **changes}
        return jwt.encode(claims, key or self.keys[key_id], "ES256", {"kid": key_id})

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def foreign_rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def ask_socket(path: pathlib.Path, target: str) -> bytes:
    """GET through the Unix socket for administration."""
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(str(path))
    connection.request("GET", target)
    answer = connection.getresponse()
    assert answer.status == 200, answer.status
    return answer.read()
