from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ldm_pipelines.data.grids import draw_grid, save_grid


@pytest.fixture
def tiles() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 200, (7, 32, 32, 3), dtype=np.uint8)


def holds(sheet: np.ndarray, tile: np.ndarray) -> bool:
    """Whether the tile is somewhere in the sheet, pixel by pixel."""
    height, width = tile.shape[:2]
    corners = np.argwhere((sheet[: -height + 1, : -width + 1] == tile[0, 0]).all(axis=-1))
    return any(np.array_equal(sheet[y : y + height, x : x + width], tile) for y, x in corners)


@pytest.mark.parametrize("captions", [None, ["one", "", "a caption far too long for its tile", "4", "5", "6", "7"]])
@pytest.mark.parametrize("scale", [1, 2])
def test_every_tile_is_shown_undisturbed(
    tmp_path: Path, tiles: np.ndarray, captions: list[str] | None, scale: int
) -> None:
    save_grid(tmp_path / "new" / "grid.png", tiles, columns=3, captions=captions, scale=scale)
    sheet = np.asarray(Image.open(tmp_path / "new" / "grid.png"))
    enlarged = np.kron(tiles, np.ones((1, scale, scale, 1), dtype=np.uint8))
    assert all(holds(sheet, tile) for tile in enlarged)
    assert (sheet[0] == 255).all() and (sheet[:, 0] == 255).all()


def test_captions_add_dark_ink_below_the_tiles(tiles: np.ndarray) -> None:
    white = np.full_like(tiles, 255)
    plain, captioned = (np.asarray(draw_grid(white, 4, captions)) for captions in (None, ["digit 3"] * 7))
    assert captioned.shape[0] > plain.shape[0] and captioned.shape[1] == plain.shape[1]
    assert plain.min() > 200 > captioned.min()


def test_a_sheet_is_no_wider_than_its_tiles(tiles: np.ndarray) -> None:
    assert draw_grid(tiles[:2], columns=10).size == draw_grid(tiles[:2], columns=2).size


def test_the_same_sheet_has_the_same_bytes(tmp_path: Path, tiles: np.ndarray) -> None:
    for name in ("a.png", "b.png"):
        save_grid(tmp_path / name, tiles, 4, ["x"] * 7, scale=2)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_wrong_arguments_are_refused(tiles: np.ndarray) -> None:
    with pytest.raises(ValueError, match="uint8 images"):
        draw_grid(tiles.astype(np.float32), 3)
    with pytest.raises(ValueError, match="uint8 images"):
        draw_grid(tiles[:0], 3)
    with pytest.raises(ValueError, match="2 captions for 7 images"):
        draw_grid(tiles, 3, ["a", "b"])
    with pytest.raises(ValueError, match="at least 1"):
        draw_grid(tiles, 0)
