"""Who may do what: tokens of a real provider on every route, hostile tokens, and providers that rotate, fail or are flooded."""

from __future__ import annotations

import json
import re
import ssl
import subprocess
import time

import jwt
import pytest
import requests
from conftest import Server
from cryptography.hazmat.primitives import serialization
from identity import OwnProvider, RealProvider, ask_socket, auth_flags, bearer, foreign_rsa_key, hmac_token, raw_token

JWKS_KEY = "jwksurl:8e646686-9d36-480b-95ea-1718b24c1c98"


@pytest.fixture(scope="module")
def provider() -> RealProvider:
    return RealProvider()


@pytest.fixture
def own_provider():
    made = OwnProvider()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def guarded(gantry, provider, tmp_path_factory) -> Server:
    """A server that takes the real provider's tokens."""
    server = Server(gantry, tmp_path_factory.mktemp("guarded") / "data", *auth_flags(provider.issuer)).start()
    yield server
    server.stop()


def get(server: Server, token: str | None, path: str = "/dicom-web/studies", **headers) -> requests.Response:
    return requests.get(server.url + path, headers={**(bearer(token) if token is not None else {}), **headers}, timeout=60)


def routes_of(server: Server) -> list[dict]:
    return json.loads(ask_socket(server.data / "admin.sock", "/admin/routes"))


def path_of(pattern: str) -> str:
    values = {"tenant": "default", "study": "1.2.3", "series": "1.2.3.4", "instance": "1.2.3.4.5", "frames": "1"}
    return re.sub(r"\{([^}]+)\}", lambda name: values.get(name[1], "x"), pattern)


def statuses(server: Server, route: dict, tokens: dict[str, str | None], **headers) -> dict[str, int]:
    found = {}
    for name, token in tokens.items():
        answer = requests.request(route["method"], server.url + path_of(route["path"]), timeout=60, stream=True,
                                  headers={**(bearer(token) if token is not None else {}), **headers})
        found[name] = answer.status_code
        answer.close()
    return found


def test_every_route_refuses_every_wrong_token_and_takes_the_right_one(guarded, provider):
    now = int(time.time())
    wrong = {
        "none": None,
        "garbage": "garbage",
        "wrong audience": provider.token("all", resource="urn:billing"),
        "expired": provider.forge(provider.claims(exp=now - 61, iat=now - 700)),
        "wrong issuer": provider.forge(provider.claims(iss="https://elsewhere.example")),
        "foreign key": jwt.encode(provider.claims(), foreign_rsa_key(), "RS256", {"kid": provider.keys["RS256"]["kid"]}),
    }
    roles = {role: provider.token(role) for role in ("none", "read", "write", "delete", "admin", "operate", "all")}
    routes = [route for route in routes_of(guarded) if not route["path"].startswith("/share")]
    assert len(routes) > 30
    seen = set()
    for route in routes:
        where = f"{route['method']} {route['path']}"
        seen.add(route["permission"])
        if route["permission"] == "public":
            assert set(statuses(guarded, route, wrong).values()).isdisjoint({401, 403}), where
            continue
        assert statuses(guarded, route, wrong) == dict.fromkeys(wrong, 401), where
        if route["path"].startswith("/admin/tenants"):  # the operator's, over the Unix socket alone
            assert set(statuses(guarded, route, roles).values()) == {403}, where
            continue
        by_role = statuses(guarded, route, roles)
        for role, status in by_role.items():
            if role in (route["permission"], "all"):
                assert status not in (401, 403), f"{where} as {role}: {status}"
            else:
                assert status == 403, f"{where} as {role}: {status}"
        # The tenant that is named beside a token may only agree with it.
        elsewhere = {"token's tenant": provider.token("all", tenant="other")} if "{tenant}" in route["path"] else {}
        assert statuses(guarded, route, elsewhere) == dict.fromkeys(elsewhere, 403), where
        assert statuses(guarded, route, {"header": roles["all"]}, **{"x-tenant": "other"}) == {"header": 403}, where
    assert seen == {"public", "read", "write", "delete", "admin", "operate"}


def test_refusals_say_what_is_wrong_and_nothing_more(guarded, provider):
    def challenge(token):
        answer = get(guarded, token)
        assert answer.status_code in (401, 403)
        assert answer.headers["Access-Control-Allow-Origin"] == "*", "a viewer's script must be able to read it"
        return answer.headers["WWW-Authenticate"]

    assert challenge(None) == 'Bearer realm="gantry"'
    elsewhere = challenge(provider.forge(provider.claims(iss="https://elsewhere.example")))
    assert 'error="invalid_token"' in elsewhere
    assert "https://elsewhere.example" in elsewhere and provider.issuer in elsewhere
    billing = challenge(provider.token("all", resource="urn:billing"))
    assert "billing" in billing and "gantry" in billing
    assert "expired" in challenge(provider.forge(provider.claims(exp=int(time.time()) - 100)))
    assert 'error="insufficient_scope"' in challenge(provider.token("write"))
    assert "$.tenant" in challenge(provider.forge(provider.claims(tenant="../default")))


def test_hostile_tokens_are_refused_and_harm_nothing(guarded, provider):
    key = provider.keys["RS256"]
    good = provider.token("all")
    assert get(guarded, good).status_code == 200
    public = json.dumps({name: key[name] for name in ("kty", "n", "e", "kid", "alg", "use")}).encode()
    pem = jwt.PyJWK(key).key.public_key().public_bytes(serialization.Encoding.PEM,
                                                       serialization.PublicFormat.SubjectPublicKeyInfo)
    own = foreign_rsa_key()
    own_jwk = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(own.public_key())) | {"kid": key["kid"]}
    claims = provider.claims()
    tokens = [
        "", ".", "..", "...", good + ".", good[:-3], good.replace(".", ""), good + "=", "A" * 16_384, "A" * 17_000,
        raw_token({"alg": "none"}, claims, b""), raw_token({"alg": "None", "kid": key["kid"]}, claims, b"x"),
        *(hmac_token("HS256", key["kid"], claims, secret) for secret in (public, pem, b"")),
        *(jwt.encode(claims, own, "RS256", {"kid": key["kid"], **more})
          for more in ({}, {"jwk": own_jwk}, {"jku": "http://127.0.0.1:1/keys"}, {"x5u": "http://127.0.0.1:1/x"}, {"x5c": ["AAAA"]})),
        *(provider.forge(claims, kid=kid) for kid in ("", "../../etc/passwd", "x" * 9000, "' OR 1=1")),
        provider.forge(claims, crit=["exp"]), provider.forge(claims, typ="logout+jwt"), provider.forge(claims, "PS256"),
        provider.forge(claims, "RS512"),
        *(provider.forge(provider.claims(**change)) for change in (
            {"exp": None}, {"exp": 1}, {"exp": 10**30}, {"nbf": int(time.time()) + 300}, {"aud": None}, {"aud": []}, {"iss": None},
            {"iss": [provider.issuer]}, {"iss": provider.issuer + "/"}, {"sub": None}, {"sub": ""}, {"iat": int(time.time()) + 300})),
        raw_token(b'{"alg":"RS256","alg":"none"}', claims, b"x"), raw_token(b"[" * 5000, claims, b"x"), raw_token(b"\xff\xfe", claims, b"x"),
    ]
    for token in tokens:
        assert get(guarded, token).status_code == 401, token[:120]
    for field in ("Basic YTpi", "Bearer", "Bearer a b", f"Bearer\t{good}", f"Bearer {good}, Bearer {good}", good):
        assert requests.get(guarded.dicomweb + "/studies", headers={"Authorization": field}, timeout=60).status_code == 401, field
    assert get(guarded, None, f"/dicom-web/studies?access_token={good}").status_code == 401, "tokens in URLs end up in logs"
    assert get(guarded, good).status_code == 200
    assert [line for line in guarded.log.read_text(errors="replace").splitlines() if good.split(".")[2] in line] == []


def test_tokens_by_elliptic_curves_and_fresh_logins_work(guarded, provider):
    assert get(guarded, provider.token("read", resource="urn:gantry:es256")).status_code == 200
    assert get(guarded, provider.forge(provider.claims("read"), "ES256")).status_code == 200
    assert re.search(r"^gantry_auth_verified_total [1-9]", get(guarded, None, "/metrics").text, re.M), "loopback alone is served"
    page = get(guarded, None, "/")
    assert page.status_code == 200 and str(guarded.data) not in page.text


def test_half_a_configuration_never_starts(gantry, tmp_path):
    def refused(*flags):
        run = subprocess.run([gantry, "serve", "--data", tmp_path / "d", "--listen", "127.0.0.1:0", *flags], capture_output=True,
                             text=True, timeout=60)
        assert run.returncode != 0, flags
        return run.stderr

    assert "auth.issuer" in refused("--auth-audience", "gantry")
    issuer = ("--auth-issuer", "https://id.example")
    assert "auth.audience" in refused(*issuer)
    whole = (*issuer, "--auth-audience", "gantry", "--auth-tenant", "default")
    assert "nobody may do anything" in refused(*whole)
    assert "is no rule" in refused(*whole, "--auth-read", "viewer")
    assert "is not https" in refused("--auth-issuer", "http://id.example", *whole[2:], "--auth-read", "scope:dicom.read")
    assert "RS256" in refused(*whole, "--auth-read", "scope:dicom.read", "--auth-algorithms", "HS256")


def test_a_provider_may_rotate_its_keys(make_server, own_provider):
    server = make_server(*auth_flags(own_provider.issuer), "--auth-keys-pause", "1s")
    first = own_provider.token("one")
    assert get(server, first).status_code == 200
    time.sleep(1.1)
    own_provider.rotate("one", "two")
    assert get(server, own_provider.token("two")).status_code == 200, "an unknown key makes it look"
    assert get(server, first).status_code == 200
    time.sleep(1.1)
    own_provider.rotate("two")
    made_up = own_provider.token("three", key=own_provider.keys["two"])
    assert get(server, made_up).status_code == 401
    assert get(server, first).status_code == 401, "what a withdrawn key signed opens nothing any more"
    assert get(server, own_provider.token("two")).status_code == 200


def test_a_provider_that_is_down_locks_nobody_out(make_server, own_provider):
    server = make_server(*auth_flags(own_provider.issuer), "--auth-keys-refresh", "1s", "--auth-keys-pause", "1s")
    assert get(server, own_provider.token()).status_code == 200
    own_provider.up = False
    asked = own_provider.asked["jwks"] + own_provider.asked["discovery"]
    while own_provider.asked["jwks"] + own_provider.asked["discovery"] < asked + 2:  # it tried, and failed
        time.sleep(0.05)
    for _ in range(3):
        assert get(server, own_provider.token(jti=str(time.time()))).status_code == 200, "tokens that it never saw"
    assert get(server, own_provider.token("two", key=own_provider.keys["one"])).status_code == 401


def test_without_any_keys_nobody_is_told_that_their_token_is_wrong(make_server, own_provider):
    own_provider.up = False
    server = make_server(*auth_flags(own_provider.issuer), "--auth-keys-pause", "1s")
    answer = get(server, own_provider.token())
    assert answer.status_code == 503 and int(answer.headers["Retry-After"]) > 0
    own_provider.up = True
    while get(server, own_provider.token()).status_code != 200:
        time.sleep(0.1)


def test_a_flood_of_unknown_keys_asks_the_provider_once(make_server, own_provider):
    server = make_server(*auth_flags(own_provider.issuer), "--auth-keys-pause", "1h", "--auth-keys-refresh", "1h")
    assert get(server, own_provider.token()).status_code == 200
    before = own_provider.asked["jwks"]
    with requests.Session() as session:
        for number in range(500):
            token = own_provider.token(f"made-up-{number}", key=own_provider.keys["one"])
            assert session.get(server.dicomweb + "/studies", headers=bearer(token), timeout=60).status_code == 401
    assert own_provider.asked["jwks"] - before <= 1
    assert get(server, own_provider.token()).status_code == 200


def test_nodes_share_the_keys_through_redis_under_the_reference_key(make_server, own_provider, redis):
    flags = (*auth_flags(own_provider.issuer), "--cache-url", redis.url, "--auth-keys-pause", "1h")
    first = make_server(*flags)
    assert get(first, own_provider.token()).status_code == 200
    assert json.loads(redis.command("GET", JWKS_KEY)) == own_provider.documents()["jwks"]
    assert 5900 < int(redis.command("TTL", JWKS_KEY)) <= 6000
    second = make_server(*flags)
    assert get(second, own_provider.token()).status_code == 200
    for number in range(20):
        for server in (first, second):
            assert get(server, own_provider.token(f"made-up-{number}", key=own_provider.keys["one"])).status_code == 401
    assert own_provider.asked["jwks"] == 1, "one fetch for all nodes"
    own_provider.up = False
    third = make_server(*flags)
    assert get(third, own_provider.token()).status_code == 200, "started while the provider is down"


def test_keys_come_over_verified_tls_and_from_nowhere_else(make_server, tmp_path):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                    "/CN=id", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", tmp_path / "key.pem", "-out", tmp_path / "id.pem"],
                   check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "id.pem", tmp_path / "key.pem")
    provider = OwnProvider(context)
    stranger = make_server(*auth_flags(provider.issuer))
    assert get(stranger, provider.token()).status_code == 503
    stranger.logged("certificate")
    friend = make_server(*auth_flags(provider.issuer), "--auth-ca-file", str(tmp_path / "id.pem"))
    assert get(friend, provider.token()).status_code == 200
    elsewhere = OwnProvider()
    provider.redirects_to = elsewhere.issuer
    led_astray = make_server(*auth_flags(provider.issuer), "--auth-ca-file", str(tmp_path / "id.pem"))
    assert get(led_astray, provider.token()).status_code == 503
    assert elsewhere.asked == {"discovery": 0, "jwks": 0}
    led_astray.logged("answers 302")
    provider.stop()
    elsewhere.stop()


def test_reading_and_writing_may_have_issuers_of_their_own(make_server, own_provider, tmp_path, corpus):
    other = OwnProvider()
    settings = tmp_path / "gantry.toml"
    settings.write_text(f"""
[auth]
issuer = "{own_provider.issuer}"
audience = "wado"
tenant = "default"
http_on_loopback = true
read = "$.realm_access.roles=viewer"

[[auth.issuers]]
issuer = "{other.issuer}"
audience = ["stow"]
tenant = "default"
http_on_loopback = true
write = ["$.realm_access.roles=uploader"]
""")
    server = make_server("-c", str(settings))
    reads, writes = own_provider.token(aud="wado"), other.token(aud="stow")
    data = next(file for file in corpus if file.accept).read()
    assert get(server, reads).status_code == 200
    assert get(server, writes).status_code == 403
    for token, status in ((reads, 403), (writes, 200), (other.token(aud="wado"), 401)):
        body = {"Content-Type": "application/dicom", **bearer(token)}
        assert requests.post(server.dicomweb + "/studies", data=data, headers=body, timeout=60).status_code == status
    other.stop()


def test_an_authenticated_server_may_listen_beyond_loopback(gantry, own_provider, tmp_path):
    process = subprocess.Popen([gantry, "serve", "--data", tmp_path / "d", "--listen", "0.0.0.0:0", "--dimse-listen", "127.0.0.1:0",
                                *auth_flags(own_provider.issuer)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    line = process.stdout.readline()
    assert "is ready" in line and f"bearer tokens of {own_provider.issuer}" in line
    url = f"http://127.0.0.1:{re.search(r'http://0.0.0.0:([0-9]+)/', line)[1]}/metrics"
    assert requests.get(url, timeout=60).status_code == 401
    assert requests.get(url, headers=bearer(own_provider.token()), timeout=60).status_code == 200
    process.terminate()
    process.wait()
