#!/usr/bin/env python3
"""Writes the attributes of PS3.6, as pydicom's release lists them, to src/gantry/dicom/dictionary_table.inc.

Usage: .venv/bin/python scripts/generate_dictionary.py
Run it again with a newer pydicom when the standard grows.
"""

import pathlib

import pydicom
from pydicom._dicom_dict import DicomDictionary, RepeatersDictionary

TABLE = pathlib.Path(__file__).resolve().parent.parent / "src/gantry/dicom/dictionary_table.inc"


def first_vr(text: str) -> str:
    """One VR where PS3.6 allows several; what is ambiguous is settled by the reader from the data set (PS3.5 Annex A)."""
    options = text.split(" or ")
    return "OW" if set(options) == {"OB", "OW"} else options[0]


lines = [f"// The attributes of DICOM PS3.6, ascending by tag. Written by scripts/generate_dictionary.py from pydicom {pydicom.__version__}."]
for tag, (vr, _, _, _, keyword) in sorted(DicomDictionary.items()):
    if tag >> 16 != 0xFFFE:
        lines.append(f'GANTRY_ATTRIBUTE(0x{tag:08X}, "{first_vr(vr)}", "{keyword}")')
lines.append("// Repeating groups and elements: a zero digit of the mask is an x of PS3.6.")
for pattern, (vr, _, _, _, keyword) in sorted(RepeatersDictionary.items()):
    mask = "".join("0" if c == "x" else "F" for c in pattern)
    lines.append(f'GANTRY_REPEATER(0x{mask}, 0x{pattern.replace("x", "0")}, "{first_vr(vr)}", "{keyword}")')
TABLE.write_text("\n".join(lines) + "\n")
