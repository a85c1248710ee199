"""Instances made to measure, for tests that need many, large or strange ones."""

from __future__ import annotations

import io

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid


def ct_slice(study: str, series: str, sop: str, number: int = 1, rows: int = 64, columns: int = 64, **attributes) -> bytes:
    """A small CT slice as Part 10 bytes; `attributes` are further keywords."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = CTImageStorage
    data.file_meta.MediaStorageSOPInstanceUID = sop
    data.SpecificCharacterSet = "ISO_IR 192"
    data.SOPClassUID, data.SOPInstanceUID = CTImageStorage, sop
    data.StudyInstanceUID, data.SeriesInstanceUID = study, series
    data.StudyDate, data.StudyTime, data.Modality = "20240229", "101112", "CT"
    data.PatientName, data.PatientID, data.AccessionNumber = "Test^Gantry", "TEST-1", "ACC-1"
    data.StudyID, data.SeriesNumber, data.InstanceNumber = "1", 1, number
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.Rows, data.Columns, data.BitsAllocated, data.BitsStored, data.HighBit = rows, columns, 16, 12, 11
    data.PixelRepresentation = 0
    for keyword, value in attributes.items():
        setattr(data, keyword, value)
    if "PixelData" not in attributes:
        rng = np.random.default_rng(number)
        data.PixelData = rng.integers(0, 4096, rows * columns, dtype=np.uint16).tobytes()
    out = io.BytesIO()
    data.save_as(out, enforce_file_format=True)
    return out.getvalue()


def uids(count: int) -> list[str]:
    return [generate_uid() for _ in range(count)]
