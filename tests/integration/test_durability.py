"""Seen from the kernel: file data, every name and the database are synced before the answer leaves."""

from __future__ import annotations

import re
import shutil

import pytest
from conftest import INDEX_KIND, post_instance
from make_dicom import ct_slice, uids

CALLS = "openat,openat2,open,close,write,pwrite64,fsync,fdatasync,rename,renameat,renameat2,linkat,link,mkdir,mkdirat,sendmsg,sendto,writev,send"


def test_file_names_and_database_are_synced_before_the_answer(make_server, tmp_path):
    assert shutil.which("strace"), "strace is installed by scripts/test"
    trace = tmp_path / "trace"
    server = make_server(wrapper=("strace", "-f", "-y", "-s", "64", "-e", f"trace={CALLS}", "-o", str(trace)))
    study, series, sop = uids(3)
    marker = trace.read_text().count("\n")
    assert post_instance(server, ct_slice(study, series, sop)).status_code == 200
    server.stop()

    lines = finished_calls(trace.read_text().split("\n")[marker:])
    answer = first(lines, lambda name, args: name in ("sendmsg", "sendto", "writev", "write", "send") and "HTTP/1.1 200" in args, 0)
    named = first(lines, lambda name, args: name in ("rename", "renameat", "renameat2", "link", "linkat") and ".dcm" in args, 0)
    assert named < answer

    # The object's bytes are synced before it gets its name …
    data_sync = first(lines, lambda name, args: name in ("fsync", "fdatasync") and "/tmp" in args, 0)
    assert data_sync < named
    # … then the directory that holds the name and every new one above it, to the store's root …
    leaf = re.search(r'"?([^"\s<>]*objects/[^"\s<>]*|[^"\s]*default/[0-9a-f]{16}/[0-9a-f]{16})/[0-9a-f]{64}-[0-9a-f]{32}\.dcm', lines[named][1])
    assert leaf, lines[named]
    synced = [args for name, args in lines[named:answer] if name in ("fsync", "fdatasync")]
    before_answer = [args for name, args in lines[:answer] if name in ("fsync", "fdatasync")]
    assert any(re.search(r"default/[0-9a-f]{16}/[0-9a-f]{16}>", args) for args in synced), synced
    assert any(re.search(r"default/[0-9a-f]{16}>", args) for args in before_answer)
    assert any(re.search(r"default>", args) for args in before_answer)
    assert any(re.search(r"objects>", args) for args in before_answer)
    # … then the database's log, all before the first byte of the answer. A database server syncs its own.
    if INDEX_KIND != "sqlite":
        return
    database = [index for index, (name, args) in enumerate(lines[:answer]) if name in ("fsync", "fdatasync") and "-wal" in args]
    assert database and max(database) > named


def finished_calls(lines: list[str]) -> list[tuple[str, str]]:
    """(call, arguments) in the order in which the calls returned. strace splits calls that other threads interrupt."""
    pending: dict[str, str] = {}
    calls = []
    for line in lines:
        match = re.match(r"(\d+)\s+(.*)", line)
        if not match:
            continue
        thread, text = match.groups()
        if text.endswith("<unfinished ...>"):
            pending[thread] = text.removesuffix("<unfinished ...>")
            # An answer counts when it begins; everything else when it returns.
            continue
        resumed = re.match(r"<\.\.\. (\w+) resumed>(.*)", text)
        if resumed:
            text = pending.pop(thread, resumed.group(1) + "(") + resumed.group(2)
        call = re.match(r"(\w+)\((.*)", text)
        if call and not re.search(r"= -1 E", text):
            calls.append((call.group(1), call.group(2)))
    return calls


def first(calls, wanted, start: int) -> int:
    for index in range(start, len(calls)):
        if wanted(*calls[index]):
            return index
    pytest.fail("no such call in the trace")
