"""Pictures of encoded images, with contributions laid over them: arrays in, base64 of a PNG out. No torch."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np
from numpy.typing import ArrayLike, NDArray

Bytes = NDArray[np.uint8]

MOST_SIDE, LEAST_SIDE = 112, 56
"""Pixels: larger pictures are thinned out, smaller ones repeated, so that a report stays small and readable."""
STEPS = 16
"""Of a channel, where a box is framed: pictures of scenes are large and noisy, and in fewer shades half as large."""
FRAME, OUTLINE = 255, 0
"""Greys of the frame around a box, and of the line around that."""
STRONGEST = 0.75
"""Opacity of the largest contribution."""
UPWARDS, DOWNWARDS = (200, 60, 20), (20, 90, 200)
"""Colours of contributions that raise and that lower the score: told apart by the colour-blind too."""


def png(pixels: Bytes) -> bytes:
    """A PNG of (H, W, 3) bytes, or of (H, W, 1) in grey, eight bits a channel, no filter.

    >>> png(np.zeros((1, 1, 3), np.uint8))[:8]
    b'\\x89PNG\\r\\n\\x1a\\n'
    """
    height, width, channels = pixels.shape
    lines = b"".join(b"\x00" + pixels[i].tobytes() for i in range(height))
    head = _HEAD.pack(width, height, 8, _COLOURS[channels], 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b""))
    return _SIGNATURE + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )


_SIGNATURE, _HEAD = b"\x89PNG\r\n\x1a\n", struct.Struct(">IIBBBBB")
_COLOURS = {1: 0, 3: 2}


def pixels_of(data: bytes, shape: tuple[int, int, int]) -> Bytes:
    """The (H, W, channels) bytes of a PNG that `png` made of that shape; ValueError for any other.

    >>> pixels_of(png(np.full((2, 3, 1), 7, np.uint8)), (2, 3, 1))[1, 2]
    array([7], dtype=uint8)
    """
    height, width, channels = shape
    head = b"\x00\x00\x00\rIHDR" + _HEAD.pack(width, height, 8, _COLOURS[channels], 0, 0, 0)
    begins = len(_SIGNATURE) + len(head) + 4
    if data[: begins - 4] != _SIGNATURE + head or data[begins + 4 : begins + 8] != b"IDAT":
        raise ValueError("no picture of ours of that size")
    size, line = int.from_bytes(data[begins : begins + 4], "big"), 1 + width * channels
    unpacked = zlib.decompressobj()
    try:
        found = unpacked.decompress(data[begins + 8 : begins + 8 + size], height * line + 1)
    except zlib.error as e:
        raise ValueError("no picture of ours of that size") from e
    if len(found) != height * line:
        raise ValueError("no picture of ours of that size")
    lines = np.frombuffer(found, np.uint8).reshape(height, line)
    if lines[:, 0].any():
        raise ValueError("no picture of ours of that size")
    return lines[:, 1:].reshape(shape).copy()


def picture(image: ArrayLike, contributions: ArrayLike, *, box: tuple[float, float, float, float] | None = None) -> str:
    """Base64 of a PNG: an encoded image (C, H, W), its contributions (H, W) laid over it.

    The image is stretched to its own range, since nobody knows how it was normalised; grey unless it has three
    channels. Contributions are coloured by sign, opaque by size. A `box` (left, top, right, bottom, in pixels of the
    image) is framed.

    >>> picture(np.zeros((1, 2, 2)), np.zeros((2, 2)))[:6]
    'iVBORw'
    """
    x, phi = np.asarray(image, float), np.asarray(contributions, float)
    x = x if len(x) == 3 else np.repeat(x.mean(axis=0, keepdims=True), 3, axis=0)
    low, span = float(x.min()), float(np.ptp(x))
    base = np.moveaxis((x - low) / span if span else np.zeros_like(x), 0, 2) * 255
    base = 0.6 * base.mean(axis=2, keepdims=True) + 0.4 * base  # paler, so that the colours laid over it are seen
    largest = float(np.abs(phi).max())
    opacity = STRONGEST * np.abs(phi)[..., None] / largest if largest else np.zeros((*phi.shape, 1))
    colour = np.where((phi > 0)[..., None], UPWARDS, DOWNWARDS)
    mixed = (1 - opacity) * base + opacity * colour
    pixels = _sized(np.round(mixed).astype(np.uint8))
    if box is not None:
        pixels = (pixels // STEPS * STEPS + STEPS // 2).astype(np.uint8)
        _framed(pixels, box, len(pixels) / x.shape[1])
    return base64.b64encode(png(pixels)).decode()


def _framed(pixels: Bytes, box: tuple[float, float, float, float], scale: float) -> None:
    """Draw a box in pixels of the image into the picture, which is `scale` times as large: white, in a black line."""
    height, width = pixels.shape[:2]
    left, top, right, bottom = (round(scale * v) for v in box)
    for away, grey in ((1, OUTLINE), (0, FRAME)):
        x0, x1 = (min(max(v, 0), width - 1) for v in (left - away, right - 1 + away))
        y0, y1 = (min(max(v, 0), height - 1) for v in (top - away, bottom - 1 + away))
        pixels[[y0, y1], x0 : x1 + 1] = grey
        pixels[y0 : y1 + 1, [x0, x1]] = grey


def _sized(pixels: Bytes) -> Bytes:
    side = max(pixels.shape[:2])
    step, times = -(-side // MOST_SIDE), max(1, -(-LEAST_SIDE // side))
    out: Bytes = np.ascontiguousarray(pixels[::step, ::step].repeat(times, axis=0).repeat(times, axis=1))
    return out
