"""What every test shares: one thread, no telemetry, the oracles of the original implementation."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["DO_NOT_TRACK"] = "1"
os.environ["LDM_OFFLINE"] = "1"
os.environ["TORCH_HOME"] = "/nonexistent"  # what this machine happens to keep must not decide a test
os.environ.pop("LDM_WEIGHTS_DIR", None)

FIXTURES = Path(__file__).parent / "fixtures" / "compvis"


@pytest.fixture(scope="session")
def oracle() -> Any:
    """``oracle(name)``: the tensors of a fixture of the original implementation, and its description."""

    def load(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
        from safetensors.torch import load_file

        return load_file(FIXTURES / f"{name}.safetensors"), json.loads((FIXTURES / f"{name}.json").read_text())

    return load


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    folder.mkdir()
    return folder


@pytest.fixture
def cache_folder(tmp_path: Path) -> Path:
    """A small latent cache of ten classes."""
    from support.latent_caches import write_cache

    write_cache(tmp_path / "cache")
    return tmp_path / "cache"
