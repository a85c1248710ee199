"""A share link in a browser: its page, and OHIF opened from it, which has the link and nothing else."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess

import pydicom
import requests
from conftest import corpus_folder, free_port, post_instance

HERE = pathlib.Path(__file__).resolve().parent


def test_ohif_opens_a_shared_study_from_the_links_page(make_server, tmp_path):
    assert shutil.which("node") and shutil.which("chromium"), "scripts/test installs Node.js and Chromium"
    assert (HERE / ".cache").exists(), "scripts/test runs tests/e2e/install"
    viewer = free_port()
    server = make_server("--auth-api-keys", "--share-viewer-url", f"http://127.0.0.1:{viewer}")
    run = [str(server.binary)]
    where = ["--data", str(server.data), "--listen", f"127.0.0.1:{server.port}", *server.index_flags()]
    key = subprocess.run([*run, "apikey", "create", "--name", "test", "--allow", "write", *where], capture_output=True, text=True).stdout.strip()
    studies: dict[str, int] = {}
    for path in sorted(corpus_folder().rglob("*.dcm")):
        try:
            data = pydicom.dcmread(path, stop_before_pixels=True)
        except Exception:  # the corpus has files that nobody can read
            continue
        plain = getattr(data.file_meta, "TransferSyntaxUID", "") in ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1")
        if data.get("Modality") not in ("CT", "MR") or not plain or "derived" in str(path):
            continue
        answer = post_instance(server, path.read_bytes())
        assert answer.status_code == 401, "nobody writes without a key"
        answer = post_with(server, path.read_bytes(), key)
        assert answer in (200, 202, 409)
        studies[data.StudyInstanceUID] = studies.get(data.StudyInstanceUID, 0) + 1
    study = max(studies, key=lambda uid: (studies[uid], uid))
    link = subprocess.run([*run, "share", "create", "--study", study, *where], capture_output=True, text=True).stdout.strip()
    assert "/share/gantryshare_" in link
    shots = pathlib.Path(os.environ.get("GANTRY_SCREENSHOTS", tmp_path))
    shots.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["node", HERE / "share.mjs", link, str(viewer), shots], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    seen = json.loads(done.stdout.splitlines()[-1])
    assert "A shared study" in seen["page"] and "does not open anything" in seen["gone"]
    assert seen["failed"] == [] and seen["beside"] == [] and seen["told"] == [], seen
    assert seen["frames"] >= 1 and seen["greys"] > 16, seen


def post_with(server, data: bytes, key: str) -> int:
    return requests.post(server.dicomweb + "/studies", data=data,
                         headers={"Content-Type": "application/dicom", "Authorization": f"Bearer {key}"}).status_code
