"""What schemathesis must know of DICOMweb's bodies: how they are framed. What is in them stays its own invention, or is an instance."""

from __future__ import annotations

import json

import schemathesis
from make_dicom import ct_slice, uids

BOUNDARY = "openapi-test"
SLICE = ct_slice(*uids(3))


def content_of(value: object, media_type: str) -> bytes:
    """Bytes of whatever was thought of; every fourth is a real instance, whole or cut."""
    made = value if isinstance(value, bytes) else json.dumps(value, default=str).encode("utf-8", "replace")
    kind = sum(made) % 8
    if "json" in media_type or "xml" in media_type or kind > 1:
        return made
    return SLICE if kind == 0 else SLICE[: len(SLICE) * (len(made) % 10) // 10]


@schemathesis.serializer("application/dicom", "application/dicom+xml")
def single(context, value) -> bytes:
    return content_of(value, context.case.media_type)


@schemathesis.serializer("multipart/related")
def framed(context, value) -> bytes:
    media_type = context.case.media_type
    part_type = media_type.partition('type="')[2].partition('"')[0] or "application/dicom"
    head = f"--{BOUNDARY}\r\nContent-Type: {part_type}\r\n\r\n".encode()
    return head + content_of(value, media_type) + f"\r\n--{BOUNDARY}--\r\n".encode()


@schemathesis.hook
def before_call(context, case, **kwargs) -> None:
    if case.media_type and case.media_type.startswith("multipart/related"):
        case.headers = {**(case.headers or {}), "Content-Type": f"{case.media_type}; boundary={BOUNDARY}"}
