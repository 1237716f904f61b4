"""The smoke study, run once by DVC for all tests of this folder."""

import pytest
from support.clone import Clone, copy_project


@pytest.fixture(scope="session")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """The smoke study after ``dvc repro``, committed. Tests that change it put it back."""
    clone = copy_project(tmp_path_factory.mktemp("project") / "clone")
    clone.run("dvc", "repro")
    clone.run("git", "add", "-A")
    clone.run("git", "commit", "-qm", "results")
    return clone
