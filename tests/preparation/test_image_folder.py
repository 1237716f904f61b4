import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from ldm_pipelines.errors import InputError
from ldm_pipelines.preparation.listing.entries import Candidate, Listing, Refused
from ldm_pipelines.preparation.source_specs.image_folder import ImageFolderSource
from ldm_pipelines.preparation.sources.image_folder import list_images

Photo = Callable[..., Image.Image]


def listing(root: Path | None, labels: str | None = None) -> Listing:
    return list_images(ImageFolderSource(kind="image_folder", labels=labels), root, "pets", 32)


def labels_of(found: Listing) -> dict[str, str | None]:
    return {entry.origin: entry.label for entry in found.entries() if isinstance(entry, Candidate)}


def refusals_of(found: Listing) -> dict[str, str]:
    return {entry.origin: entry.reason for entry in found.entries() if isinstance(entry, Refused)}


def test_the_class_is_the_parent_folder_and_the_order_that_of_the_paths(tree: Path) -> None:
    found = listing(tree)
    assert list(labels_of(found).items()) == [
        ("cat/a.png", "cat"),
        ("cat/b.PNG", "cat"),
        ("cat/deep/cat/c.JPeG", "cat"),
        ("dog/a.jpg", "dog"),
        ("dog/b.TIFF", "dog"),
        ("dog/c.webp", "dog"),
    ]
    assert refusals_of(found) == {}


def test_other_files_are_counted_and_hidden_ones_are_not(tree: Path) -> None:
    assert listing(tree).ignored == {".txt": 2, "no extension": 1}


def test_images_right_in_the_root_have_no_class(tree: Path, photo: Photo) -> None:
    photo().save(tree / "z.png")
    assert labels_of(listing(tree))["z.png"] is None


def test_a_raw_folder_behind_a_link_is_fine(tree: Path) -> None:
    link = tree.parent / "link"
    link.symlink_to(tree)
    assert len(listing(link).entries()) == 6


def test_links_that_leave_the_folder_are_refused(tree: Path, photo: Photo) -> None:
    photo().save(tree.parent / "secret.png")
    (tree / "cat" / "x.png").symlink_to(tree.parent / "secret.png")
    (tree / "cat" / "y.png").symlink_to(tree / "cat" / "a.png")
    found = listing(tree)
    assert "leads out of the dataset's folder" in refusals_of(found)["cat/x.png"]
    assert labels_of(found)["cat/y.png"] == "cat"


def test_linked_folders_broken_links_and_loops_are_refused(tree: Path) -> None:
    (tree / "lion").symlink_to(tree / "cat")
    (tree / "cat" / "up").symlink_to(tree)
    (tree / "cat" / "gone.png").symlink_to("nowhere.png")
    (tree / "cat" / "loop.png").symlink_to("loop.png")
    refused = refusals_of(listing(tree))
    assert sorted(refused) == ["cat/gone.png", "cat/loop.png", "cat/up", "lion"]
    assert "link to a folder" in refused["lion"]
    assert refused["cat/gone.png"] == "the link leads nowhere"


def test_a_pipe_named_like_an_image_is_not_opened(tree: Path) -> None:
    os.mkfifo(tree / "cat" / "pipe.png")
    assert refusals_of(listing(tree)) == {"cat/pipe.png": "cat/pipe.png is not a regular file"}


def test_image_formats_nobody_here_can_read_are_reported(tree: Path) -> None:
    (tree / "cat" / "phone.HEIC").write_bytes(b"ftypheic")
    assert "convert it to PNG or JPEG" in refusals_of(listing(tree))["cat/phone.HEIC"]


def test_file_names_that_are_no_unicode_can_be_listed(tree: Path, photo: Photo) -> None:
    photo().save(tree / "cat" / "z.png")
    (tree / "cat" / "z.png").rename(tree / "cat" / os.fsdecode(b"\xff.png"))
    assert "cat/\\xff.png" in labels_of(listing(tree))


@pytest.mark.parametrize("case", ["none", "missing", "file"])
def test_a_missing_root_says_which_and_how_to_set_it(tmp_path: Path, case: str) -> None:
    (tmp_path / "file").touch()
    root = None if case == "none" else tmp_path / case
    with pytest.raises(InputError, match=r"dataset_paths: \{pets: /path/to/pets\}.*conf/local/compute.yml") as caught:
        listing(root)
    assert "a folder for each class" in str(caught.value) and "labels.csv" in str(caught.value)
    assert case == "none" or str(root) in str(caught.value)


def write_labels(tree: Path, *rows: str, header: str = "path,label") -> str:
    (tree / "labels.csv").write_text("\n".join([header, *rows]) + "\n")
    return "labels.csv"


def test_a_labels_file_says_what_belongs_and_which_class(tree: Path) -> None:
    name = write_labels(tree, "cat/a.png,tabby", './dog/a.jpg,"pug, black"', "dog/b.TIFF,", "dog/gone.png,pug")
    found = listing(tree, name)
    assert labels_of(found) == {"cat/a.png": "tabby", "dog/a.jpg": "pug, black", "dog/b.TIFF": None}
    assert refusals_of(found) == {
        "dog/gone.png": "row 5 of labels.csv: there is no such file (hidden ones are skipped)"
    }
    assert found.ignored == {".txt": 2, "no extension": 1, "unlisted images": 3}


def test_a_labels_file_from_a_spreadsheet_is_read(tree: Path) -> None:
    (tree / "labels.csv").write_bytes("\ufefflabel,path,note\r\nkätzchen,cat/a.png,hm\r\n".encode())
    assert labels_of(listing(tree, "labels.csv")) == {"cat/a.png": "kätzchen"}


@pytest.mark.parametrize("path", ["../raw/cat/a.png", "cat/../../secret.png", "/etc/passwd.png", "", "."])
def test_a_listed_path_that_may_leave_the_folder_is_refused(tree: Path, path: str) -> None:
    name = write_labels(tree, "cat/a.png,cat", f"{path},cat")
    with pytest.raises(InputError, match=r"labels\.csv: row 3: .* must be a path inside the image folder"):
        listing(tree, name)


def test_a_listed_link_that_leaves_the_folder_is_refused(tree: Path, photo: Photo) -> None:
    photo().save(tree.parent / "secret.png")
    (tree / "x.png").symlink_to(tree.parent / "secret.png")
    found = listing(tree, write_labels(tree, "x.png,cat"))
    assert "leads out of the dataset's folder" in refusals_of(found)["x.png"]


@pytest.mark.parametrize(
    ("rows", "header", "message"),
    [
        (["cat/a.png,cat"], "path,labels", "'label' is missing; did you mean 'labels'"),
        (["cat/a.png,cat", "./cat/a.png,dog"], "path,label", "row 3 lists 'cat/a.png' again .first in row 2"),
        (["cat/a.png"], "path,label", "row 2 has too few or too many fields"),
        (["cat/a.png,cat,3"], "path,label", "row 2 has too few or too many fields"),
        (['"cat/a.png,cat'], "path,label", "is not a CSV file in UTF-8"),
    ],
)
def test_mistakes_in_a_labels_file_name_the_row(tree: Path, rows: list[str], header: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        listing(tree, write_labels(tree, *rows, header=header))


def test_a_labels_file_in_another_encoding_or_place_is_an_error(tree: Path) -> None:
    (tree / "labels.csv").write_bytes("path,label\na.png,kätzchen\n".encode("latin-1"))
    with pytest.raises(InputError, match="is not a CSV file in UTF-8"):
        listing(tree, "labels.csv")
    with pytest.raises(InputError, match=r"did you mean 'labels\.csv'"):
        listing(tree, "label.csv")
    with pytest.raises(InputError, match="is not in the image folder"):
        listing(tree, "../labels.csv")


def test_a_labels_file_behind_a_link_that_leads_out_is_not_read(tree: Path, tmp_path: Path) -> None:
    write_labels(tree, "cat/a.png,cat")
    (tree / "labels.csv").rename(tmp_path / "elsewhere.csv")
    (tree / "labels.csv").symlink_to(tmp_path / "elsewhere.csv")
    with pytest.raises(InputError, match=r"the labels file 'labels\.csv' is not in the image folder"):
        listing(tree, "labels.csv")
