"""schemathesis reads /openapi.json and sends what it says, and much that it does not say: nothing may be our own fault.

GANTRY_OPENAPI_EXAMPLES   requests for each operation and kind; 8 by default, 200 is a good hour's work"""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import sys

import requests
from conftest import post_instance
from make_dicom import ct_slice, uids


def test_no_request_of_the_description_is_our_own_fault(make_server, tmp_path):
    server = make_server()
    for study, series in zip(uids(3), uids(3)):
        assert post_instance(server, ct_slice(study, series, uids(1)[0])).status_code == 200
    description = requests.get(server.url + "/openapi.json").json()
    operations = sum(len(item.keys() - {"parameters"}) for path, item in description["paths"].items() if not path.startswith("/admin"))
    here = pathlib.Path(__file__).resolve().parent
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": "openapi_hooks", "PYTHONPATH": f"{here}{os.pathsep}{here.parent}"}
    tool = pathlib.Path(sys.executable).with_name("schemathesis")
    examples = os.environ.get("GANTRY_OPENAPI_EXAMPLES", "8")
    run = subprocess.run([str(tool), "run", server.url + "/openapi.json", "--checks", "not_a_server_error", "--seed", "1", "--max-examples", examples,
                          "--generation-database", "none", "--suppress-health-check", "all", "--exclude-path-regex", "^/admin", "--request-timeout", "60",
                          "--phases", "examples,fuzzing", "--no-color"], capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert run.returncode == 0, run.stdout[-8000:] + run.stderr[-2000:]
    tested = re.search(r"^ *Tested: (\d+)$", run.stdout, re.M)
    assert tested and int(tested.group(1)) >= operations - 2, run.stdout[-3000:]  # it counts those of one shape once
    assert server.process.poll() is None
    assert requests.get(server.dicomweb + "/studies").status_code == 200
    failures = [line for line in server.log.read_text(errors="replace").splitlines() if '"outcome":"failed"' in line]
    assert not failures, failures[:5]
