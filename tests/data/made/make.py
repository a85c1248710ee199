"""Made the files of this folder: kinds of DICOM objects for which no freely licensed small file was at hand.

    .venv/bin/python tests/data/made/make.py     # writes the same bytes again
"""

from __future__ import annotations

import pathlib
import struct

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate_extended
from pydicom.pixels.encoders import RLELosslessEncoder
from pydicom.uid import (
    EncapsulatedPDFStorage,
    ExplicitVRLittleEndian,
    MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    RLELossless,
    SecondaryCaptureImageStorage,
)

HERE = pathlib.Path(__file__).resolve().parent
ROOT_UID = "2.25.271828182845904523536028747135266249775"


def instance(sop_class: str, number: int, transfer_syntax: str = ExplicitVRLittleEndian, charset: str = "ISO_IR 192") -> Dataset:
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = transfer_syntax
    data.file_meta.MediaStorageSOPClassUID = sop_class
    data.file_meta.MediaStorageSOPInstanceUID = f"{ROOT_UID}.{number}.3"
    data.SpecificCharacterSet = charset.split("\\") if "\\" in charset else charset
    data.SOPClassUID, data.SOPInstanceUID = sop_class, f"{ROOT_UID}.{number}.3"
    data.StudyInstanceUID, data.SeriesInstanceUID = f"{ROOT_UID}.{number}.1", f"{ROOT_UID}.{number}.2"
    data.StudyDate, data.StudyTime, data.AccessionNumber, data.StudyID = "20240229", "101112", "", str(number)
    data.Modality, data.SeriesNumber, data.InstanceNumber = "OT", 1, 1
    data.PatientName, data.PatientID, data.PatientBirthDate, data.PatientSex = "Made^Up", f"MADE-{number}", "", ""
    data.ReferringPhysicianName = ""
    return data


def add_pixels(data: Dataset, frames: int) -> np.ndarray:
    pixels = (np.indices((frames, 16, 16)).sum(axis=0) * 5 % 251).astype(np.uint8)
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.Rows = data.Columns = 16
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 8, 8, 7, 0
    return pixels


def save(data: Dataset, name: str) -> None:
    data.file_meta.ImplementationClassUID = ROOT_UID
    data.save_as(HERE / name, enforce_file_format=True)


def extended_offset_table() -> None:
    """Three RLE frames; the Basic Offset Table is empty, the Extended Offset Table (PS3.3 C.7.6.3.1.8) points at them."""
    data = instance(MultiFrameGrayscaleByteSecondaryCaptureImageStorage, 1, RLELossless)
    pixels = add_pixels(data, 3)
    data.NumberOfFrames = 3
    described = dict(rows=16, columns=16, samples_per_pixel=1, bits_allocated=8, bits_stored=8, number_of_frames=1,
                     photometric_interpretation="MONOCHROME2", pixel_representation=0)
    coded = [RLELosslessEncoder.encode(frame, encoding_plugin="pydicom", **described) for frame in pixels]
    data.PixelData, data.ExtendedOffsetTable, data.ExtendedOffsetTableLengths = encapsulate_extended(coded)
    data["PixelData"].VR = "OB"
    save(data, "extended_offset_table.dcm")


def encapsulated_pdf() -> None:
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 100] /Contents 4 0 R"
        b" /Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>",
        b"<< /Length 43 >>\nstream\nBT /F1 12 Tf 20 50 Td (Gantry test page) Tj ET\nendstream",
    ]
    pdf, offsets = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(pdf))
        pdf += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    start = len(pdf)
    pdf += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    pdf += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    pdf += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    data = instance(EncapsulatedPDFStorage, 2)
    data.Modality, data.DocumentTitle, data.BurnedInAnnotation = "DOC", "Test page", "NO"
    data.MIMETypeOfEncapsulatedDocument = "application/pdf"
    data.EncapsulatedDocumentLength = len(pdf)
    data.EncapsulatedDocument = pdf + b"\0" * (len(pdf) % 2)
    save(data, "encapsulated_pdf.dcm")


def worklist_entry() -> None:
    """As file-based worklists keep them: no SOP class, no SOP instance."""
    data = instance("1.2.276.0.7230010.3.1.0.1", 3)
    del data.SOPClassUID, data.SOPInstanceUID, data.SeriesInstanceUID
    step = Dataset()
    step.Modality, step.ScheduledStationAETitle, step.ScheduledProcedureStepStartDate = "CT", "CT1", "20240301"
    data.ScheduledProcedureStepSequence = [step]
    save(data, "worklist_entry.wl")


def character_sets() -> None:
    """Kinds of character sets that the other files do not have. Text is written as bytes, so that no library's idea of an
    encoding comes between."""
    names = {
        "latin2": ("ISO_IR 101", "Nowák^Željko".encode("iso8859-2")),
        "latin5": ("ISO_IR 148", "Çavuşoğlu^Şükrü".encode("iso8859-9")),
        "thai": ("ISO_IR 166", "สมชาย^ใจดี".encode("tis-620")),
        "katakana": ("ISO_IR 13", "ﾔﾏﾀﾞ^ﾀﾛｳ".encode("shift_jis")),
        "chinese": ("\\ISO 2022 IR 58", b"Zhang^XiaoDong=" + b"^".join(b"\x1b$)A" + part.encode("gb2312") for part in ("张", "小东"))),
    }
    for number, (name, (charset, text)) in enumerate(names.items(), 10):
        data = instance(SecondaryCaptureImageStorage, number, charset=charset)
        data.PixelData = add_pixels(data, 1)[0].tobytes()
        data["PixelData"].VR = "OB"
        data.PatientName = "@" * (len(text) + len(text) % 2)
        save(data, f"charset_{name}.dcm")
        path = HERE / f"charset_{name}.dcm"
        placeholder = struct.pack("<HH2sH", 0x0010, 0x0010, b"PN", len(text) + len(text) % 2)
        raw = path.read_bytes()
        at = raw.index(placeholder) + len(placeholder)
        path.write_bytes(raw[:at] + text + b" " * (len(text) % 2) + raw[at + len(text) + len(text) % 2:])


if __name__ == "__main__":
    pydicom.config.settings.writing_validation_mode = pydicom.config.IGNORE
    extended_offset_table()
    encapsulated_pdf()
    worklist_entry()
    character_sets()
