"""Seen from the kernel: file data, every name and the database are synced before the answer leaves."""

from __future__ import annotations

import re
import shutil

import pytest
from conftest import INDEX_KIND, post_instance
from make_dicom import ct_slice, uids

CALLS = "openat,openat2,open,close,write,pwrite64,fsync,fdatasync,rename,renameat,renameat2,linkat,link,mkdir,mkdirat,sendmsg,sendto,writev,send"
SENDS = ("sendmsg", "sendto", "writev", "write", "send")
SYNCS = ("fsync", "fdatasync")


def test_file_names_and_database_are_synced_before_the_answer(make_server, tmp_path):
    assert shutil.which("strace"), "strace is installed by scripts/test"
    trace = tmp_path / "trace"
    server = make_server(wrapper=("strace", "-f", "-y", "-s", "512", "-e", f"trace={CALLS}", "-o", str(trace)))
    study, series, sop = uids(3)
    assert post_instance(server, ct_slice(study, series, sop)).status_code == 200
    server.stop()

    calls = ordered_calls(trace.read_text().split("\n"))
    # Only the answer to the store has this media type; those to /readyz have another.
    answer = first(calls, lambda name, args: name in SENDS and "HTTP/1.1 200" in args and "application/dicom+json" in args)
    named = first(calls, lambda name, args: name in ("renameat2", "linkat") and ".dcm" in args)
    assert named < answer

    # The object's bytes are synced before it gets its name …
    name = re.search(r'"([0-7]/[0-9a-f]{32}\.part)", \d+<(.*/objects/default/[0-9a-f]{16}/[0-9a-f]{16})>, "[0-9a-f]{64}-[0-9a-f]{32}\.dcm"',
                     calls[named][1])
    assert name, calls[named]
    staged, leaf = name.groups()
    assert first(calls, lambda name, args: name in SYNCS and f"/tmp/{staged}>" in args) < named
    # … its directory after it has the name …
    assert named < last_sync(calls[:answer], leaf)
    # … and each new directory above it, to the store's root, after what lies in it was made …
    study_folder = leaf.rpartition("/")[0]
    tenant_folder = study_folder.rpartition("/")[0]
    objects = tenant_folder.rpartition("/")[0]
    for parent, child in ((objects, tenant_folder), (tenant_folder, study_folder), (study_folder, leaf)):
        made = first(calls, lambda name, args, child=child: name == "mkdirat" and f'"{child.removeprefix(objects + "/")}"' in args)
        assert made < last_sync(calls[:answer], parent)
    # … then the database's log, all before the first byte of the answer. A database server syncs its own; what it says is
    # waited for (test_database_faults.py).
    if INDEX_KIND == "sqlite":
        assert named < last_sync(calls[:answer], r"[^>]*-wal")


def ordered_calls(lines: list[str]) -> list[tuple[str, str]]:
    """(call, arguments) that succeeded. What is sent counts when it begins, everything else when it has returned; strace
    splits a call in two lines when another thread's comes between."""
    pending: dict[str, str] = {}
    calls = []
    for line in lines:
        match = re.match(r"(\d+)\s+(.*)", line)
        if not match:
            continue
        thread, text = match.groups()
        sends = text.startswith(tuple(f"{name}(" for name in SENDS))
        if text.endswith("<unfinished ...>"):
            text = text.removesuffix("<unfinished ...>")
            if not sends:
                pending[thread] = text
                continue
        elif resumed := re.match(r"<\.\.\. \w+ resumed>(.*)", text):
            if thread not in pending:
                continue  # the end of something sent
            text = pending.pop(thread) + resumed.group(1)
        call = re.match(r"(\w+)\((.*)", text)
        if call and not re.search(r"= -1 E", text):
            calls.append((call.group(1), call.group(2)))
    return calls


def last_sync(calls, path: str) -> int:
    """Where a file or directory (a regular expression) was synced for the last time."""
    found = [index for index, (name, args) in enumerate(calls) if name in SYNCS and re.search(rf"<{path}>", args)]
    assert found, f"{path} is not synced"
    return found[-1]


def first(calls, wanted) -> int:
    for index, call in enumerate(calls):
        if wanted(*call):
            return index
    pytest.fail("no such call in the trace")
