from pathlib import Path

import pytest

from ldm_pipelines.preparation.listing.missing import missing


def said(raw: Path | None, **settings: bool) -> str:
    return str(missing("pets", raw, "the folder of the images", "from me", "cat/1.jpg", **settings)).splitlines()[0]


def test_it_says_where_it_looked(tmp_path: Path) -> None:
    assert said(None) == "dataset 'pets': the folder of the images is not there"
    assert said(tmp_path) == f"dataset 'pets': the folder of the images is not there (looked in {tmp_path})"
    (tmp_path / "file").touch()
    assert said(tmp_path / "file").endswith("file, which is a file, not a folder)")


@pytest.mark.parametrize("inside", [True, False])
def test_it_names_archives_that_are_not_unpacked(tmp_path: Path, inside: bool) -> None:
    raw = tmp_path / "pets"
    if inside:
        raw.mkdir()
    for name in ("pets.zip", "pets_2.TAR", "pets.txt"):
        (raw if inside else tmp_path).joinpath(name).touch()
    assert "archives: pets.zip, pets_2.TAR; unpack those that hold what is missing)" in said(raw)
    assert "are archives" not in said(raw, unpacked=False)
    for number in range(3):
        (raw if inside else tmp_path).joinpath(f"pets{number}.tgz").touch()
    assert ": pets.zip, pets0.tgz, pets1.tgz and 2 more; unpack" in said(raw)
