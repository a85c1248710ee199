"""What Gantry's dicom_dump, pydicom and DCMTK say about the same file, in one shape that can be compared."""

from __future__ import annotations

import base64
import json
import os
import pathlib
import re
import struct
import subprocess
import zlib
from dataclasses import dataclass, field
from typing import Iterator

import pydicom
from pydicom import config, dcmread
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset

NUMBERS = {"FL": "f", "FD": "d", "SL": "i", "SS": "h", "UL": "I", "US": "H", "SV": "q", "UV": "Q"}
WORDS = {"OW": 2, "OL": 4, "OF": 4, "OD": 8, "OV": 8, "AT": 2} | {vr: struct.calcsize(c) for vr, c in NUMBERS.items()}
BYTES = {"OB", "OD", "OF", "OL", "OV", "OW", "UN"}


def dump_binary() -> pathlib.Path:
    """The test tool, built beside the gantry binary."""
    wanted = os.environ.get("GANTRY_DICOM_DUMP")
    if wanted:
        return pathlib.Path(wanted)
    from conftest import gantry_binary

    return gantry_binary().parent / "tests" / "dicom_dump"


def swapped(data: bytes, word: int) -> bytes:
    """`data` with the bytes of each whole word reversed."""
    if word < 2:
        return data
    whole = len(data) - len(data) % word
    return b"".join(data[i : i + word][::-1] for i in range(0, whole, word)) + data[whole:]


class Ours:
    """A file as dicom_dump shows it."""

    def __init__(self, dump: dict, path: pathlib.Path):
        self.dump, self.path = dump, path
        self.accepted: bool = dump["accepted"]
        self.layout: dict = dump.get("layout", {})
        self.bulk = {item["path"]: item["range"] for item in self.layout.get("bulk", [])}
        self._bytes: bytes | None = None

    @property
    def data(self) -> bytes:
        """What the layout's offsets count in."""
        if self._bytes is None:
            raw = self.path.read_bytes()
            self._bytes = zlib.decompressobj(-15).decompress(raw[self.layout["dataset_offset"] :]) if self.layout["inflated"] else raw
        return self._bytes

    def range(self, span: list[int]) -> bytes:
        offset, length = span
        assert offset + length <= len(self.data), f"{self.path}: {span} reaches beyond the file"
        return self.data[offset : offset + length]

    def frame(self, index: int) -> bytes:
        return b"".join(self.range(span) for span in self.layout["frames"][index]["ranges"])

    def bulk_bytes(self, path: str) -> bytes:
        """The bytes that a BulkDataURI means, as they are in the file."""
        return self.range(self.bulk[path] if path in self.bulk else self.layout["value"])


def run_dump(files: list[pathlib.Path], explicit: pathlib.Path | None = None) -> list[Ours]:
    command = [str(dump_binary())] + (["--explicit", str(explicit)] if explicit else [])
    result = subprocess.run(command, input="\n".join(map(str, files)) + "\n", capture_output=True, text=True, check=True)
    lines = result.stdout.splitlines()
    assert len(lines) == len(files)
    return [Ours(json.loads(line), path) for line, path in zip(lines, files)]


@dataclass
class Difference:
    """An attribute that Gantry and an oracle show differently; None where one has it not at all."""

    oracle: str
    file: str
    path: str  # "00100010", nested "00400275/1/00400007"
    ours: dict | None
    theirs: dict | None
    ours_file: Ours = field(repr=False)
    raw: bytes | None = field(default=None, repr=False)  # the value as it is in the file, when pydicom can tell
    error: str = ""

    @property
    def tag(self) -> str:
        return self.path[-8:]

    @property
    def vrs(self) -> tuple[str, str]:
        return (self.ours or {}).get("vr", ""), (self.theirs or {}).get("vr", "")

    def our_values(self) -> list:
        return (self.ours or {}).get("Value", [])

    def their_values(self) -> list:
        return (self.theirs or {}).get("Value", [])

    def our_bytes(self) -> bytes | None:
        """The value's bytes in little endian, when we show bytes."""
        return binary(self.ours or {}, self.path, self.ours_file)

    def __str__(self) -> str:
        return f"{self.oracle} {self.file} {self.path}: ours {str(self.ours)[:200]}, theirs {str(self.theirs)[:200]} {self.error}"


def binary(element: dict, path: str, ours: Ours) -> bytes | None:
    if "InlineBinary" in element:
        return base64.b64decode(element["InlineBinary"])
    if "BulkDataURI" in element:
        assert element["BulkDataURI"].endswith("/bulkdata/" + path), f"{path} is named by {element['BulkDataURI']}"
        data = ours.bulk_bytes(path)
        big = ours.layout["big_endian"] and element["vr"] != "UN"
        return swapped(data, WORDS.get(element["vr"], 1)) if big else data
    return b"" if element.get("vr") in BYTES and "Value" not in element else None


def decode_bytes(vr: str, data: bytes) -> list:
    """The values of a little endian value of that VR: an independent second opinion on bytes shown as UN."""
    if vr in NUMBERS:
        return list(struct.unpack(f"<{len(data) // WORDS[vr]}{NUMBERS[vr]}", data))
    if vr == "AT":
        return [f"{group:04X}{element:04X}" for group, element in struct.iter_unpack("<HH", data)]
    text = data.decode("latin-1").rstrip("\0 ")
    values = [text] if vr in ("LT", "ST", "UT", "UR") else [value.strip(" ") for value in text.split("\\")]
    return [] if values == [""] else values


def compare_trees(oracle: str, file: str, ours: Ours, mine: dict, theirs: dict, prefix: str = "") -> Iterator[Difference]:
    """All differences between two DICOM JSON objects. Bulk values of ours count as their bytes."""
    for tag in sorted(mine.keys() | theirs.keys()):
        path = prefix + tag
        a, b = mine.get(tag), theirs.get(tag)
        if a is None or b is None or a["vr"] != b["vr"]:
            yield Difference(oracle, file, path, a, b, ours)
        elif a["vr"] == "SQ":
            a_items, b_items = a.get("Value", []), b.get("Value", [])
            if len(a_items) != len(b_items):
                yield Difference(oracle, file, path, a, b, ours)
                continue
            for number, (x, y) in enumerate(zip(a_items, b_items), 1):
                yield from compare_trees(oracle, file, ours, x, y, f"{path}/{number}/")
        elif a["vr"] in BYTES:
            if binary(a, path, ours) != base64.b64decode(b.get("InlineBinary", "")):
                yield Difference(oracle, file, path, a, b, ours)
        elif "BulkDataURI" in a:
            if not same_values(decode_bytes(a["vr"], binary(a, path, ours)), b.get("Value", [])):
                yield Difference(oracle, file, path, a, b, ours)
        elif a != b:
            yield Difference(oracle, file, path, a, b, ours)


def same_values(a: list, b: list) -> bool:
    """Equal as numbers (NaN included) or as text."""
    return len(a) == len(b) and all(x == y or str(x) == str(y) or as_number(x) == as_number(y) != None for x, y in zip(a, b))


def as_number(value) -> float | None:
    try:
        return None if value is None or isinstance(value, dict) else float(value)
    except ValueError:
        return None


# --- pydicom ---------------------------------------------------------------------------------------------------------


def pydicom_settings() -> None:
    """pydicom as a reader that refuses no value."""
    config.settings.reading_validation_mode = config.IGNORE
    config.replace_un_with_known_vr = True
    config.convert_wrong_length_to_UN = False


def compare_with_pydicom(file: str, ours: Ours, data: Dataset, mine: dict, prefix: str = "") -> Iterator[Difference]:
    """As compare_trees, but attribute by attribute, because pydicom gives up a whole tree for one bad value."""
    theirs = {f"{tag:08X}": tag for tag in data.keys() if tag.element != 0 and tag.group not in (0, 2)}
    for name in sorted(mine.keys() | theirs.keys()):
        path = prefix + name
        a = mine.get(name)
        if a is None or name not in theirs:
            yield Difference("pydicom", file, path, a, None if name not in theirs else {"vr": "?"}, ours)
            continue
        item = data.get_item(theirs[name])
        raw = item.value if isinstance(item, RawDataElement) else None
        try:
            element = data[theirs[name]]
            if element.VR == "SQ" and a["vr"] == "SQ":
                items = a.get("Value", [])
                if len(items) != len(element.value):
                    yield Difference("pydicom", file, path, a, {"vr": "SQ", "Value": [{}] * len(element.value)}, ours)
                    continue
                for number, (x, y) in enumerate(zip(items, element.value), 1):
                    yield from compare_with_pydicom(file, ours, y, x, f"{path}/{number}/")
                continue
            b = json.loads(json.dumps(element.to_json_dict(None, 1)))
        except Exception as error:  # noqa: BLE001 - whatever pydicom raises on a value is a difference to explain
            yield Difference("pydicom", file, path, a, {"vr": "?"}, ours, raw, repr(error))
            continue
        for difference in compare_trees("pydicom", file, ours, {name: a}, {name: b}, prefix):
            difference.raw = raw
            yield difference


def read_with_pydicom(path: pathlib.Path) -> Dataset:
    return dcmread(path)


# --- DCMTK -----------------------------------------------------------------------------------------------------------


BREAKS_OFF = "InlineBinary encoding not supported for compressed pixel data"


def dcmtk_json(path: pathlib.Path) -> tuple[dict | None, str]:
    """What dcm2json makes of the file, and why it could not, or not to the end."""
    run = subprocess.run(["dcm2json", "-q", "-fc", "-ee", str(path)], capture_output=True, check=False)
    text = run.stdout.decode("utf-8", errors="replace")
    reason = run.stderr.decode(errors="replace").strip().replace(str(path), "")
    if BREAKS_OFF in reason:
        text = text.replace("},}", "}}").strip()  # where the pixels would be
    # dcm2json writes a DS such as "127." as a number, which is no JSON.
    text = re.sub(r"(?<=[\[,])(-?\d+)\.(?=[,\]])", r"\1.0", text)
    try:
        return json.loads(text), reason
    except json.JSONDecodeError as error:
        return None, reason or repr(error)


def dcmdump_complaint(path: pathlib.Path) -> str:
    """Empty when dcmdump reads the file to its end without an error or a warning."""
    run = subprocess.run(["dcmdump", "+E", "-M", str(path)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    complaints = [line for line in run.stderr.decode(errors="replace").splitlines() if line.startswith(("E:", "W:", "F:"))]
    return "\n".join(complaints) or (f"exit status {run.returncode}" if run.returncode else "")


def element_at(data: Dataset, path: str) -> pydicom.DataElement:
    *steps, last = path.split("/")
    for tag, number in zip(steps[::2], steps[1::2]):
        data = data[int(tag, 16)].value[int(number) - 1]
    return data[int(last, 16)]
