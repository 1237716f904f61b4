"""Draw a set of images from a trained model."""

from pathlib import Path
from typing import Any

from ldm_pipelines.autoencoders.first_stage import FirstStage
from ldm_pipelines.compute import Compute
from ldm_pipelines.diffusion.latent_classifier import LatentClassifierNetwork
from ldm_pipelines.diffusion.model import LatentDiffusionModel
from ldm_pipelines.digests import digest_folder
from ldm_pipelines.errors import InputError
from ldm_pipelines.sampling.conditions import ClassConditions, DatasetConditions
from ldm_pipelines.sampling.draw import Drawer
from ldm_pipelines.sampling.sample_set import SampleSetWriter
from ldm_pipelines.sampling.spec import Samples


def sample(
    spec: Samples,
    ldm_folder: Path,
    autoencoder_folder: Path,
    dataset_folder: Path,
    *,
    classifier_folder: Path | None = None,
    seed: int,
    workspace: Path,
    compute: Compute,
) -> Path:
    """Write ``spec.count`` images as PNGs and return their folder; see ``SampleSetWriter`` for what is in it.

    Conditions are balanced classes, or those of the dataset's images; models that are told nothing, or a class, don't
    read ``dataset_folder``. ``classifier_folder`` is the classifier that ``spec`` asks for. Images that are complete
    in ``workspace`` are not drawn again.

    Raises:
        InputError: the sampler, a guidance, the dataset or the first stage does not fit the model.
    """
    device = compute.torch_device()
    model = LatentDiffusionModel.load(ldm_folder).to(device)
    model.check_first_stage(autoencoder_folder)
    first_stage = FirstStage.load(autoencoder_folder).to(device)
    classifier = _load_classifier(spec, model, classifier_folder, device)
    draw = Drawer(model, first_stage, spec, seed, classifier)
    conditions = _conditions(spec, model, classifier, dataset_folder)

    images = SampleSetWriter(workspace, spec.name, spec.count)
    images.fill(lambda indices: draw(indices, conditions.labels[indices], conditions.raw(indices)), compute)
    conditions.save_grid(images.folder / "grid.png", images)
    info = spec.model_dump(mode="json", exclude={"upstream"}) | {
        "seed": seed,
        "classes": list(conditions.classes),
        "conditioning": model.info.conditioning,
        "n_params": sum(p.numel() for p in model.denoiser.parameters()),
        "ldm_digest": digest_folder(ldm_folder),
        "autoencoder_digest": model.info.autoencoder_digest,
        **_digests(conditions, classifier_folder),
    }
    return images.describe(conditions.labels, conditions.ids, info)


def _load_classifier(
    spec: Samples, model: LatentDiffusionModel, folder: Path | None, device: str
) -> LatentClassifierNetwork | None:
    if spec.classifier_guidance is None:
        return None
    if folder is None:
        raise InputError(f"samples.{spec.name}.classifier_guidance needs the folder of its classifier")
    classifier = LatentClassifierNetwork.load(folder).to(device)
    kind = model.conditioner.kind
    if kind not in ("class", "none"):
        raise InputError(
            f"samples.{spec.name}.classifier_guidance: the model {model.info.name!r} has {kind} conditioning; a class "
            "can guide class-conditional and unconditional models"
        )
    if kind == "class" and classifier.info.classes != model.info.classes:
        raise InputError(
            f"samples.{spec.name}.classifier_guidance: the classes of {classifier.info.name!r} are not those of the "
            f"model {model.info.name!r}"
        )
    return classifier


def _conditions(
    spec: Samples, model: LatentDiffusionModel, classifier: LatentClassifierNetwork | None, dataset_folder: Path
) -> ClassConditions | DatasetConditions:
    kind = model.conditioner.kind
    if kind == "class":
        return ClassConditions(kind, model.info.classes, spec.count)
    if kind == "none":
        return ClassConditions(kind, classifier.info.classes if classifier else (), spec.count)
    return DatasetConditions(model.conditioner, dataset_folder, spec.split, spec.count)


def _digests(conditions: ClassConditions | DatasetConditions, classifier_folder: Path | None) -> dict[str, Any]:
    digests: dict[str, Any] = {}
    if isinstance(conditions, DatasetConditions):
        digests["dataset_digest"] = conditions.dataset.digest
    if classifier_folder is not None:
        digests["classifier_digest"] = digest_folder(classifier_folder)
    return digests
