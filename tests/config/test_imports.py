"""Models from elsewhere in a study: the one that docs/tasks.md prints, and studies without any."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner
from support.parameters import set_at

from ldm_pipelines.cli import _link_raw_data
from ldm_pipelines.config.compose import compose
from ldm_pipelines.config.study import Study, read_study
from ldm_pipelines.errors import InputError
from ldm_pipelines.pipeline_registry import pipelines_of

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The documented study, composed."""
    section = (PROJECT / "docs" / "tasks.md").read_text().split("## Models from elsewhere")[1]
    snippet = re.search(r"```yaml\n(.*?)```", section, flags=re.DOTALL)
    assert snippet
    project = tmp_path_factory.mktemp("project")
    shutil.copytree(PROJECT / "conf" / "hydra", project / "conf" / "hydra")
    (project / "conf" / "hydra" / "study" / "released.yaml").write_text(snippet[1])
    composed: dict[str, Any] = yaml.safe_load(compose(project, ["study=released"]))
    return composed


@pytest.fixture(scope="module")
def without_imports() -> Study:
    return read_study(yaml.safe_load(compose(PROJECT, ["study=smoke"])), "smoke")


def nodes_of(pipeline: Any) -> set[str]:
    return {node.name for node in pipeline.nodes}


def test_the_documented_import_is_sampled_and_evaluated(released: dict[str, Any]) -> None:
    study = read_study(released, "released")
    assert not study.ldms
    samples = study.samples["cin256"]
    assert (samples.ldm, samples.autoencoder, samples.dataset) == ("cin256", "cin256", "imagenet")
    assert samples.upstream == "data/06_models/ldms/cin256/config.json"
    assert study.evaluations["cin256"].dataset == "imagenet"
    assert nodes_of(pipelines_of(study)["__default__"]) >= {
        "prepare_data.imagenet",
        "import_checkpoint.cin256",
        "sample.cin256",
        "evaluate_samples.cin256",
        "tables.table_03",
    }


def test_a_selected_import_is_imported_instead_of_trained(released: dict[str, Any]) -> None:
    registry = pipelines_of(read_study(released, "released"))
    assert nodes_of(registry["train_ldm"]) == {"import_checkpoint.cin256"}


def test_a_selected_model_must_be_trained_or_imported(released: dict[str, Any]) -> None:
    broken = released | {"selected": {"ldm": "cin265", "table": "table_03"}}
    with pytest.raises(InputError, match=r"selected\.ldm: no ldms or imports named 'cin265'; did you mean 'cin256'"):
        read_study(broken, "released")


def test_importing_without_imports_says_how_to_write_one(without_imports: Study) -> None:
    pipeline = pipelines_of(without_imports)["import_checkpoint"]
    catalog = DataCatalog({"params:study": MemoryDataset("smoke")})
    with pytest.raises(InputError, match=r"(?s)'smoke' imports no checkpoint.*/import@imports\.NAME: original"):
        SequentialRunner().run(pipeline, catalog)


def test_the_hint_is_part_of_nothing_else(without_imports: Study, released: dict[str, Any]) -> None:
    registry = pipelines_of(without_imports)
    assert [name for name, pipeline in registry.items() if "no_imports" in nodes_of(pipeline)] == ["import_checkpoint"]
    imports = pipelines_of(read_study(released, "released"))["import_checkpoint"]
    assert nodes_of(imports) == {"import_checkpoint.cin256"}


def test_export_model_exports_every_model(without_imports: Study, released: dict[str, Any]) -> None:
    exports = nodes_of(pipelines_of(without_imports)["export_model"])
    assert exports == {f"export_model.{name}" for name in without_imports.ldms}
    assert nodes_of(pipelines_of(read_study(released, "released"))["export_model"]) == {"export_model.cin256"}


def test_compose_links_checkpoints_that_lie_elsewhere_to_where_dvc_watches_them(
    released: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(released))
    (tmp_path / "conf" / "local").mkdir(parents=True)
    places = {"cin256": str(tmp_path / "elsewhere"), "imagenet": str(tmp_path / "gone")}
    (tmp_path / "conf" / "local" / "compute.yml").write_text(yaml.safe_dump({"dataset_paths": places}))
    (tmp_path / "elsewhere").mkdir()
    _link_raw_data(tmp_path)
    assert (tmp_path / released["imports"]["cin256"]["upstream"]).samefile(tmp_path / "elsewhere")
    assert "dataset_paths.imagenet:" in capsys.readouterr().err
    released = set_at(released, "imports.cin256.upstream", "data/01_raw/checkpoints/cin")
    with pytest.raises(InputError, match=r"imports\.cin256\.upstream must be 'data/01_raw/checkpoints/cin256'"):
        read_study(released, "params.yaml")
