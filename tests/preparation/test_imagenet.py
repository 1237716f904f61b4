import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat
from support import raw_imagenet
from support.image_files import photograph
from support.listed import candidates, decoded, entries, pixels, refusals
from support.raw_imagenet import DEVKIT, make_imagenet

from ldm_pipelines.errors import InputError
from ldm_pipelines.preparation.annotations.imagenet_devkit import GROUND_TRUTH, META
from ldm_pipelines.preparation.listing.entries import Listing
from ldm_pipelines.preparation.source_specs.imagenet import ImagenetSource
from ldm_pipelines.preparation.sources.imagenet import list_images

CLASSES = ("n01440764", "n02119789", "n03372029")


def listing(root: Path | None, **settings: Any) -> Listing:
    source = ImagenetSource(kind="imagenet", **{"classes": 3, **settings})
    return list_images(source, root, "imagenet", 256)


def test_classes_are_the_sorted_wordnet_ids_and_flat_validation_images_get_theirs_from_the_ground_truth(
    tmp_path: Path,
) -> None:
    found = listing(make_imagenet(tmp_path))
    assert found.classes == CLASSES
    train = [(f"train/{s}/{s}_{n}.JPEG", s, "train") for s in CLASSES for n in (10026, 9)]
    truth = ["n03372029", "n02119789", "n01440764", "n02119789"]
    validation = [(f"val/ILSVRC2012_val_0000000{n}.JPEG", s, "validation") for n, s in enumerate(truth, start=1)]
    assert [(c.origin, c.label, c.split) for c in candidates(found)] == train + validation
    assert len(entries(found)) == 10
    assert not found.ignored


def test_validation_images_in_synset_folders_need_no_development_kit(tmp_path: Path) -> None:
    found = candidates(listing(make_imagenet(tmp_path, sorted_validation=True)))
    assert [(c.origin, c.label) for c in found if c.split == "validation"] == [
        ("val/n01440764/ILSVRC2012_val_00000003.JPEG", "n01440764"),
        ("val/n02119789/ILSVRC2012_val_00000002.JPEG", "n02119789"),
        ("val/n02119789/ILSVRC2012_val_00000004.JPEG", "n02119789"),
        ("val/n03372029/ILSVRC2012_val_00000001.JPEG", "n03372029"),
    ]


def test_every_location_gives_the_image_of_its_origin_and_its_size_and_time(tmp_path: Path) -> None:
    make_imagenet(tmp_path)
    for candidate in candidates(listing(tmp_path)):
        file = tmp_path / candidate.origin
        np.testing.assert_array_equal(pixels(tmp_path, candidate.location), decoded(file))
        assert candidate.signature == f"{file.stat().st_size}-{file.stat().st_mtime_ns}"


def test_the_order_is_not_that_of_the_files_creation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = [c.origin for c in candidates(listing(make_imagenet(tmp_path / "one")))]
    monkeypatch.setattr(raw_imagenet, "TRAIN", raw_imagenet.TRAIN[::-1])
    assert [c.origin for c in candidates(listing(make_imagenet(tmp_path / "two")))] == first


def test_large_synsets_are_several_shards(tmp_path: Path) -> None:
    make_imagenet(tmp_path)
    for number in range(600):
        (tmp_path / f"train/{CLASSES[0]}/{CLASSES[0]}_x{number}.JPEG").touch()
    found = listing(tmp_path)
    assert [shard.size for shard in found.shards] == [512, 90, 2, 2, 4]
    assert len({c.origin for c in candidates(found)}) == 610


def test_the_development_kit_may_lie_in_the_folder_itself(tmp_path: Path) -> None:
    make_imagenet(tmp_path)
    for name in (META, GROUND_TRUTH):
        (tmp_path / DEVKIT / name).rename(tmp_path / name)
    assert len(candidates(listing(tmp_path))) == 10


def test_either_set_can_do_without_the_other(tmp_path: Path) -> None:
    make_imagenet(tmp_path)
    only_train, only_validation = listing(tmp_path, validation=None), listing(tmp_path, train=None)
    assert {c.split for c in candidates(only_train)} == {"train"}
    assert {c.split for c in candidates(only_validation)} == {"validation"}
    assert only_train.classes == only_validation.classes == CLASSES
    with pytest.raises(ValueError, match="both null"):
        ImagenetSource(kind="imagenet", train=None, validation=None)


def test_what_cannot_be_used_is_refused_with_a_reason(tmp_path: Path) -> None:
    make_imagenet(tmp_path / "raw")
    photograph(1, 8).save(tmp_path / "secret.jpg")
    folder = tmp_path / "raw/train/n01440764"
    (folder / "a.JPEG").symlink_to(tmp_path / "secret.jpg")
    (folder / "b.JPEG").symlink_to("nowhere.JPEG")
    (folder / "c.JPEG").symlink_to("c.JPEG")
    (folder / "d.heic").touch()
    (folder / "e.JPEG").symlink_to("n01440764_9.JPEG")
    (folder / os.fsdecode(b"\xff.JPEG")).touch()
    (folder / "notes.txt").touch()
    os.mkfifo(folder / "f.JPEG")
    (tmp_path / "raw/train/n09999999").symlink_to(folder)
    photograph(1, 8).save(tmp_path / "raw/train/loose.jpg")
    photograph(1, 8).save(tmp_path / "raw/val/other.jpg")
    found = listing(tmp_path / "raw")
    reasons = refusals(found)
    parts = {
        "train/n01440764/a.JPEG": "leads out of the dataset's folder",
        "train/n01440764/b.JPEG": "there is no file train/n01440764/b.JPEG",
        "train/n01440764/c.JPEG": "cannot be read",
        "train/n01440764/d.heic": "convert it to PNG or JPEG",
        "train/n01440764/f.JPEG": "not a regular file",
        "train/n01440764/\\xff.JPEG": "no valid Unicode",
        "train/n09999999": "a link to a folder is not followed",
        "train/loose.jpg": "beside the synset folders",
        "val/other.jpg": "not named like ILSVRC2012_val_00000001.JPEG",
    }
    assert reasons.keys() == parts.keys()
    assert all(part in reasons[origin] for origin, part in parts.items())
    assert str(tmp_path) not in " ".join(reasons.values())
    assert len(candidates(found)) == 11
    assert found.ignored == {".txt": 1}


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("train", r"the folder train \(source.train\) is not there"),
        ("val", r"the folder val \(source.validation\) is not there"),
        (f"{DEVKIT}/{META}", "meta.mat .in the folder itself and in ILSVRC2012_devkit_t12/data., which says"),
        (f"{DEVKIT}/{GROUND_TRUTH}", "ILSVRC2012_validation_ground_truth.txt .in the folder itself"),
    ],
)
def test_what_is_missing_is_named_with_the_layout_and_where_to_get_it(tmp_path: Path, path: str, message: str) -> None:
    make_imagenet(tmp_path)
    (tmp_path / path).rename(tmp_path / "elsewhere")
    with pytest.raises(InputError, match=message) as caught:
        listing(tmp_path)
    for part in ("research use", "n01440764_10026.JPEG", "dataset_paths: {imagenet:", str(tmp_path)):
        assert part in str(caught.value)


@pytest.mark.parametrize("root", [None, Path("gone")])
def test_a_missing_raw_folder_is_an_input_error(root: Path | None) -> None:
    with pytest.raises(InputError, match="the dataset's folder is not there"):
        listing(root)


def rename(old: str, new: str) -> Callable[[Path], Any]:
    return lambda root: (root / old).rename(root / new)


def write(path: str, content: str) -> Callable[[Path], Any]:
    return lambda root: (root / path).write_text(content)


def meta(**fields: Any) -> Callable[[Path], Any]:
    """Another ``meta.mat``, of three synsets."""
    return lambda root: savemat(root / DEVKIT / META, fields)


def synsets(**columns: list[Any]) -> np.ndarray:
    found = np.zeros((len(next(iter(columns.values()))), 1), dtype=[(name, object) for name in columns])
    for name, values in columns.items():
        found[name][:, 0] = values
    return found


TRUTH = f"{DEVKIT}/{GROUND_TRUTH}"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (rename("train/n01440764", "train/n0144076"), "'n0144076' .* no class .*; did you mean 'n01440764'"),
        (rename("train/n01440764", "train/n01440765"), "'n01440765' .*; did you mean 'n01440764'"),
        (rename("train/n01440764", "elsewhere"), r"train has 2 synsets.*classes is 3 \(missing: n01440764\)"),
        (rename("train/n01440764", "train/n01440764.tar"), "n01440764.tar. among the synset folders is no class"),
        (write(TRUTH, "3\n1\n2\n"), "val has 4 validation images, but .*ground_truth.txt has 3 lines"),
        (write(TRUTH, "3\n1\n2\n1\n1\n"), "has 5 lines, one for each; the first that is missing is number 5"),
        (write(TRUTH, "3\n4\n2\n1\n"), "line 2: '4' is no ILSVRC id from 1 to 3"),
        (write(TRUTH, "3\nn01\n2\n1\n"), "line 2: 'n01' is no ILSVRC id"),
        (write(f"{DEVKIT}/{META}", "MATLAB 5.0"), "meta.mat is not a MATLAB 5 file that can be read"),
        (meta(synset=[1]), "there is no variable 'synsets'"),
        (meta(synsets=synsets(ILSVRC2012_ID=[1], WNIDS=["n01440764"])), "no field 'WNID'; did you mean 'WNIDS'"),
        (
            meta(synsets=synsets(ILSVRC2012_ID=[1, 3], WNID=["n01440764", "n02119789"], num_children=[0, 0])),
            "do not have the ids 1 to 2",
        ),
        (
            meta(synsets=synsets(ILSVRC2012_ID=["a", 3], WNID=["n01440764", "n02119789"], num_children=[0, 0])),
            "is no number",
        ),
    ],
)
def test_what_contradicts_the_layout_is_an_input_error(
    tmp_path: Path, damage: Callable[[Path], Any], message: str
) -> None:
    damage(make_imagenet(tmp_path))
    with pytest.raises(InputError, match=message):
        listing(tmp_path)


def test_archives_that_were_not_unpacked_are_mentioned(tmp_path: Path) -> None:
    make_imagenet(tmp_path)
    (tmp_path / "train/n01440764").rename(tmp_path / "elsewhere")
    (tmp_path / "train/n01440764.tar").touch()
    with pytest.raises(InputError, match=r"unpack each SYNSET\.tar there"):
        listing(tmp_path)


def test_an_empty_synset_folder_is_an_input_error(tmp_path: Path) -> None:
    make_imagenet(tmp_path)
    (tmp_path / "train/n01440764").rename(tmp_path / "elsewhere")
    (tmp_path / "train/n01440764").mkdir()
    with pytest.raises(InputError, match="the synset folder train/n01440764 has no images"):
        listing(tmp_path)


def test_a_subset_of_the_classes_must_be_asked_for_and_leaves_out_other_validation_images(tmp_path: Path) -> None:
    make_imagenet(tmp_path)
    (tmp_path / "train/n02119789").rename(tmp_path / "elsewhere")
    found = listing(tmp_path, classes=2)
    assert found.classes == ("n01440764", "n03372029")
    assert [c.label for c in candidates(found) if c.split == "validation"] == ["n03372029", "n01440764"]
    assert found.ignored == {"validation images of other classes": 2}


@pytest.mark.parametrize("settings", [{"train": "../raw/train"}, {"validation": "/val"}, {"devkit": "../kit"}])
def test_settings_that_leave_the_folder_are_input_errors(tmp_path: Path, settings: dict[str, str]) -> None:
    with pytest.raises(InputError, match=rf"source\.{next(iter(settings))}: the path .* is absolute, empty, or has"):
        listing(make_imagenet(tmp_path), **settings)


def test_a_split_folder_behind_a_link_that_leaves_is_an_input_error(tmp_path: Path) -> None:
    make_imagenet(tmp_path / "raw")
    (tmp_path / "raw/train").rename(tmp_path / "train")
    (tmp_path / "raw/train").symlink_to(tmp_path / "train")
    with pytest.raises(InputError, match=r"source\.train: the link train leads out"):
        listing(tmp_path / "raw")


def test_damaged_images_are_listed_and_their_signature_tells_of_a_change(tmp_path: Path) -> None:
    make_imagenet(tmp_path)
    before = {c.origin: c.signature for c in candidates(listing(tmp_path))}
    (tmp_path / "val/ILSVRC2012_val_00000001.JPEG").write_bytes(b"no image")
    after = {c.origin: c.signature for c in candidates(listing(tmp_path))}
    assert {origin for origin in before if before[origin] != after[origin]} == {"val/ILSVRC2012_val_00000001.JPEG"}
