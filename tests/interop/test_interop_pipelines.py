"""The Kedro side: artefacts appear where the catalog says."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from diffusers import DiffusionPipeline
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner
from pydantic import ValidationError
from support.originals import Checkpoint, complete_checkpoint, load_oracle

from ldm_pipelines.compute import Compute
from ldm_pipelines.diffusion.model import LatentDiffusionModel
from ldm_pipelines.digests import digest_folder
from ldm_pipelines.errors import InputError
from ldm_pipelines.interop.spec import Import, ImportedAutoencoder
from ldm_pipelines.io import FolderDataset
from ldm_pipelines.pipelines.export_model.pipeline import create as export_model
from ldm_pipelines.pipelines.import_checkpoint.nodes import import_autoencoder, import_model
from ldm_pipelines.pipelines.import_checkpoint.pipeline import create, create_for_autoencoder

FACTS = {"name": "faces", "upstream": "data/01_raw/checkpoints/faces", "checkpoint": "whole.ckpt"}


@pytest.fixture
def compute(tmp_path: Path) -> Compute:
    return Compute(workspace=tmp_path / "workspace", raw_dir=tmp_path / "raw", progress=False).under(tmp_path)


@pytest.fixture
def faces(tmp_path: Path) -> Checkpoint:
    """An unconditional model where its import looks for it."""
    folder = tmp_path / "raw" / "checkpoints" / "faces"
    folder.mkdir(parents=True)
    return complete_checkpoint(folder, "unet_uncond", "ae_vq", "__is_unconditional__")


def run(pipeline: Any, root: Path, parameters: dict[str, Any]) -> None:
    catalog = DataCatalog({name: MemoryDataset(value, copy_mode="assign") for name, value in parameters.items()})
    for name in pipeline.all_outputs() | {name for name in pipeline.inputs() if not name.startswith("params:")}:
        catalog[name] = FolderDataset(str(root / name), made_by="import_checkpoint.faces")
    SequentialRunner().run(pipeline, catalog)


def test_import_then_export(faces: Checkpoint, compute: Compute, tmp_path: Path) -> None:
    parameters = {"params:imports.faces": Import(**FACTS), "params:compute": compute}
    run(create(Import(**FACTS)), tmp_path / "data", parameters)
    ldm, autoencoder = tmp_path / "data" / "ldms" / "faces", tmp_path / "data" / "autoencoders" / "faces"
    assert LatentDiffusionModel.load(ldm).info.autoencoder_digest == digest_folder(autoencoder)
    run(export_model("faces", "faces"), tmp_path / "data", {"params:compute": compute})
    pipeline = DiffusionPipeline.from_pretrained(tmp_path / "data" / "exports" / "faces", local_files_only=True)
    assert type(pipeline).__name__ == "LDMPipeline"


def test_an_import_can_be_repeated(faces: Checkpoint, compute: Compute) -> None:
    """As after a run that was stopped before its artefacts were published."""
    first = [digest_folder(path) for path in import_model(Import(**FACTS), compute)]
    assert [digest_folder(path) for path in import_model(Import(**FACTS), compute)] == first


def test_files_may_lie_elsewhere(faces: Checkpoint, compute: Compute, tmp_path: Path) -> None:
    shutil.move(faces.path.parent, tmp_path / "elsewhere")
    with pytest.raises(InputError, match="no such checkpoint file"):
        import_model(Import(**FACTS), compute)
    compute = compute.model_copy(update={"dataset_paths": {"faces": tmp_path / "elsewhere"}})
    assert import_model(Import(**FACTS), compute)[0].name == "faces"
    assert (tmp_path / FACTS["upstream"]).samefile(tmp_path / "elsewhere")  # where DVC looks


def test_a_first_stage_alone(compute: Compute, tmp_path: Path) -> None:
    oracle = load_oracle("ae_kl")
    folder = tmp_path / "raw" / "checkpoints" / "kl"
    folder.mkdir(parents=True)
    torch.save({"state_dict": oracle.state}, folder / "model.ckpt")
    (folder / "config.yaml").write_text(
        yaml.safe_dump({"model": {"target": "ldm.models.autoencoder.AutoencoderKL", "params": oracle.arguments}})
    )
    facts = {"name": "kl", "upstream": "x", "checkpoint": "model.ckpt"}
    entity = ImportedAutoencoder(**facts)
    run(
        create_for_autoencoder(entity),
        tmp_path / "data",
        {"params:imported_autoencoders.kl": entity, "params:compute": compute},
    )
    assert (tmp_path / "data" / "autoencoders" / "kl" / "diffusion_pytorch_model.safetensors").exists()
    with pytest.raises(InputError, match="is a first stage alone, not a model"):
        import_model(Import(**facts), compute)


def test_a_complete_model_is_not_imported_as_a_first_stage(faces: Checkpoint, compute: Compute) -> None:
    with pytest.raises(InputError, match="complete model; make it one of imports"):
        import_autoencoder(ImportedAutoencoder(**FACTS), compute)


def test_one_source_of_architecture() -> None:
    definition = {"first_stage": "identity", "latent_size": 8}
    with pytest.raises(ValidationError, match="definition stands instead of config"):
        Import(**FACTS, config="config.yaml", definition=definition)
