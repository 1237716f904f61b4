"""The ways images become square: the shorter side to the wanted size and a centre crop, or the crop first."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

FILTERS: dict[str, Image.Resampling] = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
    "box": Image.Resampling.BOX,
}
NO_ANTIALIAS = "bilinear_no_antialias"
"""Each pixel from its four nearest, however much an image shrinks: OpenCV's INTER_LINEAR, and PyTorch's of a tensor."""
SMALLEST_MAX_SIZE = "smallest_max_size"
"""The same, and the longer side and the crop rounded as albumentations' (0.4.3) SmallestMaxSize and CenterCrop do: the
released loaders of faces, ImageNet and COCO-Stuff."""


def resize_and_crop(image: Image.Image, size: int, resize: str, crop_first: bool = False) -> Image.Image:
    """``size`` x ``size`` pixels. Rounds as torchvision's ``Resize(size)`` and ``CenterCrop(size)`` do, unless
    ``resize`` says otherwise.

    ``crop_first``: the largest centre square is cut out and then resized, as the released LSUN loader does.
    Pillow's filters widen when shrinking (anti-aliasing), which is what published reference statistics use.
    """
    if crop_first:
        return _resized(image.crop(_centre(*image.size)), size, size, resize)
    width, height, left, top = _placed(*image.size, size, resize)
    return _resized(image, width, height, resize).crop((left, top, left + size, top + size))


def random_square(
    image: Image.Image, size: int, resize: str, parts: tuple[float, float], rng: np.random.Generator
) -> Image.Image:
    """``size`` x ``size`` pixels of a random place: a square whose side is ``parts`` (from, to) of the shorter side."""
    return _resized(image.crop(random_place(image.size, parts, rng)), size, size, resize)


def random_place(
    image_size: tuple[int, int], parts: tuple[float, float], rng: np.random.Generator
) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the square that ``random_square`` shows of an image of (width, height)."""
    width, height = image_size
    side = max(1, round(min(width, height) * rng.uniform(*parts)))
    left, top = (int(rng.integers(0, free, endpoint=True)) for free in (width - side, height - side))
    return left, top, left + side, top + side


def square_map(classes: NDArray[np.uint8], size: int, resize: str, crop_first: bool = False) -> NDArray[np.uint8]:
    """A semantic map ``(h, w)`` cut and resized as its image is, each pixel from the nearest: ``(size, size)``."""
    image = Image.fromarray(classes)
    if crop_first:
        return np.asarray(image.crop(_centre(*image.size)).resize((size, size), Image.Resampling.NEAREST))
    width, height, left, top = _placed(*image.size, size, resize)
    resized = image.resize((width, height), Image.Resampling.NEAREST)
    return np.asarray(resized.crop((left, top, left + size, top + size)))


def _centre(width: int, height: int) -> tuple[int, int, int, int]:
    """The largest centre square: left, top, right, bottom."""
    shorter = min(width, height)
    left, top = (width - shorter) // 2, (height - shorter) // 2
    return left, top, left + shorter, top + shorter


def _placed(width: int, height: int, size: int, resize: str) -> tuple[int, int, int, int]:
    """Width and height whose shorter one is ``size``, and where in them the centre square begins: left, top."""
    shorter = min(width, height)
    if resize == SMALLEST_MAX_SIZE:
        scale = size / shorter
        width, height = round(width * scale), round(height * scale)  # halves to even, as there
        return width, height, (width - size) // 2, (height - size) // 2
    width, height = size * width // shorter, size * height // shorter
    return width, height, round((width - size) / 2), round((height - size) / 2)


def _resized(image: Image.Image, width: int, height: int, resize: str) -> Image.Image:
    if resize in FILTERS:
        return image.resize((width, height), FILTERS[resize])
    pixels = np.asarray(image).astype(np.float64)
    if resize not in (NO_ANTIALIAS, SMALLEST_MAX_SIZE):
        raise ValueError(f"no way to resize is called {resize!r}")
    for axis, length in ((0, height), (1, width)):
        pixels = _interpolated(pixels, length, axis)
    return Image.fromarray(np.rint(pixels).astype(np.uint8))


def _interpolated(pixels: NDArray[np.float64], length: int, axis: int) -> NDArray[np.float64]:
    """Linear interpolation at ``length`` centres along ``axis``; the edge's pixels continue beyond it."""
    given = pixels.shape[axis]
    place = np.clip((np.arange(length) + 0.5) * given / length - 0.5, 0, given - 1)
    before = np.floor(place).astype(np.int64)
    weight = (place - before).reshape([-1 if a == axis else 1 for a in range(pixels.ndim)])
    after = np.minimum(before + 1, given - 1)
    found: NDArray[np.float64] = pixels.take(before, axis) * (1 - weight) + pixels.take(after, axis) * weight
    return found
