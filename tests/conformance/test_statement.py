"""docs/conformance.md is what scripts/conformance writes from the code's tables, the tests and their results: it can't drift."""

import importlib.machinery
import importlib.util
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def script():
    loader = importlib.machinery.SourceFileLoader("conformance", str(ROOT / "scripts/conformance"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("conformance", loader))
    loader.exec_module(module)
    return module


def test_the_conformance_statement_says_what_the_code_says():
    check = subprocess.run([ROOT / "scripts/conformance", "--check"], capture_output=True, text=True)
    assert check.returncode == 0, check.stdout + check.stderr


def test_every_test_that_a_table_names_exists(script):
    tests = script.Tests()
    assert script.named(tests) <= tests.names, sorted(script.named(tests) - tests.names)
    assert len(script.named(tests)) > 100


PYTEST = """<testsuites><testsuite name="pytest" timestamp="2026-03-01T10:00:00"><testcase classname="tests.integration.test_a.TestSearch" name="test_8_7_one[x-1]"/>
<testcase classname="tests.integration.test_a.TestSearch" name="test_8_7_one[x-2]"><failure message="no"/></testcase>
<testcase classname="tests.integration.test_a" name="test_two"><skipped/></testcase><testcase classname="tests.integration.test_a" name="test_other"/></testsuite></testsuites>"""
CTEST = """<testsuite name="Linux" timestamp="2026-03-02T10:00:00"><testcase name="Suite.Name" classname="Suite.Name" status="run"/>
<testcase name="Http/Framing.IsRefused/NoHost" classname="x" status="run"/><testcase name="Http/Framing.IsRefused/TwoHosts" classname="x" status="run"/>
<testcase name="AsGoogleTest" classname="Suite" status="run"/>
<testcase name="Gone.Test" classname="x" status="run"/></testsuite>"""
NAMES = {"test_a.py::test_8_7_one", "test_a.py::test_two", "Suite.Name", "Suite.AsGoogleTest", "Framing.IsRefused", "Never.Ran"}


def taken(script, tmp_path, monkeypatch, *texts: str):
    monkeypatch.setattr(script, "RESULTS", tmp_path / "results.tsv")
    results = script.Results()
    for number, text in enumerate(texts):
        (tmp_path / f"{number}.xml").write_text(text)
        results.take(tmp_path / f"{number}.xml", NAMES, "abc")
    return results


def test_results_are_of_cases_and_one_that_failed_fails_its_test(script, tmp_path, monkeypatch):
    results = taken(script, tmp_path, monkeypatch, PYTEST, CTEST)
    assert results.rows == {"test_a.py::test_8_7_one": ["failed", "2", "abc", "2026-03-01"], "test_a.py::test_two": ["skipped", "1", "abc", "2026-03-01"],
                            "Suite.AsGoogleTest": ["passed", "1", "abc", "2026-03-02"], "Suite.Name": ["passed", "1", "abc", "2026-03-02"], "Framing.IsRefused": ["passed", "2", "abc", "2026-03-02"]}
    assert results.shown(["Suite.Name", "test_a.py::test_8_7_one", "Never.Ran"]) == "`Suite.Name` ✓, `test_a.py::test_8_7_one` (failed), `Never.Ran`"
    words = results.summary(NAMES)
    assert words.startswith("3 of these 6 tests passed when they ran last (7 cases), 1 failed, 1 were skipped, 1 have no result")
    assert "- 2026-03-01, commit abc: 2 tests" in words and "- 2026-03-02, commit abc: 3 tests" in words


def test_what_was_taken_stays_until_it_runs_again_and_is_the_same_everywhere(script, tmp_path, monkeypatch):
    first = taken(script, tmp_path, monkeypatch, PYTEST)
    first.write(NAMES)
    kept = script.RESULTS.read_text()
    again = script.Results()
    assert again.rows == first.rows
    (tmp_path / "more.xml").write_text(CTEST)
    again.take(tmp_path / "more.xml", NAMES, "def")
    assert again.rows["test_a.py::test_two"] == first.rows["test_a.py::test_two"]
    first.write(NAMES)
    assert script.RESULTS.read_text() == kept
    first.write(NAMES - {"test_a.py::test_two"})
    assert "test_two" not in script.RESULTS.read_text(), "tests that are gone take their results along"
