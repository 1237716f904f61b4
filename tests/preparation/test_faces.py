import os
import pickle
from hashlib import sha256
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from support.raw_faces import make_archive, make_faces, write_list
from support.raw_pictures import candidates, check_shards, decoded, encoded, picture, refusals

from ldm_pipelines.data.originals import Location, Originals
from ldm_pipelines.errors import InputError
from ldm_pipelines.preparation.listing.entries import Listing
from ldm_pipelines.preparation.source_specs.faces import FacesSource
from ldm_pipelines.preparation.sources.faces import list_images


def listing(root: Path | None, validation: int = 2, images: str | None = None) -> Listing:
    source = FacesSource(kind="faces", train_list="train.txt", validation_list="val.txt", validation=validation,
                         images=images)  # fmt: skip
    return list_images(source, root, "ffhq", 256)


def splits(found: Listing) -> dict[str, str | None]:
    return {candidate.origin: candidate.split for candidate in candidates(found)}


def test_lists_match_names_without_folder_and_extension(tmp_path: Path) -> None:
    make_faces(tmp_path, [1000, 0, 2, 1])
    write_list(tmp_path / "train.txt", "00000.npy", "somewhere/else/01000.webp")
    write_list(tmp_path / "val.txt", "00002.png")
    found = listing(tmp_path)
    assert list(splits(found).items()) == [
        ("00000/00000.png", "train"),
        ("00000/00002.png", "validation"),
        ("01000/01000.png", "train"),
    ]
    assert found.ignored == {"unlisted images": 1}
    assert found.split_by == "by train.txt and val.txt"
    check_shards(found)


def test_files_and_members_of_archives_are_read_where_they_lie(tmp_path: Path) -> None:
    make_archive(make_faces(tmp_path, [0, 1]), [5, 3])
    found = listing(tmp_path)
    assert found.ignored == {".txt": 1}
    assert [candidate.location for candidate in candidates(found)] == [
        Location("00000/00000.png"),
        Location("00000/00001.png"),
        Location("data1024x1024.zip", "data1024x1024/imgHQ00003.jpg"),
        Location("data1024x1024.zip", "data1024x1024/imgHQ00005.jpg"),
    ]
    originals = Originals(tmp_path)
    expected = [encoded(0), encoded(1), encoded(3, "JPEG"), encoded(5, "JPEG")]
    for candidate, content in zip(candidates(found), expected, strict=True):
        assert candidate.location is not None and originals.read(candidate.location) == content
        assert candidate.label is None and len(candidate.signature) > 10
        assert decoded(originals, candidate).shape == (20, 24, 3)
    np.testing.assert_array_equal(decoded(originals, candidates(found)[1]), picture(1))


@pytest.mark.parametrize("validation", [1, 7, 19])
def test_without_lists_the_smallest_hashes_of_names_are_for_validation(tmp_path: Path, validation: int) -> None:
    found = splits(listing(make_faces(tmp_path, range(20)), validation))
    by_hash = sorted(found, key=lambda origin: sha256(Path(origin).stem.encode()).hexdigest())
    assert [found[origin] for origin in by_hash] == ["validation"] * validation + ["train"] * (20 - validation)


def test_the_split_by_hash_is_that_of_the_names_wherever_they_lie(tmp_path: Path) -> None:
    files = splits(listing(make_faces(tmp_path / "files", [3, 1, 2, 0]), 2))
    root = make_archive(tmp_path / "archive", [])
    with ZipFile(root / "faces.zip", "w") as archive:
        for number in (2, 0, 3, 1):
            archive.writestr(f"{number:05d}.jpeg", encoded(number, "JPEG"))
    members = splits(listing(root, 2))
    assert {Path(name).stem: split for name, split in files.items()} == {
        Path(name).stem: split for name, split in members.items()
    }


def test_shards_are_small_and_can_be_sent_to_other_processes(tmp_path: Path) -> None:
    found = listing(make_faces(tmp_path, range(300)), 10)
    assert [shard.size for shard in found.shards] == [256, 44]
    check_shards(found)
    sent = [entry for shard in found.shards for entry in pickle.loads(pickle.dumps(shard.entries))()]
    assert sent == found.entries()


def test_the_order_is_not_that_of_creation(tmp_path: Path) -> None:
    names = [candidate.origin for candidate in candidates(listing(make_faces(tmp_path / "a", [0, 1500, 1, 2])))]
    assert names == [candidate.origin for candidate in candidates(listing(make_faces(tmp_path / "b", [2, 1, 1500, 0])))]


def test_listed_but_absent_images_are_refused_with_their_line(tmp_path: Path) -> None:
    make_faces(tmp_path, [0, 1])
    write_list(tmp_path / "train.txt", "00009.png", "", "00000.png", "00008.png")
    write_list(tmp_path / "val.txt", "00007.png")
    found = listing(tmp_path)
    assert list(refusals(found).items()) == [
        ("00009", "line 1 of train.txt: there is no such image"),
        ("00008", "line 4 of train.txt: there is no such image"),
        ("00007", "line 1 of val.txt: there is no such image"),
    ]
    check_shards(found)


def test_lists_of_other_images_are_an_error(tmp_path: Path) -> None:
    make_faces(tmp_path, [0])
    write_list(tmp_path / "train.txt", "imgHQ00000.npy")
    write_list(tmp_path / "val.txt", "imgHQ00001.npy")
    with pytest.raises(InputError, match=r"list no image that is here .such as 'imgHQ00000'"):
        listing(tmp_path)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["00000.png", "../00001.png"], "train.txt: line 2: the path '../00001.png' is absolute, empty"),
        (["/etc/passwd"], "train.txt: line 1: the path '/etc/passwd'"),
        (["00000.png", "a/00000.npy"], "train.txt: line 2 lists '00000' again .first in line 1 of train.txt"),
        (["00000.png", "00001.png"], r"val\.txt: line 1 lists '00001' again .first in line 2 of train\.txt"),
    ],
)
def test_mistakes_in_lists_name_the_line(tmp_path: Path, lines: list[str], message: str) -> None:
    make_faces(tmp_path, [0, 1])
    write_list(tmp_path / "train.txt", *lines)
    write_list(tmp_path / "val.txt", "00001.png")
    with pytest.raises(InputError, match=message):
        listing(tmp_path)


def test_one_list_without_the_other_is_an_error(tmp_path: Path) -> None:
    write_list(make_faces(tmp_path, [0]) / "val.txt", "00000.png")
    with pytest.raises(InputError, match=r"val\.txt is there but train\.txt is not"):
        listing(tmp_path)


def test_a_list_that_is_no_text_is_an_error(tmp_path: Path) -> None:
    write_list(make_faces(tmp_path, [0]) / "val.txt", "00000.png")
    (tmp_path / "train.txt").write_bytes(encoded(0))
    with pytest.raises(InputError, match=r"train\.txt: line 1 is not UTF-8"):
        listing(tmp_path)


def test_two_images_of_a_name_are_an_error_and_one_copy_can_be_chosen(tmp_path: Path) -> None:
    make_faces(tmp_path / "images1024x1024", range(4))
    make_faces(tmp_path / "thumbnails128x128", range(4))
    with pytest.raises(
        InputError, match=r"two images have the name '00000': images1024x1024/00000/00000.png and thumb"
    ):
        listing(tmp_path)
    found = candidates(listing(tmp_path, images="images1024x1024"))
    assert found[0].origin == "images1024x1024/00000/00000.png" and len(found) == 4
    make_archive(tmp_path, [0, 1, 2])
    assert len(candidates(listing(tmp_path, images="data1024x1024.zip"))) == 3
    with pytest.raises(InputError, match=r"the path '\.\./x' is absolute"):
        listing(tmp_path, images="../x")
    with pytest.raises(InputError, match=r"there is no source\.images 'images512' in"):
        listing(tmp_path, images="images512")


def test_what_must_not_or_cannot_be_read_is_refused(tmp_path: Path) -> None:
    root = make_faces(tmp_path / "raw", range(5))
    (tmp_path / "secret.png").write_bytes(encoded(9))
    (root / "out.png").symlink_to(tmp_path / "secret.png")
    (root / "gone.png").symlink_to("nowhere.png")
    (root / "more").symlink_to(root / "00000")
    os.mkfifo(root / "pipe.png")
    (root / "phone.heic").write_bytes(b"ftypheic")
    with ZipFile(root / "a.zip", "w") as archive:
        archive.writestr("../up.png", encoded(7))
    found = listing(root, 1)
    refused = refusals(found)
    assert "leads out of the dataset's folder" in refused["out.png"]
    assert refused["gone.png"] == "the link leads nowhere"
    assert refused["more"] == "a link to a folder is not followed; put the folder itself here"
    assert refused["pipe.png"] == "pipe.png is not a regular file"
    assert "convert it to PNG or JPEG" in refused["phone.heic"]
    assert "'..'" in refused["a.zip/../up.png"]
    assert len(refused) == 6 and len(candidates(found)) == 5
    assert not any(str(tmp_path) in reason for reason in refused.values())
    check_shards(found)


def test_a_name_that_is_no_unicode_is_refused(tmp_path: Path) -> None:
    make_faces(tmp_path, range(3))
    (tmp_path / os.fsdecode(b"\xff.png")).write_bytes(encoded(8))
    assert refusals(listing(tmp_path, 1)) == {"\\xff.png": "the name of the file is no valid Unicode; rename it"}


def test_a_damaged_archive_is_an_error(tmp_path: Path) -> None:
    archive = make_archive(tmp_path, [0, 1, 2]) / "data1024x1024.zip"
    archive.write_bytes(archive.read_bytes()[:-30])
    with pytest.raises(InputError, match=r"data1024x1024\.zip is not a zip archive that can be read"):
        listing(tmp_path)


def test_an_image_changed_in_an_archive_has_another_signature(tmp_path: Path) -> None:
    make_archive(tmp_path, [0, 1, 2])
    before = {candidate.origin: candidate.signature for candidate in candidates(listing(tmp_path))}
    assert len(set(before.values())) == 3
    (tmp_path / "data1024x1024.zip").unlink()
    make_archive(tmp_path, [0, 1, 2, 3])
    after = {candidate.origin: candidate.signature for candidate in candidates(listing(tmp_path))}
    assert all(after[origin] != signature for origin, signature in before.items())


def test_too_few_images_for_validation_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'ffhq': source\.validation is 3 but there are only 3 images"):
        listing(make_faces(tmp_path, range(3)), 3)


@pytest.mark.parametrize("case", ["none", "absent", "empty", "arrays"])
def test_missing_images_say_what_where_from_and_which_key(tmp_path: Path, case: str) -> None:
    root = None if case == "none" else tmp_path / case
    if root is not None and case != "absent":
        root.mkdir()
    if root is not None and case == "arrays":
        np.save(root / "imgHQ00000.npy", np.zeros((1, 3, 4, 4), np.uint8))
    with pytest.raises(InputError) as caught:
        listing(root)
    message = str(caught.value)
    assert "CelebA" not in message
    for part in ("'ffhq'", "FFHQ", "CC BY-NC-SA", "train.txt", "dataset_paths: {ffhq: /path/to/ffhq}",
                 "conf/local/compute.yml"):  # fmt: skip
        assert part in message
    assert root is None or str(root) in message
    assert case != "arrays" or "1 .npy" in message


@pytest.mark.parametrize(("name", "meant"), [("celebahq", ["CelebA-HQ"]), ("mine", ["CelebA-HQ", "FFHQ"])])
def test_missing_images_are_from_where_this_dataset_is(name: str, meant: list[str]) -> None:
    source = FacesSource(kind="faces", train_list="train.txt", validation_list="val.txt", validation=2)
    with pytest.raises(InputError) as caught:
        list_images(source, None, name, 256)
    assert [known for known in ("CelebA-HQ", "FFHQ") if known in str(caught.value)] == meant


def test_the_split_by_hash_says_so(tmp_path: Path) -> None:
    by = listing(make_faces(tmp_path, range(4)), 2).split_by
    assert by == "by a hash of the names, 2 for validation, without the lists train.txt and val.txt"


def test_images_are_not_looked_at_when_listing(tmp_path: Path) -> None:
    make_faces(tmp_path, range(4))
    found = listing(tmp_path)
    (tmp_path / "00000/00002.png").unlink()
    assert refusals(found) == {"00000/00002.png": "there is no such file"}
