import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from support.originals import FIXTURES, Checkpoint, Oracle, load_oracle, tiny_config

torch.set_num_threads(1)
torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False


@pytest.fixture(scope="session")
def original() -> Callable[[str], Oracle]:
    """``original(name)``: a fixture, its weights in float32."""
    return load_oracle


@pytest.fixture(scope="session")
def released() -> Any:
    """``released(component)``: per released configuration (class, arguments, {name: shape})."""
    keys = json.loads(gzip.decompress((FIXTURES / "released_keys.json.gz").read_bytes()))
    arguments = json.loads((FIXTURES / "released_arguments.json").read_text())

    def component(name: str) -> dict[str, tuple[str, dict[str, Any], dict[str, list[int]]]]:
        return {
            key: (about["original_class"], about["arguments"], keys[name][key])
            for key, about in arguments[name].items()
        }

    return component


@pytest.fixture(scope="session")
def prefixes() -> dict[str, Any]:
    """What complete released checkpoints hold."""
    found: dict[str, Any] = json.loads((FIXTURES / "prefixes.json").read_text())
    return found


@pytest.fixture
def checkpoint(tmp_path: Path) -> Checkpoint:
    """The complete tiny model as a ``.ckpt`` with its configuration beside it."""
    files = Checkpoint(tmp_path / "tiny.ckpt", tiny_config(), load_oracle("ldm_checkpoint_tiny"))
    files.rewrite()
    return files
