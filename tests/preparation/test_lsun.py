import pickle
from pathlib import Path

import numpy as np
import pytest
from support.raw_faces import write_list
from support.raw_lsun import key, make_database, make_lsun
from support.raw_pictures import candidates, check_shards, decoded, picture, refusals

from ldm_pipelines.data.lmdb_environments import acquire, environment, release
from ldm_pipelines.data.originals import Location, Originals
from ldm_pipelines.errors import InputError
from ldm_pipelines.preparation.listing.entries import Listing
from ldm_pipelines.preparation.source_specs.lsun import LsunSource
from ldm_pipelines.preparation.sources.lsun import list_images

TRAIN, VALIDATION = "church_outdoor_train_lmdb", "church_outdoor_val_lmdb"


def listing(root: Path | None, **settings: str) -> Listing:
    source = LsunSource.model_validate({"kind": "lsun", "category": "church_outdoor"} | settings)
    return list_images(source, root, "lsun_churches", 256)


def locations(found: Listing) -> list[tuple[Location | None, str | None]]:
    return [(candidate.location, candidate.split) for candidate in candidates(found)]


def test_without_lists_the_databases_are_the_splits(tmp_path: Path) -> None:
    found = listing(make_lsun(tmp_path, range(6), range(6, 8)))
    assert locations(found) == [
        *((Location(TRAIN, name), "train") for name in sorted(map(key, range(6)))),
        *((Location(VALIDATION, name), "validation") for name in sorted(map(key, range(6, 8)))),
    ]
    first = candidates(found)[0]
    assert first.origin == f"{TRAIN}/{min(map(key, range(6)))}" and first.label is None
    assert found.ignored == {} and refusals(found) == {}
    assert found.split_by.startswith("the databases' own")
    check_shards(found)


def test_every_location_gives_its_image(tmp_path: Path) -> None:
    found = candidates(listing(make_lsun(tmp_path, range(6), range(6, 8))))
    originals, by_key = Originals(tmp_path), {key(number): number for number in range(8)}
    for candidate in found:
        assert candidate.location is not None
        np.testing.assert_array_equal(
            decoded(originals, candidate), picture(by_key[candidate.location.member], (26, 18))
        )
    assert len(found) == 8


def test_lists_split_the_training_database_and_the_other_is_not_needed(tmp_path: Path) -> None:
    make_database(tmp_path / TRAIN, range(5))
    nested = "/".join(key(3)[:6]) + f"/{key(3)}.webp"
    write_list(tmp_path / "church_outdoor_train.txt", f"{key(1)}.webp", nested, f"{key(99)}.webp")
    write_list(tmp_path / "church_outdoor_val.txt", key(0), f"{key(98)}.webp")
    found = listing(tmp_path)
    split_of = {key(1): "train", key(3): "train", key(0): "validation"}
    assert locations(found) == [(Location(TRAIN, name), split_of[name]) for name in sorted(split_of)]
    assert found.ignored == {"unlisted images": 2}
    assert found.split_by == "by church_outdoor_train.txt and church_outdoor_val.txt, of the training database"
    assert list(refusals(found).items()) == [
        (key(99), "line 3 of church_outdoor_train.txt: there is no such image"),
        (key(98), "line 2 of church_outdoor_val.txt: there is no such image"),
    ]
    check_shards(found)


def test_lists_may_have_other_names(tmp_path: Path) -> None:
    make_database(tmp_path / "bedroom_train_lmdb", range(3))
    write_list(tmp_path / "bedrooms_train.txt", f"{key(1)}.webp", f"{key(2)}.webp")
    write_list(tmp_path / "bedrooms_val.txt", f"{key(0)}.webp")
    found = listing(tmp_path, category="bedroom", train_list="bedrooms_train.txt", validation_list="bedrooms_val.txt")
    assert {c.origin: c.split for c in candidates(found)}[f"bedroom_train_lmdb/{key(0)}"] == "validation"
    assert len(candidates(found)) == 3


def test_shards_are_ranges_of_keys_and_work_in_other_processes(tmp_path: Path) -> None:
    root = make_lsun(tmp_path, range(600), range(600, 603))
    write_list(root / "church_outdoor_train.txt", *(f"{key(number)}.webp" for number in range(5, 600)))
    write_list(root / "church_outdoor_val.txt", *(f"{key(number)}.webp" for number in range(4)))
    found = listing(root)
    assert len(found.shards) == 3 and sum(shard.size or 0 for shard in found.shards) == 599
    assert max(len(pickle.dumps(shard.entries)) for shard in found.shards) < 1000
    sent = [entry for shard in found.shards for entry in pickle.loads(pickle.dumps(shard.entries))()]
    assert sent == found.entries()
    split_of = {c.origin.rpartition("/")[2]: c.split for c in candidates(found)}
    assert split_of == {key(number): "validation" if number < 4 else "train" for number in range(600) if number != 4}
    check_shards(found)


def test_the_order_is_that_of_the_keys(tmp_path: Path) -> None:
    forward = listing(make_lsun(tmp_path / "a", range(9), [9]))
    backward = listing(make_lsun(tmp_path / "b", reversed(range(9)), [9]))
    assert locations(forward) == locations(backward)


def test_signatures_change_with_the_database(tmp_path: Path) -> None:
    before = {c.origin: c.signature for c in candidates(listing(make_lsun(tmp_path / "a", range(3), [9])))}
    after = {c.origin: c.signature for c in candidates(listing(make_lsun(tmp_path / "b", range(300), [9])))}
    assert all(after[origin] != signature for origin, signature in before.items() if origin.startswith(TRAIN))


def test_a_key_that_is_not_ascii_is_refused(tmp_path: Path) -> None:
    make_database(tmp_path / TRAIN, [0], extra={b"\xff\x00\x01": b"?"})
    make_database(tmp_path / VALIDATION, [1])
    assert refusals(listing(tmp_path)) == {f"{TRAIN}/\\xff\x00\x01": "the key is not ASCII, so it is none of LSUN's"}


def test_a_database_that_ends_too_early_is_an_error(tmp_path: Path) -> None:
    file = make_lsun(tmp_path, range(200), [200]) / TRAIN / "data.mdb"
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=rf"{TRAIN} cannot be read: data.mdb ends too early: .*get it again"):
        listing(tmp_path)


@pytest.mark.parametrize("content", [b"", b"no database", bytes(20000)])
def test_a_file_that_is_no_database_is_an_error(tmp_path: Path, content: bytes) -> None:
    (make_lsun(tmp_path, [0], [1]) / VALIDATION / "data.mdb").write_bytes(content)
    with pytest.raises(InputError, match=rf"{VALIDATION} cannot be read: data.mdb is not an LMDB database"):
        listing(tmp_path)


def test_a_database_that_changed_after_it_was_listed_is_noticed(tmp_path: Path) -> None:
    found = listing(make_lsun(tmp_path, range(9), [9]))
    (tmp_path / TRAIN).rename(tmp_path / "old")
    make_database(tmp_path / TRAIN, range(4))
    with pytest.raises(InputError, match="was changed after it was listed"):
        found.entries()


@pytest.mark.parametrize("case", ["none", "absent", "no database", "no validation"])
def test_missing_databases_say_what_where_from_and_which_key(tmp_path: Path, case: str) -> None:
    root = None if case == "none" else tmp_path / case
    if root is not None and case != "absent":
        root.mkdir()
    if root is not None and case == "no validation":
        make_database(root / TRAIN, [0])
    with pytest.raises(InputError) as caught:
        listing(root)
    message = str(caught.value)
    for part in ("'lsun_churches'", "LSUN's page", "for research", f"{TRAIN}/", "church_outdoor_train.txt",
                 "dataset_paths: {lsun_churches: /path/to/lsun_churches}", "conf/local/compute.yml"):  # fmt: skip
        assert part in message
    assert root is None or str(root) in message
    assert case != "no validation" or f"the database {VALIDATION}/data.mdb is not there" in message


def test_a_database_behind_a_link_that_leads_out_is_an_error(tmp_path: Path) -> None:
    root = make_lsun(tmp_path / "raw", [0], [1])
    (root / TRAIN).rename(tmp_path / "elsewhere")
    (root / TRAIN).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(
        InputError, match=f"'lsun_churches': source.category: the link {TRAIN} leads out of the dataset's"
    ):
        listing(root)


def test_a_database_whose_file_is_a_link_that_leads_out_is_an_error(tmp_path: Path) -> None:
    root = make_lsun(tmp_path / "raw", [0], [1])
    file = root / TRAIN / "data.mdb"
    file.rename(tmp_path / "elsewhere.mdb")
    file.symlink_to(tmp_path / "elsewhere.mdb")
    with pytest.raises(InputError, match=f"source.category: the link {TRAIN}/data.mdb leads out of the dataset's"):
        listing(root)


@pytest.mark.parametrize("key", ["train_list", "validation_list"])
def test_a_list_outside_the_folder_is_an_error_that_names_the_setting(tmp_path: Path, key: str) -> None:
    root = make_lsun(tmp_path / "raw", [0], [1])
    with pytest.raises(InputError, match=rf"dataset 'lsun_churches': source\.{key}: .*has '\.\.'"):
        listing(root, **{key: "../list.txt"})


def test_a_database_is_open_as_long_as_somebody_uses_it(tmp_path: Path) -> None:
    make_database(tmp_path / "one", range(3))
    kept = acquire(tmp_path / "one/data.mdb")
    with environment(tmp_path / "one/data.mdb") as same:
        assert same is kept
    assert kept.stat()["entries"] == 3
    release(kept)
    with environment(tmp_path / "one/data.mdb") as again:
        assert again is not kept and again.stat()["entries"] == 3
