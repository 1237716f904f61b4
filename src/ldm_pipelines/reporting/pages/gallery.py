"""The pictures that a study's stages left, with a title and a caption for people."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ldm_pipelines.reporting.pages.page import Picture
from ldm_pipelines.reporting.tables.provenance import guided_by, sampler_text

Parameters = Mapping[str, Any]
Entities = Mapping[str, Mapping[str, Parameters]]
"""The parameters of a study's entities by kind and name; kinds may be absent."""

TASKS = {
    "none": ("Unconditional", ""),
    "class": ("Class-conditional", ""),
    "text": ("Text-to-image", "caption"),
    "layout": ("Layout-to-image", "asked boxes"),
    "semantic": ("Semantic synthesis", "semantic map"),
    "low_res": ("Super-resolution", "low-resolution image"),
    "inpainting": ("Inpainting", "image with its hole hatched"),
}
"""By kind of conditioning: the task, and what its condition looks like."""
BASELINES = {
    "upsampled": "bicubic enlargement",
    "mean_fill": "holes filled with the mean colour",
    "nearest_fill": "holes filled with the nearest known pixels",
}
CHOSEN = "Not chosen by their looks."


def pictures(grids: Path, entities: Entities) -> Iterator[Picture]:
    """The pictures ``grids/KIND/NAME.png`` that there are, of these entities alone: other studies' stay out."""
    for name, samples in entities.get("samples", {}).items():
        yield from _existing(grids / "samples" / f"{name}.png", *_of_samples(name, samples, entities))
    for name, baseline in entities.get("baselines", {}).items():
        yield from _existing(grids / "samples" / f"{name}.png", *_of_baseline(name, baseline, entities))
    for name in entities.get("autoencoders", {}):
        caption = f"Unseen images above, their reconstructions by {name!r} below."
        yield from _existing(
            grids / "autoencoders" / f"{name}.png",
            f"First stage: {name}",
            caption,
            "images above their reconstructions",
        )


def task(conditioning: Parameters) -> str:
    """The name of the task, with the factor of super-resolution where it is known."""
    kind, degradation = conditioning.get("kind"), conditioning.get("degradation") or {}
    title = TASKS[kind][0] if kind in TASKS else "Samples"
    if kind != "low_res" or "factor" not in degradation:
        return title
    light = " after the light BSR degradation" if degradation.get("kind") == "bsr_light" else ""
    return f"{title} ×{degradation['factor']}{light}"


def _of_samples(name: str, samples: Parameters, entities: Entities) -> tuple[str, str, str]:
    """Title, caption and description."""
    conditioning = _conditioning(samples, entities)
    kind = str(conditioning.get("kind", ""))
    classes = kind == "class" or bool(samples.get("classifier_guidance"))
    rows, alt = _columns() if classes else _rows(kind, samples, "sample")
    how = ", ".join(filter(None, [sampler_text(samples.get("sampler")), *_guidance(samples)]))
    return f"{task(conditioning)}: {name}", " ".join(filter(None, [rows, f"{how}." if how else "", CHOSEN])), alt


def _of_baseline(name: str, baseline: Parameters, entities: Entities) -> tuple[str, str, str]:
    conditioning = _conditioning(baseline, entities)
    kind = str(conditioning.get("kind", ""))
    rows, alt = _rows(kind, baseline, BASELINES.get(str(baseline.get("kind")), "made without a model"))
    return f"{task(conditioning)}, without a model: {name}", " ".join(filter(None, [rows, CHOSEN])), alt


def _columns() -> tuple[str, str]:
    return "One column per class, the first images of each.", "grid of generated images, one column per class"


def _rows(kind: str, samples: Parameters, made: str) -> tuple[str, str]:
    """What the rows of a picture are, and the same for someone who can't see it; nothing where there is no order."""
    condition = TASKS[kind][1] if kind in TASKS else ""
    if not condition:
        return "", "sheet of generated images"
    where = f"{samples.get('split', 'unseen')} images of {samples.get('dataset', 'the dataset')}"
    return f"Rows: {condition} | {made} | truth ({where}).", f"rows of {condition}, {made} and true image"


def _conditioning(samples: Parameters, entities: Entities) -> Parameters:
    """Of the model; empty for imported ones, whose parameters do not tell."""
    model = entities.get("ldms", {}).get(str(samples.get("ldm")), {})
    conditioning: Parameters = model.get("conditioning") or {}
    return conditioning


def _guidance(samples: Parameters) -> Iterator[str]:
    if samples.get("guidance_scale", 1) != 1:
        yield f"guidance scale {samples['guidance_scale']:g}"
    yield from guided_by(samples)


def _existing(path: Path, title: str, caption: str, alt: str) -> Iterator[Picture]:
    """Several pictures may be described alike: the name tells them apart."""
    if path.exists():
        yield Picture(path, title, caption, f"{path.stem}: {alt}")
