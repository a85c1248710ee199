"""Instances made to measure, for tests that need many, large or strange ones."""

from __future__ import annotations

import io

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    CTImageStorage,
    ExplicitVRLittleEndian,
    GrayscaleSoftcopyPresentationStateStorage,
    generate_uid,
)


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


def as_file(data: Dataset) -> bytes:
    """A data set that has file meta information, as Part 10 bytes."""
    out = io.BytesIO()
    data.save_as(out, enforce_file_format=True)
    return out.getvalue()


def reference_to(image: Dataset, frames: list[int] | None = None) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = image.SOPClassUID, image.SOPInstanceUID
    if frames:
        item.ReferencedFrameNumber = frames
    return item


def presentation_state(images: list[Dataset], sop_class: str = GrayscaleSoftcopyPresentationStateStorage) -> Dataset:
    """A softcopy presentation state for images of one study, which shows all of each and changes nothing else."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = sop_class
    data.SOPClassUID, data.SOPInstanceUID = sop_class, generate_uid()
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    data.SpecificCharacterSet = "ISO_IR 192"
    data.StudyInstanceUID, data.SeriesInstanceUID = images[0].StudyInstanceUID, generate_uid()
    data.Modality, data.SeriesNumber, data.InstanceNumber = "PR", 99, 1
    data.PatientName, data.PatientID, data.PatientBirthDate, data.PatientSex = images[0].get("PatientName", ""), "", "", ""
    data.StudyDate = data.StudyTime = data.StudyID = data.AccessionNumber = data.ReferringPhysicianName = ""
    data.Manufacturer = ""
    data.ContentLabel, data.ContentDescription, data.ContentCreatorName = "TEST", "", ""
    data.PresentationCreationDate, data.PresentationCreationTime = "20240229", "101112"
    data.ReferencedSeriesSequence, data.DisplayedAreaSelectionSequence = [], []
    for series in dict.fromkeys(image.SeriesInstanceUID for image in images):
        item = Dataset()
        item.SeriesInstanceUID = series
        item.ReferencedImageSequence = [reference_to(image) for image in images if image.SeriesInstanceUID == series]
        data.ReferencedSeriesSequence.append(item)
    for image in images:
        area = Dataset()
        area.ReferencedImageSequence = [reference_to(image)]
        area.DisplayedAreaTopLeftHandCorner = [1, 1]
        area.DisplayedAreaBottomRightHandCorner = [image.Columns, image.Rows]
        area.PresentationSizeMode, area.PresentationPixelAspectRatio = "SCALE TO FIT", [1, 1]
        data.DisplayedAreaSelectionSequence.append(area)
    if sop_class == GrayscaleSoftcopyPresentationStateStorage:
        data.PresentationLUTShape = "IDENTITY"
    return data
