"""From an image to its low-resolution version, the condition of super-resolution (Sec. 4.4, Sec. D.6.1).

``bicubic`` is Pillow's, anti-aliased. ``bsr_light`` is the released ``bsrgan_light`` of the LDM-BSR model, itself a
weaker BSRGAN (Zhang et al., 2021), built on SciPy and Pillow: its constants are the released ones; its linear and cubic
resizing is Pillow's (whose cubic kernel has a = -0.5 where OpenCV's has -0.75) without anti-aliasing, as in OpenCV.
"""

from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from ldm_pipelines.data.spec import Degradation
from ldm_pipelines.errors import InputError

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float64]
"""Images ``(h, w, 3)`` in [0, 1]."""

STEPS = ("blur", "resize", "to_size", "noise", "jpeg")
FIRST_HALVING = 0.25
RANDOM_RESIZE = 0.8
JPEG = 0.9
QUALITIES = (80, 95)
NOISE_LEVELS = (1, 2)
"""Standard deviations, of 255."""


def degrade(pixels: Pixels, spec: Degradation, rng: np.random.Generator) -> Pixels:
    """uint8 ``(h, w, 3)`` to uint8 ``(h/f, w/f, 3)``; the same generator gives the same bytes.

    Raises ``InputError`` where the factor does not divide the image's sides.
    """
    height, width = pixels.shape[:2]
    if height % spec.factor or width % spec.factor:
        raise InputError(f"degradation.factor {spec.factor} does not divide an image of {width} x {height} pixels")
    size = (width // spec.factor, height // spec.factor)
    if spec.kind == "bicubic":
        return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))
    return _bsr_light(pixels / 255, spec.factor, size, rng)


def _bsr_light(image: Floats, factor: int, size: tuple[int, int], rng: np.random.Generator) -> Pixels:
    """Blur, two resizes, noise and JPEG in random order; the resize to ``size`` follows the random one."""
    if factor % 4 == 0 and rng.random() < FIRST_HALVING:
        image, factor = _halve(image, rng), factor // 2
    order = [STEPS[number] for number in rng.permutation(len(STEPS))]
    first, second = sorted((order.index("resize"), order.index("to_size")))
    order[first], order[second] = "resize", "to_size"
    for step in order:
        if step == "blur":
            image = ndimage.convolve(image, _blur_kernel(factor, rng), mode="mirror")
        elif step == "resize":
            image = np.clip(_random_resize(image, factor, rng), 0, 1)
        elif step == "to_size":
            image = np.clip(_resize(image, size, rng), 0, 1)
        elif step == "noise":
            image = np.clip(image + _noise(image.shape, rng), 0, 1)
        elif rng.random() < JPEG:
            image = _jpeg(image, rng) / 255
    return _jpeg(image, rng)


def _halve(image: Floats, rng: np.random.Generator) -> Floats:
    """Half the size, by an anti-aliased bicubic filter or by any of the random ones."""
    size = (image.shape[1] // 2, image.shape[0] // 2)
    if rng.random() < 0.5:
        return np.clip(_resize(image, size, rng), 0, 1)
    return np.clip(_by_channel(image, lambda channel: channel.resize(size, Image.Resampling.BICUBIC)), 0, 1)


def _random_resize(image: Floats, factor: int, rng: np.random.Generator) -> Floats:
    """Smaller by 1 to 2 ``factor``; else by ``factor``: a Gaussian around the new pixels' centres, nearest sampling."""
    if rng.random() < RANDOM_RESIZE:
        shrink = rng.uniform(1, 2 * factor)
        return _resize(image, (max(1, int(image.shape[1] / shrink)), max(1, int(image.shape[0] / shrink))), rng)
    offsets = np.arange(-12, 13) + (factor - 1) / 2  # of a kernel that looks right and down by half a new pixel
    kernel = _gaussian(offsets, np.eye(2) * rng.uniform(0.1, 0.6 * factor) ** 2)
    sampled: Floats = ndimage.convolve(image, kernel, mode="mirror")[::factor, ::factor]
    return sampled


def _resize(image: Floats, size: tuple[int, int], rng: np.random.Generator) -> Floats:
    """To ``(width, height)`` by area, or linear or cubic without anti-aliasing."""
    method = rng.integers(3)
    if method == 0:
        return _by_channel(image, lambda channel: channel.resize(size, Image.Resampling.BOX))
    resample = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC)[method - 1]
    matrix = (image.shape[1] / size[0], 0, 0, 0, image.shape[0] / size[1], 0)
    return _by_channel(image, lambda channel: channel.transform(size, Image.Transform.AFFINE, matrix, resample))


def _by_channel(image: Floats, work: Callable[[Image.Image], Image.Image]) -> Floats:
    """Pillow has floating-point images of one channel only."""
    channels = [Image.fromarray(channel) for channel in np.moveaxis(image.astype(np.float32), 2, 0)]
    return np.stack([np.asarray(work(channel)) for channel in channels], axis=2).astype(np.float64)


def _blur_kernel(factor: int, rng: np.random.Generator) -> Floats:
    """A Gaussian of BSRGAN with the ranges of its widths divided by 4; only odd sizes, so that nothing is shifted."""
    if rng.random() < 0.5:
        variances, angle, radius = rng.uniform(0, (4 + factor) / 4, size=2), rng.uniform(0, np.pi), rng.integers(2, 7)
    else:
        variances, angle, radius = np.full(2, rng.uniform(0, (2 + 0.2 * factor) / 4) ** 2), 0.0, rng.integers(2, 4)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return _gaussian(np.arange(-radius, radius + 1), turn @ np.diag(variances) @ turn.T)


def _gaussian(offsets: NDArray[Any], covariance: Floats) -> Floats:
    """Kernel ``(k, k, 1)`` of sum 1 over a square grid."""
    precision = np.linalg.inv(covariance + 1e-4 * np.eye(2))  # the smallest widths are a single pixel
    y, x = np.meshgrid(offsets, offsets, indexing="ij")
    exponent = precision[0, 0] * x * x + 2 * precision[0, 1] * x * y + precision[1, 1] * y * y
    kernel = np.exp(-(exponent - exponent.min()) / 2)[..., None]
    return np.asarray(kernel / kernel.sum(), dtype=np.float64)


def _noise(shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
    """Gaussian noise: of each channel (probability 0.4), grey (0.4), or with correlated channels (0.2)."""
    level, kind = rng.integers(*NOISE_LEVELS, endpoint=True) / 255, rng.random()
    if kind > 0.6:
        return rng.normal(0, level, shape)
    if kind < 0.4:
        return rng.normal(0, level, (*shape[:2], 1))
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    correlated: Floats = rng.normal(0, NOISE_LEVELS[1] / 255, shape) * np.sqrt(rng.random(3)) @ rotation
    return correlated


def _jpeg(image: Floats, rng: np.random.Generator) -> Pixels:
    buffer = BytesIO()
    quality = int(rng.integers(*QUALITIES, endpoint=True))
    Image.fromarray(np.rint(image * 255).astype(np.uint8)).save(buffer, format="JPEG", quality=quality)
    return np.asarray(Image.open(buffer))
