"""A viewer on it: OHIF as published, in headless Chromium, on an origin of its own."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess

import pydicom
import requests
from conftest import corpus_folder, multipart, post_instance
from identity import RealProvider, auth_flags, bearer

HERE = pathlib.Path(__file__).resolve().parent


def a_study() -> tuple[str, str, list[bytes]]:
    """A real study with pixels: the largest one-study set of plain slices that this corpus has; its UID, patient and files."""
    candidates: dict[str, list[bytes]] = {}
    patients: dict[str, str] = {}
    for path in sorted(corpus_folder().rglob("*.dcm")):
        try:
            data = pydicom.dcmread(path, stop_before_pixels=True)
            if data.Modality in ("CT", "MR") and data.file_meta.TransferSyntaxUID in ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1"):
                family = str(data.PatientName.family_name)
                if family and "derived" not in str(path):
                    candidates.setdefault(data.StudyInstanceUID, []).append(path.read_bytes())
                    patients[data.StudyInstanceUID] = family
        except Exception:  # the corpus has files that nobody can read; the server is not asked about those here
            continue
    study = max(candidates, key=lambda uid: (len(candidates[uid]), uid))
    return study, patients[study], candidates[study]


def open_in_ohif(server, study: str, patient: str, tmp_path, *login: str) -> None:
    shots = pathlib.Path(os.environ.get("GANTRY_SCREENSHOTS", tmp_path))
    shots.mkdir(parents=True, exist_ok=True)
    run = subprocess.run(["node", HERE / "ohif.mjs", server.dicomweb, study, patient, shots, *login], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-3000:]
    seen = json.loads(run.stdout.splitlines()[-1])
    assert patient in seen["list"]
    assert seen["failed"] == [], seen["failed"]
    assert seen["frames"] >= 1 and seen["greys"] > 16, seen


def test_ohif_lists_opens_and_draws_a_study(make_server, tmp_path):
    assert shutil.which("node") and shutil.which("chromium"), "scripts/test installs Node.js and Chromium"
    assert (HERE / ".cache").exists(), "scripts/test runs tests/e2e/install"
    server = make_server()
    study, patient, files = a_study()
    for data in files:
        assert post_instance(server, data).status_code in (200, 202, 409)
    open_in_ohif(server, study, patient, tmp_path)


def test_ohif_logs_in_at_a_provider_and_draws_a_study(make_server, tmp_path):
    provider = RealProvider()
    server = make_server(*auth_flags(provider.issuer))
    study, patient, files = a_study()
    assert post_instance(server, files[0]).status_code == 401
    token = provider.token("write")
    for data in files:
        body, content_type = multipart([data])
        stored = requests.post(server.dicomweb + "/studies", data=body, headers={"Content-Type": content_type, **bearer(token)})
        assert stored.status_code in (200, 202, 409)
    open_in_ohif(server, study, patient, tmp_path, provider.issuer, "ann")
