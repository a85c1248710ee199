"""Presentation states, text on pictures and their colours, by the real binary; grey values against DCMTK's dcmp2pgm."""

from __future__ import annotations

import io
import shutil
import subprocess

import numpy as np
import pytest
import requests
from conftest import corpus_folder, post_instance
from make_dicom import as_file, ct_slice, presentation_state, reference_to, uids
from PIL import Image, ImageCms
from pydicom import dcmread
from pydicom.dataset import Dataset

COLOUR_STATE = "1.2.840.10008.5.1.4.1.1.11.2"
BLENDING_STATE = "1.2.840.10008.5.1.4.1.1.11.4"


def url_of(server, data: Dataset) -> str:
    return (
        f"{server.dicomweb}/studies/{data.StudyInstanceUID}/series/{data.SeriesInstanceUID}"
        f"/instances/{data.SOPInstanceUID}"
    )


def store(server, *data_sets: Dataset) -> None:
    for data in data_sets:
        answer = post_instance(server, as_file(data))
        assert answer.status_code == 200, answer.text


def picture_of(answer) -> Image.Image:
    assert answer.status_code == 200, answer.text
    return Image.open(io.BytesIO(answer.content))


def png(url: str, **parameters) -> np.ndarray:
    answer = requests.get(f"{url}/rendered", params=parameters, headers={"Accept": "image/png"})
    return np.asarray(picture_of(answer)).astype(int)


def ramp(study: str | None = None, series: str | None = None, rows: int = 64, columns: int = 96, **attributes) -> Dataset:
    """A slice whose values are 0 to 4095, of a study and series of its own where none is given."""
    new_study, new_series, sop = uids(3)
    values = np.linspace(0, 4095, rows * columns).astype(np.uint16).reshape(rows, columns)
    attributes = {"PixelData": values.tobytes(), **attributes}
    made = ct_slice(study or new_study, series or new_series, sop, rows=rows, columns=columns, **attributes)
    return dcmread(io.BytesIO(made))


def table(first: int, entries: list[int], bits: int) -> Dataset:
    item = Dataset()
    item.add_new(0x00283002, "US", [len(entries), first, bits])
    item.add_new(0x00283006, "US", entries)
    return item


def voi(**attributes) -> Dataset:
    item = Dataset()
    for keyword, value in attributes.items():
        setattr(item, keyword, value)
    return item


def states(image: Dataset) -> dict[str, Dataset]:
    """Every way in which a state makes grey of values, and the turns."""
    made = {}

    def state(name: str) -> Dataset:
        made[name] = presentation_state([image])
        return made[name]

    state("identity")
    state("inverse").PresentationLUTShape = "INVERSE"
    state("window").SoftcopyVOILUTSequence = [voi(WindowCenter="1000", WindowWidth="1500")]
    rescaled = state("rescale")
    rescaled.RescaleIntercept, rescaled.RescaleSlope, rescaled.RescaleType = "-1024", "2", "HU"
    rescaled.SoftcopyVOILUTSequence = [voi(WindowCenter="100", WindowWidth="3000")]
    look_up = state("voi lut")
    curve = [min(1023, int(1023 * (i / 4095) ** 0.5)) for i in range(4096)]
    look_up.SoftcopyVOILUTSequence = [voi(VOILUTSequence=[table(0, curve, 10)])]
    modality = state("modality lut")
    modality.ModalityLUTSequence = [table(0, [4095 - i for i in range(4096)], 12)]
    modality.ModalityLUTSequence[0].ModalityLUTType = "US"
    modality.SoftcopyVOILUTSequence = [voi(WindowCenter="2048", WindowWidth="2000")]
    presented = state("presentation lut")
    del presented.PresentationLUTShape
    presented.PresentationLUTSequence = [table(0, [int(255 * (i / 255) ** 2) for i in range(256)], 8)]
    presented.SoftcopyVOILUTSequence = [voi(WindowCenter="2048", WindowWidth="4096")]
    for degrees in (90, 180, 270):
        for flip in ("N", "Y"):
            turned = state(f"turned {degrees} {flip}")
            turned.ImageRotation, turned.ImageHorizontalFlip = degrees, flip
    return made


def dcmtk_shows(image: Dataset, state: Dataset, folder) -> np.ndarray:
    tool = shutil.which("dcmp2pgm")
    assert tool, "DCMTK's dcmp2pgm is part of the test packages"
    (folder / "image.dcm").write_bytes(as_file(image))
    (folder / "state.dcm").write_bytes(as_file(state))
    done = subprocess.run(
        [tool, "-q", "-p", folder / "state.dcm", folder / "image.dcm", folder / "out.pgm"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return np.asarray(Image.open(folder / "out.pgm")).astype(int)


@pytest.mark.parametrize("name", list(states(ramp())))
def test_grey_values_are_dcmtks(make_server, tmp_path, name):
    server = make_server()
    image = ramp()
    # What the image says of itself must not count.
    image.WindowCenter, image.WindowWidth, image.RescaleIntercept, image.RescaleSlope = "40", "80", "-500", "3"
    state = states(image)[name]
    store(server, image, state)
    ours = png(url_of(server, state))
    theirs = dcmtk_shows(image, state, tmp_path)
    assert ours.shape == theirs.shape
    # DCMTK cuts where a Presentation LUT's input lies between two entries, Gantry rounds: one step of the steepest part.
    assert np.abs(ours - theirs).max() <= (2 if name == "presentation lut" else 1), name


def test_the_corpus_states_are_dcmtks(make_server, tmp_path):
    """Their images are not part of the corpus; made ones with their UIDs are."""
    paths = [corpus_folder() / "pr-ko" / name for name in ("prLUTs.dcm", "prOverlay.dcm")]
    paths = [path for path in paths if path.exists()]
    if not paths:
        pytest.skip("these states are part of the whole corpus alone")
    server = make_server()
    for path in paths:
        name = path.name
        state = dcmread(path)
        series = state.ReferencedSeriesSequence[0]
        reference = series.ReferencedImageSequence[0]
        image = ramp(state.StudyInstanceUID, series.SeriesInstanceUID, rows=512, columns=512)
        values = np.tile(np.arange(512) // 2, (512, 1)).astype(np.uint8)
        image.SOPClassUID, image.SOPInstanceUID = reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID
        image.file_meta.MediaStorageSOPClassUID = reference.ReferencedSOPClassUID
        image.file_meta.MediaStorageSOPInstanceUID = reference.ReferencedSOPInstanceUID
        image.BitsAllocated, image.BitsStored, image.HighBit = 8, 8, 7
        image.PixelData = values.tobytes()
        image["PixelData"].VR = "OB"
        store(server, image, state)
        ours = png(url_of(server, state))
        theirs = dcmtk_shows(image, state, tmp_path)
        assert ours.shape == theirs.shape == (512, 512)
        drawn = np.zeros((512, 512), bool)  # dcmp2pgm draws no overlays
        for group in (0x6008, 0x600A):
            if (group, 0x3000) in state:
                bits = np.unpackbits(np.frombuffer(state[group, 0x3000].value, np.uint8), bitorder="little")
                drawn |= bits.reshape(512, 512).astype(bool)
        assert np.abs(ours - theirs)[~drawn].max() <= 1, name
        assert (ours[drawn] == 255).all(), name
        assert drawn.any() == (name == "prOverlay.dcm")


def test_a_state_shows_all_its_images_and_only_their_frames(make_server):
    server = make_server()
    first = ramp()
    second = ramp(first.StudyInstanceUID, first.SeriesInstanceUID)
    missing = ramp(first.StudyInstanceUID, first.SeriesInstanceUID)
    film = ramp(first.StudyInstanceUID, rows=8, columns=8)
    film.NumberOfFrames = 4
    film.PixelData = b"".join(np.full(64, 1000 * frame, np.uint16).tobytes() for frame in range(1, 5))
    state = presentation_state([first, second, missing, film])
    state.ReferencedSeriesSequence[1].ReferencedImageSequence[0].ReferencedFrameNumber = [2, 4]
    state.SoftcopyVOILUTSequence = [
        voi(ReferencedImageSequence=[reference_to(first), reference_to(second)], WindowCenter="2048", WindowWidth="4096"),
        voi(ReferencedImageSequence=[reference_to(film, [2])], WindowCenter="2000", WindowWidth="1"),
        voi(ReferencedImageSequence=[reference_to(film, [4])], WindowCenter="5000", WindowWidth="1"),
    ]
    store(server, first, second, film, state)
    url = url_of(server, state)
    answer = requests.get(f"{url}/rendered", headers={"Accept": "multipart/related; type=\"image/png\""})
    assert answer.status_code == 200, answer.text
    assert "1 of the images" in answer.headers["Warning"]
    boundary = answer.headers["Content-Type"].partition("boundary=")[2].strip('"').encode()
    parts = [part.partition(b"\r\n\r\n")[2] for part in answer.content.split(b"--" + boundary)[1:-1]]
    pictures = [np.asarray(Image.open(io.BytesIO(part))) for part in parts]
    assert [picture.shape for picture in pictures] == [(64, 96), (64, 96), (8, 8), (8, 8)]
    assert (pictures[2] == 255).all() and (pictures[3] == 0).all()
    single = requests.get(f"{url}/rendered", headers={"Accept": "image/jpeg"})
    assert picture_of(single).size == (96, 64)
    again = requests.get(f"{url}/rendered", headers={"Accept": "image/jpeg", "If-None-Match": single.headers["ETag"]})
    assert again.status_code == 304
    assert picture_of(requests.get(f"{url}/thumbnail")).size[0] == 256
    # Images change, and so does what the state shows of them.
    assert requests.delete(url_of(server, first)).status_code in (200, 204)
    other = requests.get(f"{url}/rendered", headers={"Accept": "image/jpeg"})
    assert other.headers["ETag"] != single.headers["ETag"]


def test_what_a_state_says_itself_cant_be_asked_for(make_server):
    server = make_server()
    image = ramp()
    state = presentation_state([image])
    blending = presentation_state([image], BLENDING_STATE)
    lonely = presentation_state([ramp(image.StudyInstanceUID)])
    store(server, image, state, blending, lonely)
    url = url_of(server, state)

    def status(parameters, target=url):
        return requests.get(f"{target}/rendered", params=parameters, headers={"Accept": "image/png"}).status_code

    assert status({"viewport": "10,10"}) == 200
    assert status({"window": "40,400,linear"}) == 400
    assert status({"viewport": "10,10,0,0,5,5"}) == 400
    refused = requests.get(f"{url_of(server, blending)}/rendered")
    assert refused.status_code == 406 and "SOP Class" in refused.text
    assert status({}, url_of(server, lonely)) == 404
    assert status({}, f"{url}/frames/1") == 404


def test_wado_uri_applies_a_named_state(make_server):
    server = make_server()
    image, other = ramp(), ramp()
    state = presentation_state([image])
    state.PresentationLUTShape = "INVERSE"
    store(server, image, other, state)

    def get(target=image, **parameters):
        query = {
            "requestType": "WADO", "studyUID": target.StudyInstanceUID, "seriesUID": target.SeriesInstanceUID,
            "objectUID": target.SOPInstanceUID, "contentType": "image/png", **parameters,
        }
        return requests.get(f"{server.dicomweb}/wado", params=query)

    named = {"presentationUID": state.SOPInstanceUID, "presentationSeriesUID": state.SeriesInstanceUID}
    plain = np.asarray(picture_of(get(windowCenter="2048", windowWidth="4096"))).astype(int)
    inverse = np.asarray(picture_of(get(**named))).astype(int)
    assert np.abs(plain + inverse - 255).max() <= 1
    for wrong in (
        {"presentationUID": state.SOPInstanceUID},
        {"presentationSeriesUID": state.SeriesInstanceUID},
        {**named, "presentationUID": image.SOPInstanceUID, "presentationSeriesUID": image.SeriesInstanceUID},
        {**named, "presentationUID": "1.2.3"},
        {**named, "presentationUID": "x"},
        {**named, "region": "0,0,0.5,0.5"},
        {**named, "windowCenter": "1", "windowWidth": "2"},
    ):
        answer = get(**wrong)
        assert answer.status_code == 400, (wrong, answer.text)
    assert get(other, **named).status_code == 400
    assert get(iccprofile="srgb").status_code == 200 and get(annotation="patient").status_code == 200


def test_graphics_and_text_are_drawn_where_they_belong(make_server):
    server = make_server()
    image = ramp(rows=256, columns=256, PixelData=bytes(256 * 256 * 2))
    state = presentation_state([image])
    layer = Dataset()
    layer.GraphicLayer, layer.GraphicLayerOrder, layer.GraphicLayerRecommendedDisplayGrayscaleValue = "LAYER", 1, 0xFFFF
    state.GraphicLayerSequence = [layer]
    circle = Dataset()
    circle.GraphicAnnotationUnits, circle.GraphicDimensions, circle.NumberOfGraphicPoints = "PIXEL", 2, 2
    circle.GraphicData, circle.GraphicType, circle.GraphicFilled = [64, 64, 84, 64], "CIRCLE", "Y"
    text = Dataset()
    text.BoundingBoxAnnotationUnits, text.UnformattedTextValue = "PIXEL", "Läsion 山"
    text.BoundingBoxTopLeftHandCorner, text.BoundingBoxBottomRightHandCorner = [128, 128], [250, 160]
    text.BoundingBoxTextHorizontalJustification = "LEFT"
    annotation = Dataset()
    annotation.GraphicLayer, annotation.GraphicObjectSequence, annotation.TextObjectSequence = "LAYER", [circle], [text]
    state.GraphicAnnotationSequence = [annotation]
    state.ImageRotation, state.ImageHorizontalFlip = 180, "N"
    store(server, image, state)
    shown = png(url_of(server, state))
    assert shown[256 - 64, 256 - 64] == 255 and shown[256 - 64, 256 - 88] == 0
    assert shown[64, 64] == 0
    # The text's box is turned with the image.
    assert (shown[256 - 160 : 256 - 128, 256 - 250 : 256 - 128] > 128).sum() > 100
    assert (shown[:90, :] > 128).sum() == 0


def test_pictures_say_whose_they_are(make_server):
    server = make_server()
    image = ramp(rows=256, columns=256, PixelData=bytes(256 * 256 * 2), PatientName="Yamada^Tarou=山田^太郎")
    store(server, image)
    url = url_of(server, image)

    def lit(**parameters):
        shown = png(url, **parameters) > 128
        return shown[:128].sum(), shown[128:].sum()

    assert lit() == (0, 0)
    top, bottom = lit(annotation="patient")
    assert top > 200 and bottom == 0
    top, bottom = lit(annotation="technique")
    assert top == 0 and bottom > 200
    assert all(lit(annotation="patient,technique"))
    for wrong in ("", "patient,", "pa tient", "patient;technique"):
        assert requests.get(f"{url}/rendered", params=f"annotation={wrong}").status_code == 400, wrong
    unknown = requests.get(f"{url}/rendered", params={"annotation": "patient,referrer"})
    assert unknown.status_code == 200
    assert "The following annotation values are not supported: referrer" in unknown.headers["Warning"]
    small = requests.get(f"{url}/rendered", params={"annotation": "patient", "viewport": "16,16"})
    assert small.status_code == 406 and "too small" in small.text


def rgb_image(profile: bytes | None) -> Dataset:
    image = ramp(rows=4, columns=4)
    image.SamplesPerPixel, image.PhotometricInterpretation, image.PlanarConfiguration = 3, "RGB", 0
    image.BitsAllocated, image.BitsStored, image.HighBit = 8, 8, 7
    image.PixelData = bytes([200, 40, 40]) * 16
    image["PixelData"].VR = "OB"
    if profile is not None:
        image.ICCProfile = profile
    return image


def test_pictures_carry_the_profile_that_was_asked_for(make_server):
    server = make_server()
    plain = rgb_image(None)
    # A profile that swaps nothing, but says another white: made by the library that Pillow has.
    own = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    # DICOM wants an input device's profile.
    own = own[:12] + b"scnr" + own[16:]
    with_profile = rgb_image(own + b"\0" * (len(own) % 2))
    damaged = rgb_image(b"\0" * 200)
    store(server, plain, with_profile, damaged)

    def get(image, profile, accept):
        parameters = {} if profile is None else {"iccprofile": profile}
        return requests.get(f"{url_of(server, image)}/rendered", params=parameters, headers={"Accept": accept})

    for accept in ("image/jpeg", "image/png"):
        assert "icc_profile" not in picture_of(get(plain, None, accept)).info
        assert "icc_profile" not in picture_of(get(plain, "no", accept)).info
        assert picture_of(get(with_profile, "yes", accept)).info["icc_profile"] == own
        for profile, name in (("yes", "sRGB"), ("srgb", "sRGB"), ("adobergb", "Adobe RGB"), ("rommrgb", "ROMM")):
            picture = picture_of(get(plain, profile, accept))
            found = ImageCms.ImageCmsProfile(io.BytesIO(picture.info["icc_profile"]))
            assert name in ImageCms.getProfileDescription(found)
            # Whoever reads the profile sees the same colour.
            back = ImageCms.profileToProfile(picture, found, ImageCms.createProfile("sRGB"), outputMode="RGB")
            tolerance = 6 if accept == "image/jpeg" else 2
            assert np.abs(np.asarray(back).astype(int)[0, 0] - [200, 40, 40]).max() <= tolerance, (profile, accept)
    grey = ramp()
    store(server, grey)
    for profile in ("yes", "srgb", "adobergb", "rommrgb"):
        assert picture_of(get(grey, profile, "image/png")).info["icc_profile"]
    assert get(plain, "cmyk", "image/png").status_code == 400
    assert get(plain, "", "image/png").status_code == 400
    assert get(plain, "srgb", "image/gif").status_code == 400
    assert get(plain, "no", "image/gif").status_code == 200
    for profile in ("yes", "srgb"):
        refused = get(damaged, profile, "image/png")
        assert refused.status_code == 406 and "ICC profile" in refused.text
    assert get(damaged, "no", "image/png").status_code == 200


def test_a_colour_states_profile_counts(make_server):
    server = make_server()
    image = rgb_image(None)
    state = presentation_state([image], COLOUR_STATE)
    store(server, image)
    # Adobe's profile, taken from a picture.
    answer = requests.get(f"{url_of(server, image)}/rendered", params={"iccprofile": "adobergb"}, headers={"Accept": "image/png"})
    adobe = picture_of(answer).info["icc_profile"]
    state.ICCProfile = adobe + b"\0" * (len(adobe) % 2)
    store(server, state)
    answer = requests.get(f"{url_of(server, state)}/rendered", params={"iccprofile": "srgb"}, headers={"Accept": "image/png"})
    shown = np.asarray(picture_of(answer)).astype(int)[0, 0]
    assert shown[0] > 210, "the samples are Adobe RGB's by the state, so their red is redder than sRGB's"
