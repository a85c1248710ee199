"""docs/conformance.md is what scripts/conformance writes from the code's tables and the tests: it can't drift."""

import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def test_the_conformance_statement_says_what_the_code_says():
    check = subprocess.run([ROOT / "scripts/conformance", "--check"], capture_output=True, text=True)
    assert check.returncode == 0, check.stdout + check.stderr
