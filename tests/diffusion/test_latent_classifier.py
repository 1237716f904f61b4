"""The classifier on noisy latents: it learns, is found again on disk, and guides sampling."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from support.latent_caches import write_cache
from support.tiny_models import COMPUTE, SCHEDULE, UNET, samples, write_first_stage, write_model, write_scenes

from ldm_pipelines.diffusion.latent_classifier import LatentClassifierNetwork
from ldm_pipelines.diffusion.latent_classifier_spec import LatentClassifier
from ldm_pipelines.diffusion.model import LatentDiffusionModel
from ldm_pipelines.diffusion.train_latent_classifier import train_latent_classifier
from ldm_pipelines.digests import digest_folder
from ldm_pipelines.errors import InputError
from ldm_pipelines.latents.cache import read_index, shard_path, write_index
from ldm_pipelines.sampling.sample import sample


def classifier(steps: int = 12, **changes: Any) -> LatentClassifier:
    return LatentClassifier.model_validate(
        {
            "name": "noisy", "latent": "cache", "unet": {**UNET, "transformer_depth": 0},
            "schedule": SCHEDULE.model_dump(),
            "training": {"steps": steps, "batch_size": 16, "learning_rate": 3e-3, "weight_decay": 0.01},
        }
        | changes
    )  # fmt: skip


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def give_classes_a_pattern(cache: Path) -> None:
    """Replaces the latents' means by a pattern per class and a little noise."""
    rng = np.random.default_rng(0)
    patterns = rng.normal(size=(10, 3, 8, 8))
    for shard, rows in read_index(cache / "index.parquet").groupby("shard"):
        moments = np.load(shard_path(cache, shard))
        labels = rows["label"].to_numpy()
        moments[:, :3] = 0.6 * patterns[labels] + 0.3 * rng.normal(size=(len(labels), 3, 8, 8))
        np.save(shard_path(cache, shard), moments)


def test_it_learns_and_is_the_better_the_less_noise_there_is(tmp_path: Path) -> None:
    write_cache(tmp_path / "cache", count=400)
    give_classes_a_pattern(tmp_path / "cache")
    folder = train_latent_classifier(
        classifier(steps=110), tmp_path / "cache", seed=0, workspace=tmp_path / "w", compute=COMPUTE
    )
    metrics = json.loads((folder / "metrics.json").read_text())
    by_noise = [metrics[f"accuracy_t{t}"] for t in (0, 250, 500, 750)]
    assert by_noise[0] > 0.5  # chance is 0.1
    assert by_noise[0] >= by_noise[1] > by_noise[2] > by_noise[3]
    assert metrics["accuracy"] == pytest.approx(np.mean(by_noise), abs=1e-5)
    curves = pd.read_csv(folder / "curves.csv")
    assert curves["val_loss"].dropna().iloc[-1] < curves["val_loss"].dropna().iloc[0]


def test_the_same_command_gives_the_same_bytes_whatever_the_batch_of_the_measurement(
    cache_folder: Path, tmp_path: Path
) -> None:
    made = []
    for number, batch in enumerate((3, 16)):
        compute = COMPUTE.model_copy(update={"inference_batch_size": batch})
        workspace = tmp_path / str(number)
        made.append(
            contents(train_latent_classifier(classifier(), cache_folder, seed=1, workspace=workspace, compute=compute))
        )
    assert made[0] == made[1]


def test_what_was_saved_is_what_is_loaded(cache_folder: Path, tmp_path: Path) -> None:
    folder = train_latent_classifier(classifier(), cache_folder, seed=0, workspace=tmp_path, compute=COMPUTE)
    network = LatentClassifierNetwork.load(folder)
    z, t = torch.randn(2, 3, 8, 8), torch.tensor([3, 700])
    network.save(tmp_path)
    again = LatentClassifierNetwork.load(tmp_path)
    torch.testing.assert_close(again(z, t), network(z, t), rtol=0, atol=0)
    assert network(z, t).shape == (2, 10)
    torch.testing.assert_close(network(z[:1], torch.tensor(3)), network(z, t)[:1], rtol=0, atol=1e-5)
    with pytest.raises(InputError, match="is not a finished latent classifier"):
        LatentClassifierNetwork.load(tmp_path / "nothing")


def test_images_without_a_class_are_refused(cache_folder: Path, tmp_path: Path) -> None:
    index = read_index(cache_folder / "index.parquet")
    index.loc[3, "label"] = -1
    write_index(index, cache_folder / "index.parquet")
    with pytest.raises(InputError, match="10 classes and 1 images without one"):
        train_latent_classifier(classifier(), cache_folder, seed=0, workspace=tmp_path, compute=COMPUTE)


def test_tokens_have_no_place_in_a_classifier() -> None:
    with pytest.raises(ValueError, match="there are no tokens: 0"):
        classifier(unet={**UNET, "transformer_depth": 1})


class Guided:
    """A classifier and models on the same latents."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.dataset, self.first_stage = write_scenes(folder / "scenes"), write_first_stage(folder / "kl")
        write_cache(folder / "cache", count=200)
        info = json.loads((folder / "cache/cache.json").read_text())
        info["autoencoder"]["digest"] = digest_folder(self.first_stage)
        (folder / "cache/cache.json").write_text(json.dumps(info))
        self.classifier = train_latent_classifier(
            classifier(steps=60), folder / "cache", seed=0, workspace=folder / "c", compute=COMPUTE
        )

    def sample(
        self, kind: str, workspace: Path, *, classifier: Path | None = None, batch: int = 4, **changes: Any
    ) -> Path:
        model = self.folder / kind
        if not model.exists():
            write_model(model, kind, self.dataset, self.first_stage)
        guidance = {"classifier_guidance": {"classifier": "noisy", "scale": 20.0}}
        return sample(
            samples(**guidance | changes), model, self.first_stage, self.dataset,
            classifier_folder=classifier or self.classifier, seed=0, workspace=workspace,
            compute=COMPUTE.model_copy(update={"inference_batch_size": batch}),
        )  # fmt: skip


@pytest.fixture(scope="module")
def guided(tmp_path_factory: pytest.TempPathFactory) -> Guided:
    return Guided(tmp_path_factory.mktemp("guided"))


def images(folder: Path) -> np.ndarray:
    return np.stack([np.asarray(Image.open(p)) for p in sorted((folder / "images").iterdir())]).astype(int)


@pytest.mark.parametrize("kind", ["none", "class"])
def test_it_guides_models_with_and_without_classes_in_any_batch(guided: Guided, kind: str, tmp_path: Path) -> None:
    folder = guided.sample(kind, tmp_path / "4")
    info = json.loads((folder / "samples.json").read_text())
    assert pd.read_parquet(folder / "samples.parquet")["label"].tolist() == list(range(6))
    assert info["classes"] == list("0123456789")
    assert info["classifier_digest"] == digest_folder(guided.classifier)
    unguided = guided.sample(kind, tmp_path / "0", classifier_guidance=None)
    assert (images(folder) != images(unguided)).mean() > 0.5
    assert np.abs(images(guided.sample(kind, tmp_path / "1", batch=1)) - images(folder)).max() <= 1


def test_a_classifier_of_other_latents_or_another_schedule_is_refused(
    guided: Guided, cache_folder: Path, tmp_path: Path
) -> None:
    other = train_latent_classifier(classifier(), cache_folder, seed=0, workspace=tmp_path / "a", compute=COMPUTE)
    with pytest.raises(InputError, match="was trained on other latents than 'tiny'"):
        guided.sample("none", tmp_path / "s", classifier=other)
    spec = classifier(schedule={"timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012})
    cache = guided.folder / "cache"
    other = train_latent_classifier(spec, cache, seed=0, workspace=tmp_path / "b", compute=COMPUTE)
    with pytest.raises(InputError, match="schedule is not that of 'tiny'"):
        guided.sample("none", tmp_path / "s", classifier=other)


def test_a_class_cannot_guide_a_model_that_is_told_something_else(guided: Guided, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has semantic conditioning; a class can guide"):
        guided.sample("semantic_map", tmp_path)


def test_classes_of_another_kind_are_refused(guided: Guided, tmp_path: Path) -> None:
    guided.sample("class", tmp_path / "s")
    model = LatentDiffusionModel.load(guided.folder / "class")
    model.info = model.info.model_copy(update={"classes": tuple("abcdefghij")})
    model.save(guided.folder / "letters")
    with pytest.raises(InputError, match="are not those of the model"):
        guided.sample("letters", tmp_path / "t")
