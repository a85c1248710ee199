"""Every way in which Gantry's DICOM JSON differs from an oracle's, and why. What no rule here explains fails the test.

Each rule proves its point on the values: it names a kind of difference, it never looks away from a file or a tag alone.
docs/conformance.md tells the same to people.
"""

from __future__ import annotations

import base64
import io
import math
import struct
from dataclasses import dataclass
from typing import Callable

from pydicom.datadict import dictionary_VR
from pydicom.filereader import read_sequence

from oracles import BYTES, WORDS, Difference, as_number, decode_bytes, same_values, swapped


@dataclass(frozen=True)
class Rule:
    name: str
    oracles: tuple[str, ...]
    reason: str
    applies: Callable[[Difference], bool]


RULES: list[Rule] = []


def rule(name: str, *oracles: str):
    """Makes a Rule of a function: its docstring is the reason."""

    def register(function: Callable[[Difference], bool]):
        RULES.append(Rule(name, oracles or ("pydicom", "dcmtk"), " ".join(function.__doc__.split()), function))
        return function

    return register


def same_vr(difference: Difference, *vrs: str) -> bool:
    a, b = difference.vrs
    return a == b and (not vrs or a in vrs)


@rule("empty value in a list", "pydicom")
def _(d: Difference) -> bool:
    """PS3.18 F.2.5 wants null for an empty value among others; pydicom writes an empty string."""
    return same_vr(d) and "" in d.their_values() and d.our_values() == [None if v == "" else v for v in d.their_values()]


@rule("number or string")
def _(d: Difference) -> bool:
    """IS and DS are text. We write a JSON number where that keeps the text's number, and the string where it does not
    ("001", "127.", "+5", more digits than a double has); each oracle draws the line elsewhere. The numbers are equal."""
    return same_vr(d, "IS", "DS") and len(d.our_values()) == len(d.their_values()) and all(
        a == b or (as_number(a) is not None and as_number(a) == as_number(b)) or (a is None and b in ("", None))
        for a, b in zip(d.our_values(), d.their_values())
    )


def same_singles(a: list, b: list) -> bool:
    return len(a) == len(b) and all(struct.pack("<f", as_number(x)) == struct.pack("<f", as_number(y)) for x, y in zip(a, b))


@rule("digits of a single")
def _(d: Difference) -> bool:
    """FL: we write the shortest text that gives the same 32 bits back; pydicom writes the double next to it, DCMTK nine
    digits. The 32 bits are equal."""
    return same_vr(d, "FL") and same_singles(d.our_values(), d.their_values())


@rule("digits of a double", "dcmtk")
def _(d: Difference) -> bool:
    """FD: dcm2json's text is sometimes one off in the last binary digit. Ours gives the 64 bits of the file, as pydicom's
    does."""
    return same_vr(d, "FD") and len(d.our_values()) == len(d.their_values()) and all(
        math.isclose(a, b, rel_tol=1e-15) for a, b in zip(d.our_values(), d.their_values())
    )


@rule("private dictionaries")
def _(d: Difference) -> bool:
    """A private attribute without a VR (Implicit VR, or UN) is UN to us: PS3.6 doesn't know it. The oracles look it up in
    their collections of vendors' dictionaries. The bytes are the same."""
    a, b = d.vrs
    data = d.our_bytes()
    if int(d.tag[:4], 16) % 2 == 0 or a != "UN" or b in ("", "UN", "SQ") or data is None:
        return False
    if b in BYTES:
        return base64.b64decode(d.theirs.get("InlineBinary", "")) == data
    # pydicom reads them in the file's byte order, although UN is always little endian (PS3.5 6.2.2).
    values = decode_bytes(b, swapped(data, WORDS.get(b, 1)) if d.ours_file.layout["big_endian"] else data)
    return same_singles(values, d.their_values()) if b == "FL" else same_values(values, d.their_values())


def sequence_of(data: bytes) -> list[dict]:
    """Items in Implicit VR Little Endian as pydicom reads them, in DICOM JSON."""
    items = read_sequence(io.BytesIO(data), True, True, len(data), ["iso8859"])
    return [item.to_json_dict(bulk_data_threshold=1 << 40) for item in items]


def understood(tag: str) -> str:
    """The VRs that PS3.6 gives that attribute; LO for a private creator."""
    if int(tag[:4], 16) % 2:
        return "LO" if 0x10 <= int(tag[4:], 16) <= 0xFF else ""
    return dictionary_VR(int(tag, 16))


@rule("standard attributes written as UN")
def _(d: Difference) -> bool:
    """A sender wrote UN for an attribute that PS3.6 knows, or for a private creator: the value is then in Implicit VR Little Endian and has the
    dictionary's VR (PS3.5 6.2.2), which is what we show (docs/decisions/0005-known-vr-for-un.md). DCMTK leaves the bytes,
    pydicom does so above 64 kB."""
    a, b = d.vrs
    if b != "UN" or a not in understood(d.tag) or "InlineBinary" not in d.theirs and d.ours != {"vr": a}:
        return False
    data = base64.b64decode(d.theirs.get("InlineBinary", ""))
    if a == "SQ":
        return sequence_of(data) == d.our_values()
    if "BulkDataURI" in d.ours:
        return d.our_bytes() == data
    ours = [value["Alphabetic"] for value in d.our_values()] if a == "PN" else d.our_values()
    theirs = decode_bytes(a, data)
    return ours == theirs or [as_number(value) for value in ours] == [as_number(value) for value in theirs]


@rule("the character set of the answer", "dcmtk")
def _(d: Difference) -> bool:
    """dcm2json replaces Specific Character Set by what JSON is written in; we keep what the source says (DESIGN 6)."""
    return d.tag == "00080005" and d.their_values() == ["ISO_IR 192"]


@rule("delimiters at the end of a name", "dcmtk")
def _(d: Difference) -> bool:
    """dcm2json drops '^' at the end of a component group, and a PN of nothing else; we keep the group as it is in the
    file."""
    if not same_vr(d, "PN"):
        return False
    cut = [{group: text.rstrip("^ ") for group, text in name.items()} for name in d.our_values()]
    return cut == d.their_values() or ("Value" not in d.theirs and all(not any(name.values()) for name in cut))


@rule("padding")
def _(d: Difference) -> bool:
    """Spaces around each value and a NUL at the end are padding (PS3.5 6.2). pydicom keeps those inside a list, DCMTK a
    NUL in text that should have none, and shows text of spaces alone as null."""
    if not same_vr(d) or "Value" not in d.theirs:
        return False
    bare = [v.rstrip("\0 ").lstrip(" ") if isinstance(v, str) else v for v in d.their_values()]
    return bare == d.our_values() or (not d.our_values() and bare in ([None], [""]))


@rule("bytes that the default repertoire does not have", "pydicom")
def _(d: Difference) -> bool:
    """Without a Specific Character Set, bytes above 127 mean nothing: we show U+FFFD for each (or the character, where
    they are UTF-8), and flag the instance. pydicom takes them for Latin-1."""
    if d.raw is None or "\ufffd" not in str(d.ours):
        return False
    return texts(d.theirs or {}) != [] and all(
        text in d.raw.decode("latin-1") for text in texts(d.theirs)
    )


def texts(element: dict) -> list[str]:
    return [t for v in element.get("Value", []) for t in (v.values() if isinstance(v, dict) else [str(v)])]


@rule("escape sequences left in the text", "pydicom")
def _(d: Difference) -> bool:
    """pydicom leaves the escape sequences of ISO 2022 IR 58 in the text. Without them it is the same."""
    return any("\x1b" in text for text in texts(d.theirs or {})) and [
        text.replace("\x1b$)A", "") for text in texts(d.theirs)
    ] == texts(d.ours)


@rule("words of a big endian object", "pydicom")
def _(d: Difference) -> bool:
    """InlineBinary is little endian (PS3.18 F.2.7); pydicom gives the bytes of the file."""
    data = d.our_bytes()
    return bool(d.ours_file.layout["big_endian"]) and same_vr(d, "OW", "OF", "OL", "OD", "OV") and data is not None and (
        base64.b64decode(d.theirs.get("InlineBinary", "")) == swapped(data, WORDS[d.vrs[0]])
    )


@rule("an integer that is none", "pydicom")
def _(d: Difference) -> bool:
    """pydicom refuses an IS that is no integer; we keep the text as it is in the file, bytes beyond ASCII as U+FFFD."""
    if "ValueError" not in d.error or d.vrs[0] not in ("IS", "DS") or d.raw is None:
        return False
    kept = d.raw.rstrip(b"\0 ").decode("ascii", errors="replace")
    return [str(value) for value in d.our_values()] == [part.strip(" ") for part in kept.split("\\")]


DELIMITER = bytes.fromhex("feffdde000000000")


@rule("where an encapsulated value ends", "pydicom")
def _(d: Difference) -> bool:
    """Of a value in fragments we name all its items with the delimiter behind them, pydicom gives them without it.
    (What is asked for is frames, and they are compared by themselves.)"""
    data = d.our_bytes()
    return same_vr(d, "OB", "OW") and data is not None and base64.b64decode(d.theirs.get("InlineBinary", "")) + DELIMITER == data


@rule("odd length", "dcmtk")
def _(d: Difference) -> bool:
    """A value of odd length is kept as it is; DCMTK adds a NUL to it."""
    data = d.our_bytes()
    return same_vr(d, *BYTES) and data is not None and len(data) % 2 == 1 and (
        base64.b64decode(d.theirs.get("InlineBinary", "")) == data + b"\0"
    )


@rule("an attribute that comes twice", "pydicom")
def _(d: Difference) -> bool:
    """Of an attribute that a data set has twice, which the standard forbids, the first counts for us and DCMTK, the last
    for pydicom. Both are in the file."""
    head = bytes.fromhex(d.tag[2:4] + d.tag[0:2] + d.tag[6:8] + d.tag[4:6]) + d.vrs[0].encode()
    return same_vr(d) and d.ours_file.data.count(head) > 1


# Files that an oracle can't read, or not wholly, and why. Gantry's view of them is checked by the other oracle alone; of
# those in both lists by neither, and by Gantry's own tests only.
ICONV = "DCMTK in Debian converts by iconv, which knows no ISO 2022 escape sequences of Japanese"
UNREADABLE: dict[str, dict[str, str]] = {
    "pydicom": {
        "oddities/GH177_D_CLUNIE_CT1_IVRLE_BigEndian_undefined_length.dcm": "a sequence of VR UN and undefined length in a"
        " big endian file: its items are Implicit VR Little Endian (PS3.5 6.2.2), pydicom reads them as big endian",
    },
    "dcmtk": {
        "charset/SCSH31.dcm": ICONV,
        "charset/chrH31.dcm": ICONV,
        "charset/chrH32.dcm": ICONV,
        "charset/chrJapMulti.dcm": ICONV,
        "charset/chrJapMultiExplicitIR6.dcm": ICONV,
        "oddities/J2K_pixelrep_mismatch.dcm": ICONV,
        "oddities-derived/invalid_utf8_bytes_no_charset.dcm": "bytes above 127 without a Specific Character Set",
        "oddities-derived/unknown_charset.dcm": "ISO_IR 999 is no character set",
        "oddities/explicit_VR-UN.dcm": "Specific Character Set has VR UN: DCMTK reads its bytes as ten numbers",
        "us/IM00001.fragmented_no_bot_jpeg_baseline.50.dcm": "'ISO-IR 100' is misspelt",
    },
}


def explain(difference: Difference) -> Rule | None:
    return next((r for r in RULES if difference.oracle in r.oracles and r.applies(difference)), None)


# What INDEX.tsv says of these is not what Gantry does, on purpose.
INDEX_IS_WRONG = {
    "oddities-derived/uid_meta_dataset_mismatch.dcm": "refused because the File Meta group names another SOP Instance than"
    " the data set; twenty other files of the corpus do the same and are accepted. The data set counts.",
}

# Instances that are kept and have Pixel Data, but no frames that could be asked for by number, and why.
VIDEO = "1.2.840.10008.1.2.4.10"  # MPEG2, MPEG-4 and HEVC are 100 to 108
NO_FRAMES = {
    "oddities-derived/rows_cols_65535.dcm": "Rows and Columns want a frame of 8 GB, the value has 8 kB",
}


def has_no_frames(name: str, layout: dict) -> bool:
    """Whether it is known why the layout of this file, which says it is unusable, has no frames."""
    return name in NO_FRAMES or layout["transfer_syntax"].startswith(VIDEO)
