import gzip
import json
import pickle
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.encoded_images import encoded, pixels
from support.raw_webdataset import make_webdataset, sample, write_tar

from ldm_pipelines.data.originals import Originals
from ldm_pipelines.errors import InputError
from ldm_pipelines.preparation.listing.entries import Candidate, Entry, Listing, Refused
from ldm_pipelines.preparation.source_specs.webdataset import WebDatasetSource
from ldm_pipelines.preparation.sources.webdataset import list_images


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    return make_webdataset(tmp_path / "laion")


def listed(raw: Path | None, **settings: Any) -> Listing:
    return list_images(WebDatasetSource.model_validate({"kind": "webdataset"} | settings), raw, "laion", 256)


def captions(listing: Listing) -> list[tuple[str, str | None]]:
    return [(e.origin, e.caption) for e in listing.entries() if isinstance(e, Candidate)]


def refused(entries: list[Entry]) -> dict[str, str]:
    return {entry.origin: entry.reason for entry in entries if isinstance(entry, Refused)}


def test_samples_are_listed_in_the_order_of_shard_numbers_with_their_captions(raw: Path) -> None:
    listing = listed(raw)
    assert captions(listing) == [
        ("2.tar/000000004.jpg", "a red car"),
        ("2.tar/000000005.jpg", None),
        ("10.tar/000000020.jpg", "a café at night"),
        ("10.tar/000000021.jpg", "two dogs"),
    ]
    assert len(listing.entries()) == 4 and listing.classes is None
    assert [(shard.name, shard.size, shard.first) for shard in listing.shards] == [
        ("2.tar", None, None), ("10.tar", None, None)
    ]  # fmt: skip
    status = (raw / "2.tar").stat()
    assert listing.shards[0].signature == f"{status.st_size}-{status.st_mtime_ns}"


def test_captions_may_come_from_a_key_of_the_json(raw: Path) -> None:
    assert captions(listed(raw, caption="caption"))[0] == ("2.tar/000000004.jpg", "json of a red car")
    reasons = refused(listed(raw, caption="captoin").entries())
    assert len(reasons) == 4
    assert "no key 'captoin'; did you mean 'caption'?" in reasons["2.tar/000000004.jpg"]


@pytest.mark.parametrize("layout", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_every_image_is_read_from_its_place_in_the_tar(tmp_path: Path, layout: int) -> None:
    kinds = {"jpg": "JPEG", "jpeg": "JPEG", "PNG": "PNG", "webp": "WEBP"}
    folder = "a" * 70 + "/" + "b" * 80  # needs a second header
    contents = {f"{folder}/{number}.{ext}": encoded(number, kind) for number, (ext, kind) in enumerate(kinds.items())}
    write_tar(tmp_path / "sub/x.tar", contents.items(), layout)
    entries = listed(tmp_path).entries()
    originals = Originals(tmp_path)
    assert [entry.origin for entry in entries] == [f"sub/x.tar/{name}" for name in contents]
    for entry, content in zip(entries, contents.values(), strict=True):
        assert isinstance(entry, Candidate) and entry.location is not None
        assert originals.read(entry.location) == content
        np.testing.assert_array_equal(pixels(originals.read(entry.location)), pixels(content))
        assert entry.signature.endswith(entry.location.member)


def test_the_files_of_a_sample_may_come_in_any_order_and_a_class_is_its_label(tmp_path: Path) -> None:
    write_tar(tmp_path / "a.tar", [
        ("./n1.txt", b"before"), ("./n1.cls", b"7\n"), ("./n1.jpg", encoded(1)),
        ("./n2.jpg", encoded(2)), ("./n2.seg.png", encoded(3)), ("./n2.txt", b"after"),
        ("./README", b"-"), ("./n3.npy", b"-"),
    ])  # fmt: skip
    found = [(e.origin, e.label, e.caption) for e in listed(tmp_path).entries() if isinstance(e, Candidate)]
    assert found == [("a.tar/n1.jpg", "7", "before"), ("a.tar/n2.jpg", None, "after")]
    assert len(listed(tmp_path).entries()) == 2


def test_shards_are_in_the_split_whose_pattern_they_match(tmp_path: Path) -> None:
    for number, name in enumerate(("train-0.tar", "val/0.tar", "more-0.tar")):
        write_tar(tmp_path / name, sample(number, "-"))
    splits = {e.origin.partition(".")[0]: e.split for e in listed(tmp_path, splits={"train": "train-*.tar", "test": "val/*.tar"}).entries() if isinstance(e, Candidate)}  # fmt: skip
    assert splits == {"train-0": "train", "val/0": "test", "more-0": None}
    with pytest.raises(InputError, match=r"source\.splits\.validation: no shard matches 'valid-\*\.tar'"):
        listed(tmp_path, splits={"validation": "valid-*.tar"})
    with pytest.raises(InputError, match=r"train-0\.tar is in train and in test"):
        listed(tmp_path, splits={"train": "train-*.tar", "test": "*.tar"})


def test_what_a_tar_must_not_hold_is_refused(tmp_path: Path) -> None:
    link, hard, device, pipe = (tarfile.TarInfo(name) for name in ("b.jpg", "c.jpg", "d.jpg", "e.jpg"))
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    hard.type, hard.linkname = tarfile.LNKTYPE, "a.jpg"
    device.type, pipe.type = tarfile.CHRTYPE, tarfile.FIFOTYPE
    folder = tarfile.TarInfo("folder")
    folder.type = tarfile.DIRTYPE
    sparse = tarfile.TarInfo("s.jpg")
    sparse.pax_headers = {
        "GNU.sparse.map": "0,1",
        "GNU.sparse.size": "9",
        "GNU.sparse.major": "0",
        "GNU.sparse.minor": "1",
    }
    write_tar(tmp_path / "a.tar", [
        ("a.jpg", encoded(1)), link, hard, device, pipe, folder, sparse,
        ("/abs.jpg", encoded(2)), ("../up.jpg", encoded(3)), ("x\\y.jpg", encoded(4)), ("z.jpg", encoded(5)),
    ])  # fmt: skip
    entries = listed(tmp_path).entries()
    assert [e.origin for e in entries if isinstance(e, Candidate)] == ["a.tar/a.jpg", "a.tar/z.jpg"]
    reasons = refused(entries)
    for name, part in {"b.jpg": "a link", "c.jpg": "a link", "d.jpg": "a device", "e.jpg": "a pipe", "s.jpg": "sparse",
                       "/abs.jpg": "absolute", "../up.jpg": "'..'", "x\\y.jpg": "backslashes"}.items():  # fmt: skip
        assert part in reasons[f"a.tar/{name}"]
    assert len(reasons) == 8


def test_broken_samples_are_refused_one_by_one(tmp_path: Path) -> None:
    write_tar(tmp_path / "a.tar", [
        ("bytes.jpg", encoded(1)), ("bytes.txt", b"caf\xe9"),
        ("long.jpg", encoded(1)), ("long.txt", b"x" * 2_000_000),
        ("two.jpg", encoded(1)), ("two.png", encoded(2, "PNG")),
        ("film.gif", b"GIF"), ("film.txt", b"moves"),
        ("none.txt", b"words"),
        ("apart.jpg", encoded(1)), ("good.jpg", encoded(2)), ("apart.txt", b"too late"),
    ])  # fmt: skip
    entries = listed(tmp_path).entries()
    assert [e.origin for e in entries if isinstance(e, Candidate)] == ["a.tar/apart.jpg", "a.tar/good.jpg"]
    reasons = refused(entries)
    for origin, part in {"bytes.jpg": ".txt is not text in UTF-8", "long.jpg": "longer than 1048576 bytes",
                         "two.jpg": "2 images", "film.gif": "format", "none": "no image",
                         "apart": "one after another"}.items():  # fmt: skip
        assert part in reasons[f"a.tar/{origin}"]
    assert len(reasons) == 6


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (b"{", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[1]", "not an object"),
        (b'{"caption": 3}', "'caption' in its .json is not text"),
        (b'{"caption": "\\ud800"}', "half of a character"),
        (b'{"caption": "\xff"}', "not text in UTF-8"),
    ],
)
def test_broken_json_refuses_its_sample_alone(tmp_path: Path, text: bytes, part: str) -> None:
    write_tar(tmp_path / "a.tar", [("a.jpg", encoded(1)), ("a.json", text), *sample(3, "fine")])
    entries = listed(tmp_path, caption="caption").entries()
    assert part in refused(entries)["a.tar/a.jpg"]
    assert [e.caption for e in entries if isinstance(e, Candidate)] == ["json of fine"]
    write_tar(tmp_path / "a.tar", [("a.jpg", encoded(1)), ("a.json", json.dumps({"caption": None}).encode())])
    assert captions(listed(tmp_path, caption="caption")) == [("a.tar/a.jpg", None)]


def test_of_a_cut_or_damaged_shard_what_comes_before_is_kept(raw: Path) -> None:
    shard = raw / "2.tar"
    whole = shard.read_bytes()
    with tarfile.open(shard) as tar:
        second = tar.getmember("000000005.jpg")
        end = max(member.offset_data + member.size for member in tar.getmembers())
    for cut in (second.offset_data + 100, second.offset + 200, second.offset):
        shard.write_bytes(whole[:cut])
        entries = [*listed(raw).shards[0].entries()]
        assert {e.origin for e in entries if isinstance(e, Candidate)} == {"2.tar/000000004.jpg"}
        assert len(entries) == 2 and f"at byte {second.offset};" in refused(entries)["2.tar"]
    shard.write_bytes(whole[: second.offset] + b"\x07" * 512 + whole[second.offset + 512 :])
    entries = [*listed(raw).shards[0].entries()]
    assert len(entries) == 2 and "damaged or cut off" in refused(entries)["2.tar"]
    shard.write_bytes(whole[: -(-end // 512) * 512])  # all samples, but not the end's mark
    assert [*map(type, listed(raw).shards[0].entries())] == [Candidate, Candidate, Refused]


def test_a_header_that_leads_back_does_not_loop(tmp_path: Path) -> None:
    write_tar(tmp_path / "a.tar", [("a.jpg", encoded(1)), ("b.jpg", encoded(2))], tarfile.GNU_FORMAT)
    content = bytearray((tmp_path / "a.tar").read_bytes())
    with tarfile.open(tmp_path / "a.tar") as tar:
        start = tar.getmember("b.jpg").offset
    header = content[start : start + 512]
    header[124:136] = b"\xff" * 10 + b"\xfc\x00"  # a size of -1024 in base 256
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    content[start : start + 512] = header
    (tmp_path / "a.tar").write_bytes(content)
    entries = listed(tmp_path).entries()
    assert [entry.origin for entry in entries] == ["a.tar/a.jpg", "a.tar"] and isinstance(entries[1], Refused)


def test_compressed_shards_are_not_read_and_said_to_be(raw: Path, tmp_path: Path) -> None:
    packed = gzip.compress((raw / "2.tar").read_bytes())
    (raw / "3.tar.gz").write_bytes(packed)
    (raw / "4.tar").write_bytes(packed)
    (raw / "5.tar").write_bytes(b"")
    reasons = refused(listed(raw).entries())
    assert {*reasons} == {"3.tar.gz", "4.tar", "5.tar"} and len(captions(listed(raw))) == 4
    assert "unpack" in reasons["3.tar.gz"] and "unpack" in reasons["4.tar"]
    (tmp_path / "only").mkdir()
    (tmp_path / "only" / "0.tar.gz").write_bytes(packed)
    with pytest.raises(InputError, match=r"0\.tar\.gz is no plain tar file.*unpack it to a \.tar"):
        listed(tmp_path / "only")
    with pytest.raises(InputError, match=r"is no plain tar file"):
        listed(tmp_path / "only", shards="*.tar.gz")


def test_links_out_of_the_folder_are_refused_and_hidden_files_passed_over(raw: Path, tmp_path: Path) -> None:
    write_tar(tmp_path / "else.tar", sample(1, "secret"))
    (raw / "1.tar").symlink_to(tmp_path / "else.tar")
    (raw / "0.tar").symlink_to(raw / "nothing.tar")
    (raw / "7.tar").mkdir()
    (raw / ".3.tar").write_bytes(b"-")
    reasons = refused(listed(raw).entries())
    assert {*reasons} == {"0.tar", "1.tar", "7.tar"} and "leads out" in reasons["1.tar"]
    assert not any(str(tmp_path) in reason for reason in reasons.values())
    shard = listed(raw).shards[-1]
    (raw / "10.tar").unlink()
    assert [type(entry) for entry in shard.entries()] == [Refused]


def test_shards_survive_a_process_boundary(raw: Path) -> None:
    for shard in listed(raw, caption="caption").shards:
        assert [*pickle.loads(pickle.dumps(shard.entries))()] == [*shard.entries()] == [*shard.entries()]


def test_what_is_missing_is_said_with_where_to_get_it(tmp_path: Path) -> None:
    for raw in (None, tmp_path / "nowhere"):
        with pytest.raises(InputError, match=r"dataset 'laion': the dataset's folder(?s:.*)LAION(?s:.*)dataset_paths"):
            listed(raw)
    with pytest.raises(InputError, match=r"a shard that matches '\*\*/\*\.tar' is not there"):
        listed(tmp_path)
    for pattern in ("../*.tar", "/etc/*.tar", ""):
        with pytest.raises(InputError, match=r"'laion': source.shards: .*pattern of paths below"):
            listed(tmp_path, shards=pattern)
