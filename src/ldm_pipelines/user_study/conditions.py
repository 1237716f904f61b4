"""What people are shown as the condition: the low-resolution image, or the image with its hole hatched."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from ldm_pipelines.data.degradations import degrade
from ldm_pipelines.data.masks import draw_mask
from ldm_pipelines.data.randomness import image_generator
from ldm_pipelines.data.spec import Degradation, Masks
from ldm_pipelines.diffusion.conditioners.pictures import hatched
from ldm_pipelines.errors import InputError
from ldm_pipelines.evaluation.images.sample_sets import SampleInfo
from ldm_pipelines.user_study.spec import CONDITIONS

Pixels = NDArray[np.uint8]
Draw = Callable[[Pixels, str], Pixels]
"""From a true image (s, s, 3) and its id to the condition that the samples have; low-resolution images are small."""


def condition_of(info: SampleInfo) -> dict[str, Any]:
    """Kind and parameters of a sample set's conditions.

    Raises:
        InputError: the conditions are of another kind, or the file does not say how they are made.
    """
    kind = info.condition_kind
    if kind not in CONDITIONS:
        raise InputError(
            f"samples {info.name!r} have {kind or 'unknown'} conditions; a user study shows "
            f"{' or '.join(CONDITIONS)} ones"
        )
    parameters = (info.conditioning or {}).get(CONDITIONS[kind])
    try:
        checked = Degradation.model_validate(parameters) if kind == "low_res" else Masks.model_validate(parameters)
    except ValidationError as error:
        raise InputError(
            f"samples {info.name!r}: samples.json does not say how the conditions were made "
            f"(conditioning.{CONDITIONS[kind]}); sample the set again"
        ) from error
    return {"kind": kind, "parameters": checked.model_dump(mode="json")}


def drawer(condition: dict[str, Any]) -> Draw:
    """Draws conditions as the sampling stage did: every image's is fixed by its id."""
    if condition["kind"] == "low_res":
        degradation = Degradation.model_validate(condition["parameters"])
        return lambda image, name: degrade(image, degradation, image_generator("low_res", name))
    masks = Masks.model_validate(condition["parameters"])
    return lambda image, name: hatched(image, draw_mask(len(image), masks, image_generator("mask", name)))
