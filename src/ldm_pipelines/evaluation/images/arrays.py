"""Images in one big array, as guided-diffusion (ADM; Dhariwal & Nichol, 2021) keeps its sample batches: ``.npz``."""

import math
from collections.abc import Callable
from pathlib import Path
from tokenize import TokenError
from typing import IO, NamedTuple
from zipfile import ZIP_STORED, ZipFile, ZipInfo

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray
from PIL import Image

from ldm_pipelines.data.decoding import MAX_PIXELS
from ldm_pipelines.errors import InputError
from ldm_pipelines.evaluation.images.preprocessing import Preprocessing
from ldm_pipelines.evaluation.images.zip_files import check_sum, open_zip, start_of

IMAGES, LABELS = "arr_0", "arr_1"
EXPECTED = f"{IMAGES} uint8 (n, height, width, 3), optionally {LABELS} int (n,), saved by numpy.savez"


class ArrayImages:
    """The images ``arr_0`` of an ``.npz`` and their labels ``arr_1``, where it has them; id ``arr_0[7]`` is the eighth.

    The array is never in memory as a whole. ``numpy.savez`` stores it as it is, and it is mapped from its place in the
    file. ``numpy.savez_compressed`` deflates it: then reading goes forward through the stream, so that images in
    ascending order cost one pass, and every step back begins again at the front. Either way memory holds the images of
    one call alone.
    """

    def __init__(self, file: Path, preprocessing: Preprocessing | None = None) -> None:
        """Reads the file once, to compare its checksum: a damaged array has no image that could be trusted.

        Raises:
            InputError: ``file`` is no ``.npz``, damaged, or holds something else than ``EXPECTED``; or its images are
                not square and there is no ``preprocessing``.
        """
        self._preprocessing = preprocessing
        archive = open_zip(file)
        header = _check_images(file, _read_header(file, archive, IMAGES), preprocessing)
        self._count, height, _, _ = header.shape
        self.image_size = height if preprocessing is None else preprocessing.image_size
        self.ids = [f"{IMAGES}[{index}]" for index in range(self._count)]
        self.labels = _read_labels(file, archive, self._count)
        self._read: Callable[[int], NDArray[np.uint8]]
        if header.member.compress_type == ZIP_STORED:
            self._read = _Mapped(file, header).read
        else:
            self._read = _Streamed(archive, header).read

    def __len__(self) -> int:
        return self._count

    def pixels(self, indices: NDArray[np.integer]) -> NDArray[np.uint8]:
        """uint8 (b, s, s, 3) of the images at ``indices``: any order, repeats allowed. Raises ``InputError``."""
        images = np.empty((len(indices), self.image_size, self.image_size, 3), dtype=np.uint8)
        for slot in np.argsort(indices, kind="stable"):  # ascending: a stream is not rewound within a call
            pixels = self._read(range(self._count)[indices[slot]])
            images[slot] = pixels if self._preprocessing is None else self._preprocessing.apply(Image.fromarray(pixels))
        return images


class _Header(NamedTuple):
    """What a ``.npy`` member of an ``.npz`` says of itself."""

    member: ZipInfo
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]
    offset: int
    """Bytes of the member before the array."""


class _Mapped:
    """Images of a member that is stored uncompressed, mapped from the file."""

    def __init__(self, file: Path, header: _Header) -> None:
        start = start_of(file, header.member) + header.offset
        self._images = np.memmap(file, dtype=np.uint8, mode="r", offset=start, shape=header.shape)

    def read(self, index: int) -> NDArray[np.uint8]:
        return np.asarray(self._images[index])


class _Streamed:
    """Images of a compressed member, decompressed up to the one asked for."""

    def __init__(self, archive: ZipFile, header: _Header) -> None:
        self._header = header
        self._stream = archive.open(header.member)

    def read(self, index: int) -> NDArray[np.uint8]:
        shape = self._header.shape[1:]
        size = math.prod(shape)
        self._stream.seek(self._header.offset + index * size)
        return np.frombuffer(self._stream.read(size), dtype=np.uint8).reshape(shape)


def _read_header(file: Path, archive: ZipFile, name: str) -> _Header:
    try:
        member = archive.getinfo(f"{name}.npy")
    except KeyError as error:
        found = ", ".join(sorted(archive.namelist())) or "nothing"
        raise InputError(f"{file} has no {name}; it holds {found}; expected is {EXPECTED}") from error
    check_sum(file, archive, member)
    try:
        with archive.open(member) as stream:
            shape, dtype = _parse_header(stream)
            header = _Header(member, shape, dtype, stream.tell())
    except (ValueError, SyntaxError, TokenError) as error:
        raise InputError(f"{file}: {name} cannot be read ({error}); expected is {EXPECTED}") from error
    if dtype.hasobject:
        raise InputError(f"{file}: {name} is a pickle, which is not opened; expected is {EXPECTED}")
    if header.offset + math.prod(shape) * dtype.itemsize != member.file_size:
        raise InputError(f"{file}: {name} does not hold the {shape} numbers that its header promises; write it again")
    return header


def _parse_header(stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[np.generic]]:
    """Shape and type. Raises ``ValueError`` for what is no array, or one that numpy laid out column by column."""
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    version = npy.read_magic(stream)
    if version not in readers:
        raise ValueError(f"version {version} of the .npy format is for records, not for images")
    shape, fortran_order, dtype = readers[version](stream)
    if fortran_order and len(shape) > 1:
        raise ValueError("it is in Fortran order; save numpy.ascontiguousarray of it")
    return shape, dtype


def _check_images(file: Path, header: _Header, preprocessing: Preprocessing | None) -> _Header:
    shape = header.shape
    if header.dtype != np.uint8 or len(shape) != 4 or shape[3] != 3:
        raise InputError(f"{file}: {IMAGES} is {header.dtype}{shape}; expected is {EXPECTED}")
    if not 0 < shape[1] * shape[2] <= MAX_PIXELS or not shape[0]:
        raise InputError(f"{file}: {IMAGES} has the shape {shape}: no images, or some of more than {MAX_PIXELS} pixels")
    if preprocessing is None and shape[1] != shape[2]:
        raise InputError(
            f"{file}: its images have {shape[2]} x {shape[1]} pixels, no squares; give image_size and resize to crop "
            "and resize them"
        )
    return header


def _read_labels(file: Path, archive: ZipFile, count: int) -> NDArray[np.int64]:
    if f"{LABELS}.npy" not in archive.namelist():
        return np.full(count, -1, dtype=np.int64)
    header = _read_header(file, archive, LABELS)
    if header.shape != (count,) or not np.issubdtype(header.dtype, np.integer):
        raise InputError(
            f"{file}: {LABELS} is {header.dtype}{header.shape}, not one integer for each of {count} images"
        )
    with archive.open(header.member) as stream:
        labels = npy.read_array(stream, allow_pickle=False).astype(np.int64)
    if labels.min() < -1:
        raise InputError(f"{file}: {LABELS} has the label {labels.min()}; labels count from 0, and -1 is none")
    return labels
