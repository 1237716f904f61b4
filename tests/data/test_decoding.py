"""Every kind of image a folder may hold, written by Pillow (or by hand) and read back."""

import struct
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ldm_pipelines.data.decoding import Undecodable, decode, open_image

Photo = Callable[..., Image.Image]


def read(path: Path) -> np.ndarray:
    image, _ = decode(partial(open_image, path))
    assert image.mode == "RGB"
    return np.asarray(image)


def refusal(path: Path) -> str:
    with pytest.raises(Undecodable) as caught:
        decode(partial(open_image, path))
    return str(caught.value)


def png(path: Path, width: int, height: int, depth: int, colour: int, scanlines: bytes, *, extra: bytes = b"") -> Path:
    """A PNG assembled by hand: what Pillow does not write."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    transparency = chunk(b"tRNS", extra) if extra else b""
    body = chunk(b"IDAT", zlib.compress(scanlines))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + transparency + body + chunk(b"IEND", b""))
    return path


def test_rgb_is_taken_as_it_is(tmp_path: Path, photo: Photo) -> None:
    photo().save(tmp_path / "x.png")
    np.testing.assert_array_equal(read(tmp_path / "x.png"), np.asarray(photo()))


@pytest.mark.parametrize("extension", ["png", "jpg", "bmp", "tif", "webp", "pgm", "tga", "jp2"])
def test_greyscale_becomes_three_equal_channels(tmp_path: Path, photo: Photo, extension: str) -> None:
    grey = photo().convert("L")
    grey.save(tmp_path / f"x.{extension}")
    pixels = read(tmp_path / f"x.{extension}")
    np.testing.assert_allclose(pixels[..., 1], np.asarray(grey), atol=12)  # the lossy ones
    assert np.ptp(pixels.astype(int), axis=-1).max() <= (3 if extension == "webp" else 0)  # webp stores colour


def test_one_bit_becomes_black_and_white(tmp_path: Path) -> None:
    bits = np.arange(80).reshape(8, 10) % 3 == 0
    Image.fromarray(bits).save(tmp_path / "x.png")
    np.testing.assert_array_equal(read(tmp_path / "x.png"), np.repeat(bits[..., None] * 255, 3, axis=-1))


def test_palette_becomes_its_colours(tmp_path: Path) -> None:
    colours = np.array([[10, 20, 30], [200, 100, 0], [255, 255, 255]], dtype=np.uint8)
    indices = np.arange(64, dtype=np.uint8).reshape(8, 8) % 3
    image = Image.fromarray(indices, mode="P")
    image.putpalette(colours.tobytes())
    for extension in ("png", "gif", "bmp"):
        image.save(tmp_path / f"x.{extension}")
        np.testing.assert_array_equal(read(tmp_path / f"x.{extension}"), colours[indices])


def test_transparent_palette_entries_become_white(tmp_path: Path) -> None:
    indices = np.arange(64, dtype=np.uint8).reshape(8, 8) % 2
    image = Image.fromarray(indices, mode="P")
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.save(tmp_path / "x.png", transparency=0)
    np.testing.assert_array_equal(read(tmp_path / "x.png"), np.array([[255] * 3, [0, 0, 255]])[indices])


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_alpha_is_composited_over_white(tmp_path: Path, photo: Photo, mode: str) -> None:
    alpha = np.linspace(0, 255, 480).astype(np.uint8).reshape(20, 24)
    image = photo().convert(mode[:-1])
    image.putalpha(Image.fromarray(alpha))
    image.save(tmp_path / "x.png")
    colour = np.asarray(image.convert("RGBA"))[..., :3].astype(float)
    weight = alpha[..., None] / 255
    np.testing.assert_allclose(read(tmp_path / "x.png"), colour * weight + 255 * (1 - weight), atol=1)


def test_a_transparent_colour_of_an_rgb_png_becomes_white(tmp_path: Path) -> None:
    pixels = np.zeros((8, 8, 3), dtype=np.uint8)
    pixels[:4] = (1, 2, 3)
    Image.fromarray(pixels).save(tmp_path / "x.png", transparency=(1, 2, 3))
    np.testing.assert_array_equal(read(tmp_path / "x.png")[:, 0, 0], [255] * 4 + [0] * 4)


@pytest.mark.parametrize("extension", ["png", "tif", "pgm"])
def test_sixteen_bit_grey_is_divided_by_257(tmp_path: Path, extension: str) -> None:
    values = np.array([0, 128, 129, 257, 32896, 65406, 65407, 65535] * 8, dtype=np.uint16).reshape(8, 8)
    Image.fromarray(values).save(tmp_path / f"x.{extension}")
    pixels = read(tmp_path / f"x.{extension}")
    np.testing.assert_array_equal(pixels[..., 0], np.rint(values / 257.0))
    np.testing.assert_array_equal(pixels[0, :, 0], [0, 0, 1, 1, 128, 254, 255, 255])


def test_big_endian_sixteen_bit_grey_is_read_alike(tmp_path: Path) -> None:
    values = (np.arange(64, dtype=np.uint16) * 1000).reshape(8, 8)
    path = png(tmp_path / "x.png", 8, 8, 16, 0, b"".join(b"\0" + row.astype(">u2").tobytes() for row in values))
    np.testing.assert_array_equal(read(path)[..., 2], np.rint(values / 257.0))


def test_a_transparent_sixteen_bit_grey_becomes_white(tmp_path: Path) -> None:
    values = np.full((8, 8), 5000, dtype=np.uint16)
    values[3] = 7000
    lines = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    path = png(tmp_path / "x.png", 8, 8, 16, 0, lines, extra=struct.pack(">H", 7000))
    expected = np.full(8, 19)
    expected[3] = 255
    np.testing.assert_array_equal(read(path)[:, 0, 0], expected)


def test_sixteen_bit_colour_keeps_its_high_byte(tmp_path: Path) -> None:
    row = b"\0" + struct.pack(">3H", 0, 0x80FF, 0xFFFF) * 8
    np.testing.assert_array_equal(read(png(tmp_path / "x.png", 8, 8, 16, 2, row * 8))[0, 0], [0, 0x80, 0xFF])


@pytest.mark.parametrize("extension", ["jpg", "tif"])
def test_cmyk_becomes_rgb(tmp_path: Path, photo: Photo, extension: str) -> None:
    cmyk = photo().convert("CMYK")
    cmyk.save(tmp_path / f"x.{extension}", quality=100)
    ink = np.asarray(cmyk).astype(float)
    expected = (255 - ink[..., :3]) * (255 - ink[..., 3:]) / 255
    np.testing.assert_allclose(read(tmp_path / f"x.{extension}"), expected, atol=1 if extension == "tif" else 6)


@pytest.mark.parametrize(
    ("orientation", "undo"),
    [
        (1, lambda x: x),
        (2, lambda x: x[:, ::-1]),
        (3, lambda x: x[::-1, ::-1]),
        (4, lambda x: x[::-1]),
        (5, lambda x: x.swapaxes(0, 1)),
        (6, lambda x: np.rot90(x, -1)),
        (7, lambda x: x[::-1, ::-1].swapaxes(0, 1)),
        (8, lambda x: np.rot90(x, 1)),
    ],
)
@pytest.mark.parametrize("extension", ["png", "tif"])
def test_exif_orientation_is_applied(
    tmp_path: Path, photo: Photo, orientation: int, undo: Callable[[np.ndarray], np.ndarray], extension: str
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    photo().save(tmp_path / f"x.{extension}", exif=exif)
    np.testing.assert_array_equal(read(tmp_path / f"x.{extension}"), undo(np.asarray(photo())))


def test_of_a_phones_multi_picture_file_the_first_is_the_image(tmp_path: Path, photo: Photo) -> None:
    photo(1).save(tmp_path / "x.jpg", format="MPO", save_all=True, append_images=[photo(2)], quality=95)
    np.testing.assert_allclose(read(tmp_path / "x.jpg"), np.asarray(photo(1)), atol=40)


@pytest.mark.parametrize("extension", ["gif", "png", "webp", "tif"])
def test_animations_and_several_pages_are_refused(tmp_path: Path, photo: Photo, extension: str) -> None:
    photo(1).save(tmp_path / f"x.{extension}", save_all=True, append_images=[photo(2), photo(3)])
    assert refusal(tmp_path / f"x.{extension}").startswith("3 frames or pages")


@pytest.mark.parametrize("extension", ["gif", "webp", "tif", "avif"])
def test_a_single_frame_of_an_animation_format_is_an_image(tmp_path: Path, photo: Photo, extension: str) -> None:
    photo().save(tmp_path / f"x.{extension}")
    assert read(tmp_path / f"x.{extension}").shape == (20, 24, 3)


@pytest.mark.parametrize("extension", ["png", "jpg", "gif", "bmp", "tif", "webp", "ppm", "tga", "jp2", "avif"])
@pytest.mark.parametrize("kept", [0.5, 0.9])
def test_truncated_files_are_refused(tmp_path: Path, extension: str, kept: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    path = tmp_path / f"x.{extension}"
    Image.fromarray(noise).save(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    assert refusal(path)


def test_empty_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.png").touch()
    assert refusal(tmp_path / "x.png") == "the file is empty (0 bytes)"


def test_a_refusal_names_no_absolute_path(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_text("this is text")
    assert refusal(tmp_path / "x.png").startswith("not an image")
    assert refusal(tmp_path / "gone.png") == "unreadable: No such file or directory"


def test_postscript_under_an_innocent_name_is_not_interpreted(tmp_path: Path, photo: Photo) -> None:
    photo().save(tmp_path / "x.png", format="EPS")
    assert refusal(tmp_path / "x.png").startswith("not an image")


def test_a_file_is_read_by_its_content_not_by_its_extension(tmp_path: Path, photo: Photo) -> None:
    photo().save(tmp_path / "x.jpg", format="PNG")
    np.testing.assert_array_equal(read(tmp_path / "x.jpg"), np.asarray(photo()))


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("side", [10_000, 60_000])
def test_decompression_bombs_are_refused_before_they_are_decoded(tmp_path: Path, side: int) -> None:
    path = png(tmp_path / "x.png", side, side, 8, 0, b"")
    assert refusal(path).startswith("decompression bomb")


@pytest.mark.parametrize(("size", "reason"), [((3, 40), "below 4"), ((1, 1), "below 4"), ((4, 81), "longer than 20")])
def test_absurd_sizes_are_refused(tmp_path: Path, photo: Photo, size: tuple[int, int], reason: str) -> None:
    photo(size=size).save(tmp_path / "x.png")
    assert reason in refusal(tmp_path / "x.png")


@pytest.mark.parametrize(("dtype", "kind"), [(np.int32, "32-bit integer"), (np.float32, "floating-point")])
def test_pixels_without_an_agreed_range_are_refused(tmp_path: Path, dtype: type, kind: str) -> None:
    Image.fromarray(np.arange(64).reshape(8, 8).astype(dtype)).save(tmp_path / "x.tif")
    assert refusal(tmp_path / "x.tif").startswith(kind)
