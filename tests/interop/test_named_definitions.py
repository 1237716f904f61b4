"""Our paper-size definitions and the original configuration files name the same models."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from support.originals import released_config
from support.paper_study import RELEASED, study

from ldm_pipelines.interop.original.config import read_config
from ldm_pipelines.interop.spec import Definition

NOT_IN_THE_FILES = {"conditioning": {"null_probability", "masks"}}


@pytest.mark.parametrize("ours", RELEASED)
def test_a_name_and_the_original_file_say_the_same(
    released: Any, prefixes: dict[str, Any], tmp_path: Path, ours: str
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(released_config(released, prefixes, RELEASED[ours])))
    read = read_config(path)
    paper = study()
    ldm = paper.ldms[ours]
    image_size = paper.datasets[ldm.dataset].image_size
    named = Definition.of(
        ldm, paper.autoencoders[ldm.autoencoder], image_size, read.condition_classes, read.scale_factor
    )
    assert named.model_dump(exclude=NOT_IN_THE_FILES) == read.model_dump(exclude=NOT_IN_THE_FILES)
