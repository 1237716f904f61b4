"""Notebooks as a reader runs them: from the top, in a kernel of their own, beside a project's data."""

import pytest
from support.clone import PROJECT, Clone

NOTEBOOKS = sorted((PROJECT / "notebooks").glob("*.ipynb"))


def execute(clone: Clone, name: str) -> list[str]:
    """Run a notebook of the clone; what its cells printed, and ``<picture>`` for each plot.

    Fails with the cell's error where one raises.
    """
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient", reason="notebooks need nbclient and ipykernel: install the dev extra")
    pytest.importorskip("ipykernel", reason="notebooks need nbclient and ipykernel: install the dev extra")
    folder = clone.root / "notebooks"
    notebook = nbformat.read(folder / name, as_version=4)
    client = nbclient.NotebookClient(notebook, timeout=500, resources={"metadata": {"path": str(folder)}})
    client.execute(env=clone.environment)
    found = []
    for output in (output for cell in notebook.cells for output in cell.get("outputs", ())):
        if output.output_type == "stream" and output.name == "stdout":
            found.append(output.text)
        elif "image/png" in output.get("data", {}):
            found.append("<picture>")
        elif "text/plain" in output.get("data", {}):
            found.append(output.data["text/plain"])
    return found
