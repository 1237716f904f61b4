"""The gallery and the key figures of a study's report."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ldm_pipelines.reporting.pages.gallery import pictures
from ldm_pipelines.reporting.pages.targets import aims, read_metrics
from ldm_pipelines.reporting.results import Result

SUPER_RESOLUTION = {"kind": "low_res", "degradation": {"kind": "bicubic", "factor": 4}}
INPAINTING = {"kind": "inpainting", "masks": {}}
DDIM = {"kind": "ddim", "steps": 50, "eta": 1.0}
CONDITIONS = {"dataset": "scenes", "split": "test", "sampler": DDIM}
ENTITIES: dict[str, dict[str, dict[str, Any]]] = {
    "ldms": {
        "digits": {"conditioning": {"kind": "class"}},
        "free": {"conditioning": {"kind": "none"}},
        "text": {"conditioning": {"kind": "text"}},
        "upscaler": {"conditioning": SUPER_RESOLUTION},
        "painter": {"conditioning": INPAINTING},
    },
    "samples": {
        "digits_class": {"ldm": "digits", "sampler": DDIM, "guidance_scale": 1.0},
        "free": {"ldm": "free", "sampler": {"kind": "dpm_solver", "steps": 20, "order": 3}},
        "towards": {"ldm": "free", "sampler": DDIM, "classifier_guidance": {"classifier": "noisy", "scale": 2.0}},
        "scenes_text": {"ldm": "text", "guidance_scale": 3.0, **CONDITIONS},
        "sharp": {"ldm": "upscaler", "image_guidance": {"scale": 1.0}, **CONDITIONS},
        "imported": {"ldm": "from_a_file", **CONDITIONS},
        "not_drawn_yet": {"ldm": "digits", "sampler": DDIM},
    },
    "baselines": {"nearest": {"ldm": "painter", "kind": "nearest_fill", "dataset": "photos", "split": "test"}},
    "autoencoders": {"kl_f4": {}},
    "evaluations": {
        name: {"suite": suite}
        for name, suite in (("captions", "obedience/text"), ("upscaled", "restored"), ("bicubic", "restored"))
    },
}


@pytest.fixture
def grids(tmp_path: Path) -> Path:
    names = [*ENTITIES["samples"], *ENTITIES["baselines"], "of_another_study"]
    for kind, present in (("samples", names), ("autoencoders", ["kl_f4"])):
        (tmp_path / "grids" / kind).mkdir(parents=True)
        for name in set(present) - {"not_drawn_yet"}:
            Image.fromarray(np.zeros((6, 9, 3), np.uint8)).save(tmp_path / "grids" / kind / f"{name}.png")
    return tmp_path / "grids"


def stored(name: str, metrics: dict[str, float], **subject: Any) -> dict[str, Any]:
    reference = {"dataset": "photos", "split": "test", "count": 400, "digest": "ab" * 32}
    network = {"name": "turns", "kind": "rotation", "digest": "5e" * 32}
    provenance = {"feature_network": network, "reference": reference, "samples": {"name": name, **subject}}
    return {"kind": "samples", "name": name, "metrics": metrics, "provenance": provenance}


def result(name: str, metrics: dict[str, float], **subject: Any) -> Result:
    return Result.model_validate(stored(name, metrics, **subject))


def restored(name: str, psim: float, conditioning: dict[str, Any] = SUPER_RESOLUTION, **subject: Any) -> Result:
    facts = {"dataset": "photos", "split": "test", "conditioning": conditioning}
    return result(name, {"psim": psim, "fid": psim * 10}, **facts, **subject)


def test_every_picture_of_the_study_has_a_title_and_says_what_its_rows_are(grids: Path) -> None:
    shown = {picture.title: picture for picture in pictures(grids, ENTITIES)}
    assert set(shown) == {
        "Class-conditional: digits_class",
        "Unconditional: free",
        "Unconditional: towards",
        "Text-to-image: scenes_text",
        "Super-resolution ×4: sharp",
        "Samples: imported",
        "Inpainting, without a model: nearest",
        "First stage: kl_f4",
    }
    captions = {title: picture.caption for title, picture in shown.items()}
    assert captions["Text-to-image: scenes_text"] == (
        "Rows: caption | sample | truth (test images of scenes). DDIM 50 steps, eta 1.0, guidance scale 3. "
        "Not chosen by their looks."
    )
    assert captions["Class-conditional: digits_class"].startswith("One column per class")
    assert captions["Unconditional: free"] == "DPM-Solver++ 20 steps, order 3. Not chosen by their looks."
    assert "guided by the classifier 'noisy', scale 2" in captions["Unconditional: towards"]
    assert "One column per class" in captions["Unconditional: towards"]
    assert "guided by the low-resolution image, scale 1" in captions["Super-resolution ×4: sharp"]
    nearest = shown["Inpainting, without a model: nearest"]
    assert "image with its hole hatched | holes filled with the nearest known pixels | truth" in nearest.caption
    assert nearest.alt == (
        "nearest: rows of image with its hole hatched, holes filled with the nearest known pixels and true image"
    )
    assert len({picture.alt for picture in shown.values()}) == len(shown)
    assert "Rows" not in captions["Samples: imported"]


def test_kinds_of_entities_that_a_study_does_not_have_may_be_absent(grids: Path) -> None:
    assert not list(pictures(grids, {}))
    (picture,) = pictures(grids, {"samples": {"digits_class": {"ldm": "digits", "sampler": DDIM}}})
    assert picture.title == "Samples: digits_class"


@pytest.mark.parametrize(("value", "met"), [(0.8, True), (0.79, False)])
def test_obedience_stands_beside_its_ceiling_and_its_target(value: float, met: bool) -> None:
    metrics = {"caption_accuracy": value, "caption_accuracy_of_truth": 0.995, "fid": 1.0}
    (aim,) = aims([result("captions", metrics, conditioning={"kind": "text"})])
    assert (aim.task, aim.model, aim.measure) == ("Text-to-image", "captions", "captions entirely right")
    assert (aim.value, aim.bound, aim.met) == (f"{value:.3f}", "0.8 or more; true images 0.995", met)


def test_restored_images_stand_beside_the_best_that_needs_no_model() -> None:
    results = [
        restored("painted", 0.03, INPAINTING),
        restored("mean", 0.05, INPAINTING, kind="mean_fill"),
        restored("nearest", 0.02, INPAINTING, kind="nearest_fill"),
        restored("upscaled", 0.0123),
        restored("bicubic", 0.0456, kind="upsampled"),
    ]
    best_fill = "(holes filled with the nearest known pixels)"
    found = [(aim.task, aim.model, aim.measure, aim.value, aim.bound, aim.reached) for aim in aims(results)]
    assert found == [
        ("Inpainting", "painted", "perceptual distance", "0.03", f"below 0.02 {best_fill}", "no"),
        ("Inpainting", "painted", "FID", "0.3", f"below 0.2 {best_fill}", "no"),
        (
            "Super-resolution ×4",
            "upscaled",
            "perceptual distance",
            "0.0123",
            "below 0.0456 (bicubic enlargement)",
            "yes",
        ),
        ("Super-resolution ×4", "upscaled", "FID", "0.123", "below 0.456 (bicubic enlargement)", "yes"),
    ]


@pytest.mark.parametrize(
    ("value", "ends", "reached"),
    [
        (0.192, (0.182, 0.201), "yes, within the error"),
        (0.2, (0.19, 0.21), "no, within the error"),
        (0.17, (0.16, 0.18), "yes"),
        (0.34, (0.326, 0.354), "no"),
    ],
)
def test_an_aim_whose_intervals_overlap_is_within_the_error(
    value: float, ends: tuple[float, float], reached: str
) -> None:
    def measured(made: Result, interval: tuple[float, float]) -> Result:
        return made.model_copy(update={"details": {"intervals": {"psim": interval}}})

    rival = measured(restored("bicubic", 0.198, kind="upsampled"), (0.186, 0.210))
    distance, _ = aims([measured(restored("upscaled", value), ends), rival])
    assert distance.reached == reached


def test_samples_are_judged_once_however_many_references_they_are_compared_with() -> None:
    rival = restored("bicubic", 0.05, kind="upsampled")
    once = restored("upscaled", 0.01)
    twice = [once, once.model_copy(update={"name": "upscaled_train"})]
    assert {aim.model for aim in aims([*twice, rival])} == {"upscaled"}


def test_images_of_other_conditions_or_networks_are_not_compared() -> None:
    light = {"kind": "low_res", "degradation": {"kind": "bsr_light", "factor": 4}}
    rival = restored("bicubic", 0.05, kind="upsampled")
    assert not list(aims([restored("light", 0.01, light), rival]))
    elsewhere = rival.model_copy(update={"provenance": rival.provenance | {"feature_network": {"name": "other"}}})
    assert not list(aims([restored("upscaled", 0.01), elsewhere]))


def test_changed_known_pixels_are_shown() -> None:
    painted = restored("painted", 0.03, INPAINTING)
    painted = painted.model_copy(update={"metrics": painted.metrics | {"known_pixels_changed": 0}})
    *_, last = aims([painted, restored("mean", 0.05, INPAINTING, kind="mean_fill")])
    assert (last.measure, last.value, last.met) == ("known pixels changed", "0", True)


def test_results_that_are_missing_or_malformed_have_no_figures(tmp_path: Path) -> None:
    (tmp_path / "restored").mkdir()
    (tmp_path / "restored/upscaled.json").write_text('{"kind": "samples"}')
    (tmp_path / "restored/bicubic.json").write_text("{")
    assert read_metrics(tmp_path, ENTITIES["evaluations"]) == []
