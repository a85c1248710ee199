"""URIs in answers behind proxies: BulkDataURI, RetrieveURL, Content-Location, Location and the viewer's configuration all say where
the client has to go, and nobody but a trusted proxy can make them say anything else."""

from __future__ import annotations

import json
import re
import subprocess
from urllib.parse import urljoin, urlsplit

import pytest
import requests
from conftest import Server, post_instance, split_multipart
from make_dicom import ct_slice, uids

JSON = {"Accept": "application/dicom+json"}
PROXY = ("--http-trusted-proxies", "127.0.0.1")


class Archive:
    """A server with one instance, and every place where an answer of it names a URI."""

    def __init__(self, gantry, folder, *flags: str):
        self.server = Server(gantry, folder / "data", *flags).start()
        self.study, self.series, self.sop = uids(3)
        self.data = ct_slice(self.study, self.series, self.sop)
        assert post_instance(self.server, self.data).status_code == 200
        made = subprocess.run([str(gantry), "share", "create", "--study", self.study, "--data", str(self.server.data), "--listen",
                               f"127.0.0.1:{self.server.port}", *self.server.index_flags(), *flags], capture_output=True, text=True)
        assert made.returncode == 0, made.stderr
        self.share = urlsplit(made.stdout.strip()).path

    def uris(self, headers: dict[str, str]) -> dict[str, str]:
        web = self.server.dicomweb
        instance = f"{web}/studies/{self.study}/series/{self.series}/instances/{self.sop}"
        found = {}

        def get(url: str, accept: str) -> requests.Response:
            answer = requests.get(url, headers={**headers, "Accept": accept})
            assert answer.status_code == 200, answer.text
            return answer

        metadata = get(instance + "/metadata", "application/dicom+json").text
        found["BulkDataURI"] = re.search(r'"BulkDataURI": ?"([^"]+)"', metadata).group(1)
        xml = get(instance + "/metadata", "application/dicom+xml")
        found["BulkData uri"] = re.search(r'uri="([^"]+)"', xml.text).group(1)
        for name, path in (("study RetrieveURL", "/studies"), ("series RetrieveURL", "/series"), ("instance RetrieveURL", "/instances")):
            found[name] = get(web + path, "application/dicom+json").json()[0]["00081190"]["Value"][0]
        frames = split_multipart(get(instance + "/frames/1", "multipart/related; type=application/octet-stream"))
        found["frame's Content-Location"] = frames[0][0]["Content-Location"]
        found["instance's Content-Location"] = split_multipart(get(instance, "multipart/related; type=application/dicom"))[0][0]["Content-Location"]
        sop = uids(1)[0]
        body = ct_slice(self.study, self.series, sop)
        stored = requests.post(web + "/studies", data=body, headers={**headers, **JSON, "Content-Type": "application/dicom"})
        assert stored.status_code == 200, stored.text
        found["stored RetrieveURL"] = stored.json()["00081199"]["Value"][0]["00081190"]["Value"][0]
        found["stored study's RetrieveURL"] = stored.json()["00081190"]["Value"][0]
        found["Location"] = stored.headers["Location"]
        requests.delete(f"{web}/studies/{self.study}/series/{self.series}/instances/{sop}")
        ohif = get(self.server.url + self.share + "/ohif.json", "*/*").json()["servers"]["dicomWeb"][0]
        found["viewer's qidoRoot"], found["viewer's wadoRoot"] = ohif["qidoRoot"], ohif["wadoRoot"]
        return found

    def root_of(self, name: str, uri: str) -> str:
        """What stands in front of what the resource itself is called."""
        end = self.share if name.startswith("viewer") else "/dicom-web/studies"
        assert end in uri, (name, uri)
        return uri[: uri.index(end)]


@pytest.fixture(scope="module")
def behind(gantry, tmp_path_factory):
    archive = Archive(gantry, tmp_path_factory.mktemp("behind"), *PROXY)
    yield archive
    archive.server.stop()


@pytest.fixture(scope="module")
def alone(gantry, tmp_path_factory):
    archive = Archive(gantry, tmp_path_factory.mktemp("alone"))
    yield archive
    archive.server.stop()


# What a proxy says, and what every URI then begins with.
SAID = [
    ({"Forwarded": "for=192.0.2.7;host=pacs.example;proto=https"}, "https://pacs.example"),
    ({"Forwarded": 'for="[2001:db8::7]:4711";host="pacs.example:8443";proto=https;by=127.0.0.1'}, "https://pacs.example:8443"),
    ({"Forwarded": "host=evil.example, for=192.0.2.7;host=pacs.example;proto=https"}, "https://pacs.example"),
    ({"X-Forwarded-Host": "pacs.example", "X-Forwarded-Proto": "https"}, "https://pacs.example"),
    ({"X-Forwarded-Host": "pacs.example", "X-Forwarded-Proto": "https", "X-Forwarded-Port": "8443"}, "https://pacs.example:8443"),
    ({"X-Forwarded-Host": "evil.example, pacs.example", "X-Forwarded-For": "192.0.2.7"}, "http://pacs.example"),
    ({"X-Forwarded-Host": "pacs.example", "X-Forwarded-Proto": "https", "X-Forwarded-Prefix": "/imaging"}, "https://pacs.example/imaging"),
    ({"X-Forwarded-Host": "[2001:db8::1]:8443", "X-Forwarded-Proto": "https"}, "https://[2001:db8::1]:8443"),
    ({"X-Forwarded-Prefix": "/imaging"}, "/imaging"),
]


@pytest.mark.parametrize("headers, root", SAID, ids=[str(number) for number in range(len(SAID))])
def test_every_uri_begins_where_the_trusted_proxy_says(behind, headers, root):
    for name, uri in behind.uris(headers).items():
        found = behind.root_of(name, uri)
        if root.startswith("/"):  # of no host: absolute URIs have the request's own
            found = found.removeprefix(behind.server.url)
        assert found == root, (name, uri)


def test_a_proxy_that_ends_tls_and_keeps_the_host_is_followed_to_https(behind):
    headers = {"Host": "pacs.example", "X-Forwarded-Proto": "https"}
    for name, uri in behind.uris(headers).items():
        assert behind.root_of(name, uri) in ("", "https://pacs.example"), (name, uri)
    assert behind.uris(headers)["Location"].startswith("https://pacs.example/")


HOSTILE = ['a"><script>alert(1)</script>', "evil.example/path", "user@evil.example", "evil.example#", "evil.example?", "a\\b", "a b", "a:b", "a:99999",
           "[::1", "[evil]", "%65vil", "x" * 300, "evil.example:80:80", "j\xe4ger"]


@pytest.mark.parametrize("value", HOSTILE)
def test_what_is_no_host_is_not_believed_even_of_a_trusted_proxy(behind, value):
    raw = value.encode("latin-1")
    for headers in ({"X-Forwarded-Host": raw, "X-Forwarded-Proto": "https"}, {"Forwarded": b'host="' + raw.replace(b'"', b'\\"') + b'";proto=https'}):
        for name, uri in behind.uris(headers).items():
            assert behind.root_of(name, uri) in ("", behind.server.url, behind.server.url.replace("http:", "https:")), (name, uri)
            assert "evil" not in uri and "<" not in uri and "x" * 300 not in uri


@pytest.mark.parametrize("prefix", ["//evil.example", "/a//evil.example", "/../admin", "/%2e%2e/x", "evil", '/a"b', "/a b", "/a?b=c", "/a#b", "/" + "x" * 2000])
def test_what_is_no_path_of_ours_is_no_prefix(behind, prefix):
    for name, uri in behind.uris({"X-Forwarded-Prefix": prefix}).items():
        assert behind.root_of(name, uri) in ("", behind.server.url), (name, uri)
        assert urlsplit(urljoin(behind.server.dicomweb, uri)).netloc == urlsplit(behind.server.url).netloc


@pytest.mark.parametrize("proto", ["javascript", "file", "data", "https://evil.example/", "httpss", ""])
def test_there_are_two_schemes(behind, proto):
    for name, uri in behind.uris({"X-Forwarded-Host": "pacs.example", "X-Forwarded-Proto": proto}).items():
        assert behind.root_of(name, uri) == "http://pacs.example", (name, uri)


def test_a_stranger_is_not_believed(alone):
    for headers, _ in SAID:
        for name, uri in alone.uris(headers).items():
            assert alone.root_of(name, uri) in ("", alone.server.url), (name, uri)


def test_the_public_url_counts_before_what_anyone_says(gantry, tmp_path):
    archive = Archive(gantry, tmp_path, *PROXY, "--http-public-url", "https://archive.example/dicom-web")
    try:
        for headers in ({}, {"Host": "evil.example"}, *(headers for headers, _ in SAID)):
            for name, uri in archive.uris(headers).items():
                assert archive.root_of(name, uri) == "https://archive.example", (name, uri)
    finally:
        archive.server.stop()


def test_caches_tell_the_roots_apart(behind):
    """The same resource under two names has two ETags, so that nobody is told that what he holds for one is good for the other."""
    url = f"{behind.server.dicomweb}/studies/{behind.study}/metadata"
    inside = requests.get(url, headers=JSON)
    outside = requests.get(url, headers={**JSON, "X-Forwarded-Host": "pacs.example"})
    assert inside.headers["ETag"] != outside.headers["ETag"]
    assert requests.get(url, headers={**JSON, "If-None-Match": outside.headers["ETag"]}).status_code == 200
    assert requests.get(url, headers={**JSON, "X-Forwarded-Host": "pacs.example", "If-None-Match": outside.headers["ETag"]}).status_code == 304


def test_every_named_uri_is_there(behind):
    """What metadata names under a proxy's prefix is found by whoever takes the prefix away again, as that proxy does."""
    answer = requests.get(f"{behind.server.dicomweb}/studies/{behind.study}/metadata",
                          headers={**JSON, "X-Forwarded-Host": "pacs.example", "X-Forwarded-Prefix": "/imaging"})
    named = [uri for uri in re.findall(r'"BulkDataURI": ?"([^"]+)"', json.dumps(answer.json()))]
    assert named
    for uri in named:
        path = urlsplit(uri).path.removeprefix("/imaging")
        assert requests.get(behind.server.url + path, headers={"Accept": "application/octet-stream"}).status_code == 200, uri
