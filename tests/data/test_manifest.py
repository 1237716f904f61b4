from pathlib import Path

import pandas as pd
import pytest

from ldm_pipelines.data.manifest import (
    read_boxes,
    read_manifest,
    read_rejected,
    write_boxes,
    write_manifest,
    write_rejected,
)
from ldm_pipelines.errors import InputError


@pytest.fixture
def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "id": ["a", "b"],
            "path": ["images/a.png", "images/b.png"],
            "origin": ["cat/1.png", "cat/2.png"],
            "source_mode": ["RGB", "L"],
            "source_width": [10, 10],
            "source_height": [10, 10],
            "width": [8, 8],
            "height": [8, 8],
            "sha256": ["0" * 64, "1" * 64],
            "pixels": ["2" * 64, "3" * 64],
            "split": ["train", "test"],
            "label": [0, -1],
        }
    )


def test_a_manifest_comes_back_as_it_was_written(tmp_path: Path, frame: pd.DataFrame) -> None:
    write_manifest([frame], tmp_path)
    pd.testing.assert_frame_equal(read_manifest(tmp_path), frame)


BROKEN = [
    ("path", "../b.png", "row 1, column 'path': '../b.png' fails 'a relative path inside the folder'"),
    ("path", "/etc/b.png", "a relative path inside the folder"),
    ("path", "images/../../b.png", "a relative path inside the folder"),
    ("path", "", "a relative path inside the folder"),
    ("path", "images/a.png", "column 'path'"),
    ("id", "a", "column 'id'"),
    ("id", "b/c", "row 1, column 'id'"),
    ("sha256", "abc", "row 1, column 'sha256'"),
    ("split", "training", "row 1, column 'split': 'training'"),
    ("label", -2, "row 1, column 'label': -2"),
    ("label", 0.5, "column 'label'"),
    ("width", 0, "row 1, column 'width'"),
    ("origin", None, "row 1, column 'origin'"),
]


@pytest.mark.parametrize(("column", "value", "message"), BROKEN)
@pytest.mark.parametrize("direction", ["write", "read"])
def test_a_broken_manifest_is_refused_naming_file_row_and_column(
    tmp_path: Path, frame: pd.DataFrame, column: str, value: object, message: str, direction: str
) -> None:
    values = frame[column].tolist()
    frame[column] = [values[0], value]
    if direction == "read":
        frame.to_parquet(tmp_path / "manifest.parquet", index=False)
    with pytest.raises(InputError) as caught:
        write_manifest([frame], tmp_path) if direction == "write" else read_manifest(tmp_path)
    assert message in str(caught.value)
    assert str(tmp_path / "manifest.parquet") in str(caught.value)
    assert direction == "read" or not (tmp_path / "manifest.parquet").exists()


def test_columns_are_neither_missing_nor_more(tmp_path: Path, frame: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="extra"):
        write_manifest([frame.assign(extra=1)], tmp_path)
    with pytest.raises(InputError, match="sha256"):
        write_manifest([frame.drop(columns="sha256")], tmp_path)


def test_missing_and_damaged_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"manifest\.parquet does not exist"):
        read_manifest(tmp_path)
    (tmp_path / "manifest.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(InputError, match=r"manifest\.parquet is not a readable parquet file"):
        read_manifest(tmp_path)


def test_rejections_are_checked_too(tmp_path: Path) -> None:
    frame = pd.DataFrame({"path": ["a.png"], "reason": ["empty"]})
    write_rejected([frame], tmp_path)
    pd.testing.assert_frame_equal(read_rejected(tmp_path), frame)
    with pytest.raises(InputError, match="reason"):
        write_rejected([frame.assign(reason="")], tmp_path)


def test_captions_may_be_missing_and_digests_of_maps_may_not(tmp_path: Path, frame: pd.DataFrame) -> None:
    captions = pd.Series(["a cat", None], dtype="str")
    write_manifest([frame.assign(caption=captions, map_sha256="4" * 64)], tmp_path)
    assert read_manifest(tmp_path)["caption"].isna().tolist() == [False, True]
    with pytest.raises(InputError, match="row 1, column 'map_sha256'"):
        write_manifest([frame.assign(map_sha256=["4" * 64, "none"])], tmp_path)


@pytest.fixture
def boxes() -> pd.DataFrame:
    return pd.DataFrame({"id": ["a", "a"], "label": [0, 3], "x": [0.0, 0.5], "y": [0.25, 0.0], "width": [0.5, 0.5],
                         "height": [0.75, 0.1]})  # fmt: skip


def test_boxes_come_back_as_they_were_written(tmp_path: Path, boxes: pd.DataFrame) -> None:
    write_boxes([boxes], tmp_path)
    pd.testing.assert_frame_equal(read_boxes(tmp_path), boxes)
    write_boxes([boxes.iloc[:0]], tmp_path)
    assert read_boxes(tmp_path).empty


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("label", -1, "row 1, column 'label': -1"),
        ("x", -0.1, "row 1, column 'x': -0.1"),
        ("height", 0.0, "row 1, column 'height': 0.0"),
        ("width", 0.6, "boxes end inside the image"),
        ("id", None, "row 1, column 'id'"),
    ],
)
def test_broken_boxes_are_refused(
    tmp_path: Path, boxes: pd.DataFrame, column: str, value: object, message: str
) -> None:
    boxes[column] = [boxes[column][0], value]
    with pytest.raises(InputError) as caught:
        write_boxes([boxes], tmp_path)
    assert message in str(caught.value) and str(tmp_path / "boxes.parquet") in str(caught.value)
