"""From a file to 8-bit RGB pixels, or a reason why not.

Colours are taken as sRGB; embedded ICC profiles are not applied (as in the usual loaders of this field).
"""

import re
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

FORMATS = ("PNG", "JPEG", "MPO", "GIF", "BMP", "DIB", "TIFF", "WEBP", "AVIF", "PPM", "JPEG2000", "TGA", "QOI")
"""Pillow's decoders that are let near a file. PostScript and friends, which start other programs, are not."""
# fmt: off
READABLE_EXTENSIONS = frozenset({
    ".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".gif", ".bmp", ".dib", ".tif", ".tiff", ".webp",
    ".avif", ".avifs", ".ppm", ".pgm", ".pbm", ".pnm", ".jp2", ".j2k", ".jpc", ".jpf", ".jpx", ".tga", ".qoi",
})
UNSUPPORTED_EXTENSIONS = frozenset({
    ".heic", ".heif", ".jxl", ".psd", ".svg", ".eps", ".ico", ".exr", ".hdr", ".dng", ".cr2", ".nef", ".arw",
})
"""Images all the same: they are reported, not passed over."""
# fmt: on

MAX_PIXELS = 89_478_485
"""Pillow's own threshold for a decompression bomb: a quarter of a gigabyte of RGB."""
ORIENTATION = 0x0112
"""EXIF's tag; 5 and above swap width and height."""
MIN_SIDE = 4
"""A shorter side below this holds no picture (tracking pixels, spacers)."""
MAX_ASPECT = 20
"""Above it a centre crop shows less than a twentieth of the image."""


class Undecodable(Exception):
    """The image cannot be converted in a well-defined way. The message is the reason, free of absolute paths."""


def open_image(path: Path) -> Image.Image:
    """Opens a file lazily with the decoders in ``FORMATS``."""
    if path.stat().st_size == 0:
        raise Undecodable("the file is empty (0 bytes)")
    Image.init()
    return Image.open(path, formats=[name for name in FORMATS if name in Image.OPEN])


def open_bytes(encoded: bytes) -> Image.Image:
    """Opens an encoded image lazily with the decoders in ``FORMATS``."""
    if not encoded:
        raise Undecodable("the file is empty (0 bytes)")
    Image.init()
    return Image.open(BytesIO(encoded), formats=[name for name in FORMATS if name in Image.OPEN])


def decode_map(encoded: bytes, shift: int) -> NDArray[np.uint8]:
    """Classes ``(h, w)`` of a semantic map: the bytes of a greyscale or palette PNG, plus ``shift`` modulo 256.

    Raises ``Undecodable``.
    """
    try:
        with open_bytes(encoded) as image:
            _check_size(*image.size)
            values = np.asarray(image)
            mode = image.mode
    except Undecodable as error:
        raise Undecodable(f"its map: {error}") from error
    except Exception as error:
        raise Undecodable(f"its map: {_reason(error)}") from error
    if mode not in ("L", "P"):
        raise Undecodable(f"its map has mode {mode}; it must have one byte per pixel (mode L or P)")
    return (values.astype(np.int64) + shift).astype(np.uint8)


def probe(opener: Callable[[], Image.Image], side: int) -> tuple[Image.Image, str, tuple[int, int]]:
    """What ``decode`` checks, at less cost: a small version (mode ``RGB``), the stored mode, and the full size.

    A JPEG is decoded to the end, at the smallest of its scales that leaves ``side`` pixels; others are decoded whole.
    Raises ``Undecodable`` as ``decode`` does.
    """
    sizes: list[tuple[int, int]] = []

    def drafted() -> Image.Image:
        image = opener()
        width, height = image.size
        turned = image.getexif().get(ORIENTATION, 1) >= 5
        sizes.append((height, width) if turned else (width, height))
        _check_size(width, height)
        if image.format == "JPEG":
            image.draft("RGB" if image.mode == "RGB" else None, (side, side))
        return image

    small, mode = decode(drafted, check_size=False)
    return small, mode, sizes[0]


def decode(opener: Callable[[], Image.Image], check_size: bool = True) -> tuple[Image.Image, str]:
    """The whole image as mode ``RGB`` (EXIF orientation applied) and the mode it was stored in.

    Raises ``Undecodable`` for what is unreadable, truncated, animated, of absurd size, or has no defined 8-bit range.
    """
    try:
        with opener() as image:
            _check_frames(image)
            if check_size:
                _check_size(*image.size)
            image.load()
            ImageOps.exif_transpose(image, in_place=True)  # a copy would forget the file's format
            return to_rgb(image), image.mode
    except Undecodable:
        raise
    except UnidentifiedImageError as error:
        raise Undecodable("not an image that can be read (unknown format, or its beginning is damaged)") from error
    except Image.DecompressionBombError as error:
        raise Undecodable(f"decompression bomb: more than {2 * MAX_PIXELS} pixels") from error
    except Exception as error:  # decoders raise nearly anything on damaged input
        raise Undecodable(_reason(error)) from error


def to_rgb(image: Image.Image) -> Image.Image:
    """Mode ``RGB``. Transparency is composited over white; 16-bit greys are divided by 257 (65535 becomes 255).

    16-bit *colour* files reach us already cut to their high byte by Pillow's decoders; CMYK has no profile applied.
    """
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PPM"):
        return _from_16_bit(image)
    if image.mode in ("I", "F"):
        kind = "32-bit integer" if image.mode == "I" else "floating-point"
        raise Undecodable(f"{kind} pixels have no agreed range; save it with 8 or 16 bits per channel")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    return image.convert("RGB")


def _from_16_bit(image: Image.Image) -> Image.Image:
    values = np.asarray(image).astype(np.int64)
    grey = ((values + 128) // 257).astype(np.uint8)
    transparent = image.info.get("transparency")
    if transparent is not None:
        grey[values == transparent] = 255
    return Image.fromarray(grey).convert("RGB")


def _check_frames(image: Image.Image) -> None:
    # MPO is what phones write: a photograph first, then views of it that are no frames of a film.
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":
        raise Undecodable(f"{frames} frames or pages: which one is the image is not defined")


def _check_size(width: int, height: int) -> None:
    shorter, longer = sorted((width, height))
    if width * height > MAX_PIXELS:
        raise Undecodable(f"decompression bomb: {width} x {height} is more than {MAX_PIXELS} pixels")
    if shorter < MIN_SIDE:
        raise Undecodable(f"{width} x {height} pixels: the shorter side is below {MIN_SIDE}")
    if longer > MAX_ASPECT * shorter:
        raise Undecodable(f"{width} x {height} pixels: longer than {MAX_ASPECT} times its shorter side")


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"unreadable: {error.strerror}"
    text = re.sub(r"<[^>]* at 0x[0-9a-f]+>", "<file>", str(error)) or type(error).__name__
    return f"unreadable or truncated: {text}"
