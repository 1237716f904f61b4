"""Every published dataset, as a tiny copy in its true format, prepared by the command a user types."""

import json
from pathlib import Path

import numpy as np
import pytest
from support.clone import Clone, copy_project
from support.raw_coco import make_coco
from support.raw_coco_boxes import make_coco_layouts
from support.raw_faces import make_archive, make_faces
from support.raw_imagenet import make_imagenet
from support.raw_lsun import make_lsun
from support.raw_openimages import make_openimages
from support.raw_paired_folders import make_pairs
from support.raw_parquet import make_parquet
from support.raw_places365 import make_places365
from support.raw_webdataset import make_webdataset

from ldm_pipelines.data.manifest import read_manifest, read_rejected
from ldm_pipelines.data.prepared import PreparedDataset
from ldm_pipelines.pipelines.prepare_data.nodes import summary

DATASETS = {
    # name: how it is made, and what differs from its file in conf/hydra/dataset for a copy so small
    "celebahq": (lambda root: make_faces(root, range(7)), ["source.validation=2"]),
    "ffhq": (lambda root: make_archive(root, range(7)), ["source.validation=2"]),
    "lsun_churches": (lambda root: make_lsun(root, range(5), range(5, 8)), []),
    "lsun_bedrooms": (lambda root: make_lsun(root, range(5), range(5, 8), "bedroom"), []),
    "imagenet": (make_imagenet, ["source.classes=3"]),
    "coco_captions_2014": (lambda root: make_coco(root, year=2014), []),
    "coco_stuff_2017": (lambda root: make_coco(root, maps=True), []),
    "coco_layouts_2017": (make_coco_layouts, []),
    "openimages": (make_openimages, []),
    "openimages_boxes": (make_openimages, []),
    "places365": (make_places365, []),
    "landscapes": (make_pairs, ["splits={train: 1.0, validation: 0.0, test: 0.0}"]),
    "laion": (make_webdataset, []),
    "huggingface_parquet": (make_parquet, ["upstream=data/01_raw/huggingface_parquet"]),
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A project with all of them, prepared by one call of ``kedro run``; raw data of one lies elsewhere."""
    clone = copy_project(tmp_path_factory.mktemp("datasets") / "clone")
    for name, (make, _) in DATASETS.items():
        make(clone.root / "data/01_raw" / name if name != "landscapes" else clone.root / "elsewhere")
    (clone.root / "conf/local").mkdir(exist_ok=True)
    local = "num_workers: 2\ndataset_paths: {landscapes: elsewhere}\n"
    (clone.root / "conf/local/compute.yml").write_text(local)
    added = [f"+dataset@datasets.{name}={name}" for name in DATASETS]
    smaller = [f"datasets.{name}.{change}" for name, (_, changes) in DATASETS.items() for change in changes]
    smaller.append("~datasets.openimages_boxes.source.merge")  # the copy has four classes
    sizes = [f"datasets.{name}.image_size=16" for name in DATASETS]
    clone.run("kedro", "compose", "study=smoke", *added, *smaller, *sizes)
    done = clone.run("kedro", "run", f"--pipelines={','.join(f'prepare_data.{name}' for name in DATASETS)}")
    (clone.root / "log").write_text(done.stdout + done.stderr)
    return clone


def test_preparing_ends_with_a_line_about_what_was_made(project: Clone) -> None:
    assert "dataset 'celebahq': 5 train, 2 validation" in " ".join((project.root / "log").read_text().split())
    line = summary(project.root / "data/03_primary/celebahq")
    assert line == (
        "dataset 'celebahq': 5 train, 2 validation, 0 test; 0 rejected; "
        "its card: data/08_reporting/data_cards/celebahq/data_card.md"
    )


@pytest.mark.parametrize("name", DATASETS)
def test_every_image_is_there_and_can_be_read(project: Clone, name: str) -> None:
    folder = project.root / "data/03_primary" / name
    manifest = read_manifest(folder)
    assert len(manifest) >= 2 and read_rejected(folder).empty
    prepared = PreparedDataset(folder)
    for split, count in prepared.counts.items():
        if count:
            images = prepared.split(split)
            pixels = images.pixels(np.arange(count))
            assert pixels.shape == (count, 16, 16, 3)
            different = manifest.loc[manifest["split"] == split, "sha256"].nunique()
            assert len({image.tobytes() for image in pixels}) == different
            if prepared.map_classes:
                assert images.maps(np.arange(count)).max() < len(prepared.map_classes)
    assert not (folder / "images").exists()
    card = project.root / "data/08_reporting/data_cards" / name
    assert f"{len(manifest)} images" in (card / "data_card.md").read_text()
    assert f"Data card: {name}</h1>" in (card / "data_card.html").read_text()


def test_raw_data_elsewhere_is_linked(project: Clone) -> None:
    place = project.root / "data/01_raw/landscapes"
    assert place.is_symlink() and place.samefile(project.root / "elsewhere")


def test_a_missing_dataset_is_answered_with_what_it_needs(project: Clone) -> None:
    (project.root / "data/01_raw/imagenet").rename(project.root / "moved")
    done = project.run("kedro", "run", "--pipelines=prepare_data.imagenet", check=False)
    (project.root / "moved").rename(project.root / "data/01_raw/imagenet")
    assert done.returncode != 0
    for part in ("dataset 'imagenet'", "train", "dataset_paths: {imagenet: /path/to/imagenet}", "research"):
        assert part in done.stderr, part
    assert "Traceback" not in done.stderr


def test_a_damaged_image_is_listed_with_its_reason_and_a_new_one_gives_another_version(project: Clone) -> None:
    folder, raw = project.root / "data/03_primary/coco_captions_2014", project.root / "data/01_raw/coco_captions_2014"
    before, digest = PreparedDataset(folder), PreparedDataset(folder).digest
    victim = next((raw / "train2014").iterdir())
    encoded = victim.read_bytes()
    victim.write_bytes(encoded[: len(encoded) // 2])
    project.run("kedro", "run", "--pipelines=prepare_data.coco_captions_2014")
    assert [Path(path).name for path in read_rejected(folder)["path"]] == [victim.name]
    after = PreparedDataset(folder)
    assert after.counts["train"] == before.counts["train"] - 1 and after.digest != digest
    victim.write_bytes(encoded)
    project.run("kedro", "run", "--pipelines=prepare_data.coco_captions_2014")
    assert PreparedDataset(folder).digest == digest


def test_dvc_sees_a_changed_an_added_and_a_removed_file_of_one_dataset_and_no_other(project: Clone) -> None:
    stages = ("prepare_data@imagenet", "prepare_data@celebahq")
    project.run("dvc", "repro", "-q", *stages)

    def stale() -> list[str]:
        return [*json.loads(project.run("dvc", "status", "--json", *stages).stdout)]

    assert stale() == []
    image = next((project.root / "data/01_raw/imagenet/train").rglob("*.JPEG"))
    encoded, added = image.read_bytes(), image.with_name("n_added.JPEG")
    added.write_bytes(encoded)
    assert stale() == ["prepare_data@imagenet"]
    added.unlink()
    assert stale() == []
    image.write_bytes(encoded + b" ")
    assert stale() == ["prepare_data@imagenet"]
    image.unlink()
    assert stale() == ["prepare_data@imagenet"]
    image.write_bytes(encoded)
    assert stale() == []
