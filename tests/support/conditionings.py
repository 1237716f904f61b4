"""The conditionings that the project ships."""

from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter

from ldm_pipelines.diffusion.conditioning_spec import Conditioning

DEFINITIONS = Path(__file__).parents[2] / "conf" / "hydra" / "conditioning"
MINIATURE = ("mini_text", "mini_layout", "semantic_map", "low_res_bicubic", "low_res_bsr", "mini_inpainting")


def definition(name: str, **changes: Any) -> Any:
    """The parameters of a file in ``conf/hydra/conditioning``, with what a test cares about changed."""
    parameters = yaml.safe_load((DEFINITIONS / f"{name}.yaml").read_text())
    return TypeAdapter(Conditioning).validate_python(parameters | changes)
