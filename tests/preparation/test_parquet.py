import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.encoded_images import encoded, pixels
from support.raw_parquet import CLASSES, make_parquet, write_parquet

from ldm_pipelines.data.originals import Location, Originals
from ldm_pipelines.errors import InputError
from ldm_pipelines.preparation.listing.entries import Candidate, Listing, Refused
from ldm_pipelines.preparation.source_specs.parquet import ParquetSource
from ldm_pipelines.preparation.sources.parquet import list_images

TRAIN, SECOND = "data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet"
VALIDATION, TEST = "data/validation-00000-of-00001.parquet", "data/test-00000-of-00001.parquet"


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    return make_parquet(tmp_path / "set")


def listed(raw: Path | None, **settings: Any) -> Listing:
    settings = {"kind": "parquet", "label": "label", "caption": "text"} | settings
    return list_images(ParquetSource.model_validate(settings), raw, "flowers", 256)


def candidates(listing: Listing) -> list[Candidate]:
    return [entry for entry in listing.entries() if isinstance(entry, Candidate)]


def reasons(listing: Listing) -> dict[str, str]:
    return {entry.origin: entry.reason for entry in listing.entries() if isinstance(entry, Refused)}


def test_rows_are_listed_with_split_class_and_caption(raw: Path) -> None:
    listing = listed(raw)
    assert [(c.origin, c.split, c.label, c.caption) for c in candidates(listing)] == [
        (f"{TEST}[0]", "test", None, "t"),
        (f"{TRAIN}[0]", "train", "great white shark", "x"),
        (f"{TRAIN}[1]", "train", "tench", None),
        (f"{TRAIN}[2]", "train", "goldfish", None),
        (f"{SECOND}[0]", "train", "tench", "a tench"),
        (f"{VALIDATION}[0]", "validation", "goldfish", "v"),
    ]
    assert listing.classes == CLASSES and not reasons(listing) and not listing.ignored
    assert [(s.name, s.first, s.size) for s in listing.shards] == [
        (f"{TEST}[0]", 0, 1), (f"{TRAIN}[0]", 1, 2), (f"{TRAIN}[2]", 3, 1), (f"{SECOND}[0]", 4, 1), (f"{VALIDATION}[0]", 5, 1)
    ]  # fmt: skip
    bare = listed(raw, label=None, caption=None)
    assert {(c.label, c.caption) for c in candidates(bare)} == {(None, None)} and bare.classes is None


def test_every_image_is_read_from_its_row(raw: Path) -> None:
    originals, found = Originals(raw), candidates(listed(raw))
    seeds = [5, 0, 1, 2, 3, 4]
    for candidate, seed in zip(found, seeds, strict=True):
        assert candidate.location is not None
        np.testing.assert_array_equal(pixels(originals.read(candidate.location)), pixels(encoded(seed)))
    assert found[3].location == Location(TRAIN, "1:0:image.bytes")
    status = (raw / TRAIN).stat()
    assert found[3].signature == f"{status.st_size}-{status.st_mtime_ns}-1:0:image.bytes"


def test_a_plain_binary_column_and_text_classes_will_do(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    table = pa.table({
        "jpg": pa.array([encoded(1), encoded(2), None], pa.large_binary()),
        "kind": pa.array(["cat", None, "dog"]).dictionary_encode(),
    })  # fmt: skip
    pq.write_table(table, tmp_path / "data/train.parquet")
    listing = listed(tmp_path, image="jpg", label="kind", caption=None)
    assert [(c.label, c.location) for c in candidates(listing)] == [
        ("cat", Location("data/train.parquet", "0:0:jpg")), (None, Location("data/train.parquet", "0:1:jpg"))
    ]  # fmt: skip
    assert listing.classes is None and "is null" in reasons(listing)["data/train.parquet[2]"]
    assert Originals(tmp_path).read(Location("data/train.parquet", "0:1:jpg")) == encoded(2)


@pytest.mark.parametrize("statistics", [True, False])
def test_rows_without_an_image_are_refused_with_and_without_statistics(tmp_path: Path, statistics: bool) -> None:
    images = [encoded(0), encoded(1), None, encoded(3), None, None]
    write_parquet(
        tmp_path / "data/train-00000-of-00001.parquet", images, [0] * 6, ["-"] * 6, write_statistics=statistics
    )
    listing = listed(tmp_path)
    assert [candidate.origin[-3:] for candidate in candidates(listing)] == ["[0]", "[1]", "[3]"]
    assert [origin[-3:] for origin in reasons(listing)] == ["[2]", "[4]", "[5]"]
    assert (
        [shard.size for shard in listing.shards] == [len([*shard.entries()]) for shard in listing.shards] == [2, 2, 2]
    )


def test_listing_does_not_read_images(tmp_path: Path) -> None:
    file = tmp_path / "data/train-00000-of-00001.parquet"
    write_parquet(file, [encoded(0), encoded(1)], [0, 1], ["a", "b"], compression="none")
    content = bytearray(file.read_bytes())
    column = pq.read_metadata(file).row_group(0).column(0)
    assert column.path_in_schema == "image.bytes"
    start = column.dictionary_page_offset or column.data_page_offset
    content[start : start + column.total_compressed_size] = bytes(column.total_compressed_size)
    file.write_bytes(content)
    assert [(c.label, c.caption) for c in candidates(listed(tmp_path))] == [("tench", "a"), ("goldfish", "b")]


def test_classes_without_names_stay_numbers_and_foreign_ones_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "data/train-00000-of-00001.parquet"
    write_parquet(file, [encoded(0), encoded(1)], [7, -1], ["a", "b"], classes=None)
    assert [c.label for c in candidates(listed(tmp_path))] == ["7", None] and listed(tmp_path).classes is None
    write_parquet(file, [encoded(0), encoded(1)], [3, 2], ["a", "b"])
    assert reasons(listed(tmp_path)) == {
        f"{file.relative_to(tmp_path)}[0]": "its class 3 is not one of the 3 that the file names"
    }
    write_parquet(tmp_path / "data/test-00000-of-00001.parquet", [encoded(0)], [0], ["a"], classes=["cat", "dog"])
    with pytest.raises(InputError, match=r"train-00000-of-00001.parquet and .*test-.* name different classes"):
        listed(tmp_path)


def test_file_names_say_the_split_or_it_is_an_error(raw: Path) -> None:
    (raw / VALIDATION).rename(raw / "data/val-00000-of-00001-a09b74b3ef9c3b56.parquet")
    assert "validation" in {c.split for c in candidates(listed(raw))}
    (raw / TEST).rename(raw / "data/tests-00000-of-00001.parquet")
    with pytest.raises(
        InputError, match=r"source\.splits: .*no known split 'tests'; did you mean 'test'\?.*'tests: null'"
    ):
        listed(raw)
    without = listed(raw, splits={"train": "train", "val": "test", "tests": None})
    assert [c.split for c in candidates(without)] == ["train"] * 4 + ["test"]
    assert without.ignored == {"Parquet files of no split": 1}
    assert {c.split for c in candidates(listed(raw, files="data/train-*.parquet"))} == {"train"}


def test_absent_parts_and_damaged_files_are_refused_and_the_rest_is_kept(raw: Path) -> None:
    (raw / TRAIN).unlink()
    assert [*reasons(listed(raw))] == [TRAIN]
    assert not reasons(listed(raw, files="data/test-*.parquet"))
    content = (raw / SECOND).read_bytes()
    for damage in (content[:-50], b"", content[:100]):
        (raw / SECOND).write_bytes(damage)
        listing = listed(raw)
        assert {*reasons(listing)} == {TRAIN, SECOND} and "damaged" in reasons(listing)[SECOND]
        assert len(candidates(listing)) == 2
        assert [s.first for s in listing.shards] == [0, 1, 2, 3]


def test_a_damaged_row_group_refuses_its_rows(raw: Path) -> None:
    file = raw / TRAIN
    about = pq.read_metadata(file).row_group(0)
    column = next(about.column(n) for n in range(about.num_columns) if about.column(n).path_in_schema == "label")
    content = bytearray(file.read_bytes())
    start = column.dictionary_page_offset or column.data_page_offset
    content[start : start + column.total_compressed_size] = b"\xff" * column.total_compressed_size
    file.write_bytes(content)
    assert {*reasons(listed(raw))} == {f"{TRAIN}[0]", f"{TRAIN}[1]"}
    assert len(candidates(listed(raw))) == 4


def test_columns_that_are_missing_or_of_another_type_are_errors(raw: Path) -> None:
    for settings, problem in (
        ({"image": "images"}, r"source\.image: there is no column 'images'; did you mean 'image'\?"),
        ({"image": "text"}, r"source\.image: the column 'text' must be binary.*not string"),
        ({"label": "labels"}, r"source\.label: there is no column 'labels'"),
        ({"label": "image"}, r"source\.label: the column 'image' must be integers or text"),
        ({"caption": "label"}, r"source\.caption: the column 'label' must be text, not int64"),
    ):
        with pytest.raises(InputError, match=problem):
            listed(raw, **settings)


@pytest.mark.parametrize(
    "text", [b"{", b"[]", b'{"info": {"features": {}}}', b'{"info": {"features": {"label": {"names": ["a", "a"]}}}}']
)
def test_broken_metadata_is_an_error(raw: Path, text: bytes) -> None:
    table = pq.read_table(raw / TEST)
    pq.write_table(table.replace_schema_metadata({b"huggingface": text}), raw / TEST)
    with pytest.raises(InputError, match=rf"{TEST}: its metadata 'huggingface'"):
        listed(raw)
    pq.write_table(table.replace_schema_metadata(None), raw / TEST)
    assert [c.label for c in candidates(listed(raw, files=TEST))] == [None]


def test_links_out_of_the_folder_are_refused(raw: Path, tmp_path: Path) -> None:
    (raw / TEST).rename(tmp_path / "else.parquet")
    (raw / TEST).symlink_to(tmp_path / "else.parquet")
    assert {*reasons(listed(raw))} == {TEST} and "leads out" in reasons(listed(raw))[TEST]


def test_shards_survive_a_process_boundary(raw: Path) -> None:
    for shard in listed(raw).shards:
        assert [*pickle.loads(pickle.dumps(shard.entries))()] == [*shard.entries()] == [*shard.entries()]


def test_what_is_missing_is_said_with_where_to_get_it(tmp_path: Path) -> None:
    for raw in (None, tmp_path / "nowhere"):
        with pytest.raises(
            InputError, match=r"dataset 'flowers': the dataset's folder(?s:.*)Hugging Face(?s:.*)dataset_paths"
        ):
            listed(raw)
    with pytest.raises(InputError, match=r"a file that matches 'data/\*\.parquet' is not there"):
        listed(tmp_path)
    with pytest.raises(InputError, match=r"source.files: .*pattern of paths below"):
        listed(tmp_path, files="../*.parquet")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "-.parquet").write_bytes(b"-")
    with pytest.raises(InputError, match=r"no known split '-'"):
        listed(tmp_path)
