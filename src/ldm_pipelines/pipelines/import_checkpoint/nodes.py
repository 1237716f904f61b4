"""Models of the original code."""

from pathlib import Path

from ldm_pipelines.compute import Compute
from ldm_pipelines.errors import InputError
from ldm_pipelines.interop.spec import Import, ImportedAutoencoder
from ldm_pipelines.pipelines.raw_links import link_checkpoints
from ldm_pipelines.pipelines.workspace import empty_workspace_for


def import_model(import_: Import, compute: Compute) -> tuple[Path, Path]:
    """The model's folder, and its first stage's."""
    from ldm_pipelines.interop.importing import import_checkpoint

    files = link_checkpoints(import_.name, compute)
    imported = import_checkpoint(
        files / import_.checkpoint,
        _workspace(import_, compute),
        name=import_.name,
        config=files / import_.config if import_.config else None,
        definition=import_.definition,
        conditioning=import_.conditioning,
        first_stage=files / import_.first_stage if import_.first_stage else None,
        ema=import_.ema,
        classes=import_.classes,
        null_class=import_.null_class,
        dataset=import_.dataset,
        sha256=import_.sha256,
    )
    if imported.ldm is None:
        raise InputError(f"imports.{import_.name}: {import_.checkpoint} is a first stage alone, not a model")
    return imported.ldm, imported.autoencoder


def import_autoencoder(import_: ImportedAutoencoder, compute: Compute) -> Path:
    """The first stage's folder."""
    from ldm_pipelines.interop.importing import import_checkpoint

    files = link_checkpoints(import_.name, compute)
    imported = import_checkpoint(
        files / import_.checkpoint,
        _workspace(import_, compute),
        name=import_.name,
        config=files / import_.config if import_.config else None,
        definition=import_.definition,
        ema=import_.ema,
        sha256=import_.sha256,
    )
    if imported.ldm is not None:
        raise InputError(
            f"imported_autoencoders.{import_.name}: {import_.checkpoint} is a complete model; make it one of imports"
        )
    return imported.autoencoder


def refuse_without_imports(study: str) -> None:
    """``import_checkpoint`` where there is nothing to import.

    Raises:
        InputError: always; says how an import is written.
    """
    raise InputError(
        f"the study {study!r} imports no checkpoint. Put the files into data/01_raw/checkpoints/NAME, then add to "
        f"conf/hydra/study/{study}.yaml\n\n"
        "  defaults:\n"
        "    - /import@imports.NAME: original\n"
        "  imports:\n"
        "    NAME: {upstream: data/01_raw/checkpoints/NAME, checkpoint: model.ckpt, dataset: DATASET}\n\n"
        f"run `kedro compose study={study}` and try again; docs/tasks.md has a whole study"
    )


def _workspace(import_: Import | ImportedAutoencoder, compute: Compute) -> Path:
    """An empty one: an import that was stopped begins again."""
    return empty_workspace_for("import_checkpoint", import_, 0, compute)
