"""params.yaml: composed by Hydra, checked by the schema, overridden by --params."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from kedro.validation.type_extractor import TypeExtractor
from support.parameters import set_at

from ldm_pipelines.compute import Compute
from ldm_pipelines.config.compose import compose
from ldm_pipelines.config.loader import StudyConfigLoader, compute_of
from ldm_pipelines.config.study import REFERENCES, Study, read_study
from ldm_pipelines.errors import InputError
from ldm_pipelines.pipeline_registry import pipelines_of

PROJECT = Path(__file__).parents[2]
STUDIES = sorted(path.stem for path in (PROJECT / "conf" / "hydra" / "study").glob("*.yaml"))


@pytest.fixture(scope="module")
def parameters() -> dict[str, Any]:
    composed: dict[str, Any] = yaml.safe_load(compose(PROJECT, ["study=smoke"]))
    return composed


@pytest.mark.parametrize("study", STUDIES)
def test_every_study_composes_and_passes_the_schema(study: str) -> None:
    text = compose(PROJECT, [f"study={study}"])
    assert read_study(yaml.safe_load(text), study).study == study


def test_params_yaml_is_what_hydra_composes() -> None:
    assert (PROJECT / "params.yaml").read_text() == compose(PROJECT)


def test_every_reference_field_exists_in_its_model() -> None:
    study = read_study(yaml.safe_load(compose(PROJECT, ["study=smoke_tasks"])), "smoke_tasks")
    for kind, fields in REFERENCES.items():
        for entity in study.entities(kind).values():
            for field, targets in fields.items():
                assert any(getattr(entity, field) in study.entities(target) for target in targets)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("ldms.digits_class.training.learning_rat", 1, r"ldms\.digits_class\.training\.learning_rat: unknown key; did you mean 'learning_rate'"),
        ("datasets.digits.source.limt", 1, r"datasets\.digits\.source\.limt: unknown key; did you mean 'limit'"),
        ("ldmz", {}, "ldmz: unknown key; did you mean 'ldms'"),
        ("ldms.digits_class.latent", "digits_kl_f5", "no latents named 'digits_kl_f5'; did you mean 'digits_kl_f4'"),
        ("autoencoders.digits_kl_f4.dataset", "digit", "no datasets named 'digit'; did you mean 'digits'"),
        ("selected.ldm", "digits_clas", r"selected\.ldm: no ldms or imports named 'digits_clas'"),
        ("samples.digits_class.autoencoder", "digits_vq_f4", "must be 'digits_kl_f4', that of the latents 'digits_kl_f4'"),
        ("autoencoders.digits_vq_f4.regulariser", "kl", "codebook_size is a number for regulariser 'vq'"),
        ("datasets.digits.splits.train", 0.9, r"train \+ validation \+ test must be 1, not 1\.1"),
        ("ldms.digits_class.training.steps", 0, r"ldms\.digits_class\.training\.steps: .*greater than 0, not 0"),
        ("ldms.digits_class.training.batch_size", "???", r"no value for ldms\.digits_class\.training\.batch_size"),
        ("ldms.digits_class.denoiser.attention", [True], "one flag per entry of block_out_channels"),
        ("evaluations.digits_class.suite", "autoencoder_zoo", "is in suite 'autoencoder_zoo', not below 'class_conditional'"),
        ("tables.table_03.rows", [{"method": "LDM-4", "result": "digit_class"}], r"tables\.table_03\.rows\[0\]\.result: no evaluations or reconstructions named 'digit_class'; did you mean 'digits_class'"),
        ("tables.table_03.rows", [{"method": "LDM-4"}], r"tables\.table_03\.rows\.0: a row needs a result"),
        ("tables.table_03.rows", [{"method": "LDM-4", "result": "digits_class", "labl": "x"}], r"labl: unknown key; did you mean 'label'"),
        ("tables.table_03.rows", [{"method": "LDM-4", "throughput": "x"}], r"rows\[0\]\.throughput: no \w+ named 'x'"),
        ("tables.table_03.second_suite", "???", r"no value for tables\.table_03\.second_suite"),
        ("tables.table_12", {"kind": "settings", "suite": "hyperparameters", "second_suite": "hyperparameters", "columns": {"ffhq_256": "digit_class"}}, r"tables\.table_12\.columns\.ffhq_256: no ldms named 'digit_class'; did you mean 'digits_class'"),
        ("tables.table_16", {"kind": "block", "suite": "autoencoder_zoo", "second_suite": "autoencoder_zoo"}, r"tables\.table_16\.suite: what it shows is in suite 'hyperparameters', not below 'autoencoder_zoo'"),
        ("evaluations.digits_class.reference", "digit_train", "no references named 'digit_train'; did you mean 'digits_train'"),
        ("evaluations.digits_class.split", "test", "must be 'train', that of the reference 'digits_train'"),
        ("feature_networks.digits_classifier", {"kind": "psim_vgg", "upstrem": "-", "upstream": "-"}, r"upstrem: unknown key; did you mean 'upstream'"),
        ("feature_networks.digits_classifier", {"kind": "psim_vgg", "upstream": "-"}, "psim_vgg only measures; name a trained one or lpips"),
        ("datasets.digits.source.kind", "digitz", r"datasets\.digits\.source"),
        ("ldms.digits_class.conditioning.null_probability", 0.0, "'digits_class' never learnt its null condition"),
        ("ldms.digits_class.denoiser.transformer_depth", 0, "class conditioning needs cross-attention: 1"),
    ],
)  # fmt: skip
def test_a_broken_study_is_refused_with_the_key_and_the_near_miss(
    parameters: dict[str, Any], path: str, value: Any, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        read_study(set_at(parameters, path, value), "params.yaml")


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("ldms.scenes_semantic.conditioning.stages", 3, "stages = 3 shrinks maps by 8, the first stage 'scenes_kl_f4' images by 4"),
        ("ldms.photos_super_resolution.conditioning.degradation.factor", 6, "factor = 6 is no multiple of 4"),
        ("datasets.scenes.source", {"kind": "digits"}, "a source of kind 'digits' has no text conditions"),
        ("ldms.photos_inpainting.training.horizontal_flip", True, "mirrors the latent but not its inpainting condition"),
        ("samples.scenes_layout.image_guidance", {"scale": 1.0}, "needs a model of low_res conditioning"),
        ("samples.scenes_semantic.guidance_scale", 2.0, "semantic conditioning has no null condition"),
        ("samples.pixels_class.classifier_guidance.classifier", "pixels_nosy", "did you mean 'pixels_noisy'"),
        ("latent_classifiers.pixels_noisy.schedule.beta_end", 0.02, "'pixels_noisy' has another schedule than the model"),
        ("baselines.photos_bicubic.ldm", "photos_inpainting", "upsampled needs a model of low_res"),
    ],
)  # fmt: skip
def test_conditions_and_guidance_that_cannot_be_are_refused_before_training(
    path: str, value: Any, message: str
) -> None:
    parameters = yaml.safe_load(compose(PROJECT, ["study=smoke_tasks"]))
    with pytest.raises(InputError, match=message):
        read_study(set_at(parameters, path, value), "params.yaml")


def test_several_problems_are_told_at_once(parameters: dict[str, Any]) -> None:
    broken = set_at(parameters, "ldms.digits_class.training.steps", 0)
    broken = set_at(broken, "ldms.digits_class.training.lr", 1)
    with pytest.raises(InputError) as error:
        read_study(broken, "params.yaml")
    assert len(str(error.value).splitlines()) == 3


@pytest.mark.parametrize("override", ["study=smok", "ldms.digits_class.training.lr=1", "ldms.x.y=1", "a=[", "=3"])
def test_hydra_refuses_bad_overrides_in_one_message(override: str) -> None:
    with pytest.raises(InputError, match="conf/hydra"):
        compose(PROJECT, [override])


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for environment in ("base", "local"):
        (tmp_path / "conf" / environment).mkdir(parents=True)
    (tmp_path / "conf" / "base" / "compute.yml").write_text("num_threads: 1\n")
    (tmp_path / "params.yaml").write_text(compose(PROJECT, ["study=smoke"]))
    return tmp_path


def load(project: Path, runtime: dict[str, Any] | None = None) -> dict[str, Any]:
    loader = StudyConfigLoader(
        str(project / "conf"), base_env="base", default_run_env="local", runtime_params=runtime or {}
    )
    return loader["parameters"]


def test_parameters_are_the_study_and_entities_know_their_names(project: Path) -> None:
    parameters = load(project)
    assert parameters["study"] == "smoke"
    assert parameters["ldms"]["digits_class"]["name"] == "digits_class"
    assert Study.model_validate({k: v for k, v in parameters.items() if k not in ("compute", "evaluate")})


def test_a_runtime_parameter_changes_one_value_and_is_checked(project: Path) -> None:
    change = {"ldms": {"digits_class": {"training": {"learning_rate": "1e-4"}}}}
    assert load(project, change)["ldms"]["digits_class"]["training"]["learning_rate"] == 1e-4
    with pytest.raises(InputError, match=r"--params ldms\.digits_clas: no such parameter; did you mean 'digits_class'"):
        load(project, {"ldms": {"digits_clas": {"training": {"learning_rate": 1}}}})
    with pytest.raises(InputError, match="did you mean 'learning_rate'"):
        load(project, {"ldms": {"digits_class": {"training": {"learning_rat": 1}}}})
    with pytest.raises(InputError, match="Input should be greater than 0"):
        load(project, {"ldms": {"digits_class": {"training": {"learning_rate": -1}}}})


@pytest.mark.parametrize(
    "path",
    ["ldms.digits_class.latent", "samples.digits_class.ldm", "tables.table_03.suite", "figures.rate_distortion.points"],
)
def test_references_cannot_be_changed_at_run_time(project: Path, path: str) -> None:
    change: Any = "x"
    for part in reversed(path.split(".")):
        change = {part: change}
    with pytest.raises(InputError, match="references are part of the graph"):
        load(project, change)


def test_machine_facts_come_from_compute_yml_and_paths_are_the_projects(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "conf" / "local" / "compute.yml").write_text("inference_batch_size: 7\ndataset_paths: {pets: /else}\n")
    compute = load(project, {"compute": {"device": "cpu"}})["compute"]
    assert (compute["num_threads"], compute["inference_batch_size"], compute["device"]) == (1, 7, "cpu")
    assert compute["workspace"] == str(project / "data" / ".workspace")
    assert compute["dataset_paths"] == {"pets": "/else"}
    assert compute["weights_dir"] == str(project / "data" / "01_raw" / "weights")
    monkeypatch.setenv("LDM_WEIGHTS_DIR", "/weights")
    assert load(project)["compute"]["weights_dir"] == "/weights"
    assert load(project, {"compute": {"weights_dir": "/others"}})["compute"]["weights_dir"] == "/others"
    (project / "conf" / "local" / "compute.yml").write_text("num_thread: 2\n")
    with pytest.raises(InputError, match=r"conf/local/compute\.yml: num_thread: .*did you mean 'num_threads'"):
        load(project)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "is missing; write it with `kedro compose`"),
        ("a: [", "is not YAML"),
        ("", "no parameters"),
        ("- a", "must hold keys and values, not a list"),
        ("study: caf\xe9", "params.yaml is not YAML: 'utf-8' codec can't decode .*; write it with `kedro compose`"),
    ],
)
def test_a_missing_or_broken_params_yaml_says_what_to_do(project: Path, text: str | None, message: str) -> None:
    (project / "params.yaml").unlink()
    if text is not None:
        (project / "params.yaml").write_text(text, encoding="latin-1")
    with pytest.raises(InputError, match=message):
        load(project)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("device: [", "conf/local/compute.yml is not YAML: .* line 2"),
        ("- device", "conf/local/compute.yml must hold keys and values, not a list"),
        ("weights_dir: ${oc.env:X}", r"conf/local/compute.yml: weights_dir: '\${oc.env:X}' is not filled in here"),
        ("devices: 0\ndevice: gpu", r"compute.yml: device: .*not 'gpu'\n.*conf/local/compute.yml: devices: .*not 0"),
        ("{}", None),
        ("# nothing", None),
    ],
)
def test_a_mistake_in_compute_yml_is_one_error_with_file_and_key(project: Path, text: str, message: str | None) -> None:
    (project / "conf" / "local" / "compute.yml").write_text(text)
    if message is None:
        assert load(project)["compute"] == load(project, {"compute": {"num_threads": 1}})["compute"]
        return
    with pytest.raises(InputError, match=message):
        load(project)
    with pytest.raises(InputError, match=message):
        compute_of(project)


@pytest.mark.parametrize(
    ("compute", "message"),
    [
        ("gpu", "^--params compute: give its parts, for example compute.device=cpu"),
        ({"device": "gpu"}, "^--params compute.device: Input should be 'auto', 'cpu' or 'cuda', not 'gpu'$"),
    ],
)
def test_machine_facts_of_the_command_line_are_not_put_down_to_a_file(
    project: Path, compute: Any, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        load(project, {"compute": compute})


def test_what_no_compute_yml_says_is_what_the_code_says(project: Path) -> None:
    (project / "conf" / "base" / "compute.yml").unlink()
    assert compute_of(project) == Compute().under(project)
    assert not (PROJECT / "conf" / "base" / "compute.yml").exists()


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("samples.pixels_class.upstream", "data/06_models/ldms/pixels_class/config.json", "must be 'data/06_models/latent_classifiers/pixels_noisy' .the classifier that guides"),
        ("samples.scenes_layout.upstream", "README.md", "must be 'data/06_models/ldms/scenes_layout/config.json'"),
        ("datasets.photos.upstream", "README.md", "must be 'src/ldm_pipelines/preparation/sources/photos.py'"),
        ("feature_networks.digits_classifier.upstream", "data/03_primary/photos", "must be 'data/03_primary/digits'"),
    ],
)  # fmt: skip
def test_dvc_is_told_to_watch_what_is_read(path: str, value: str, message: str) -> None:
    parameters = yaml.safe_load(compose(PROJECT, ["study=smoke_tasks"]))
    with pytest.raises(InputError, match=rf"^params.yaml:\n  {path} {message}.*not '{value}'$"):
        read_study(set_at(parameters, path, value), "params.yaml")


@pytest.mark.parametrize(
    ("upstream", "right"),
    [
        ("data/01_raw/my_images", True),
        ("data/01_raw/my_images/list.csv", True),
        ("data/01_raw/my_images.md5", True),
        ("/disk/my_images/md5sums.txt", True),
        ("s3://bucket/list", True),
        ("data/01_raw/others", False),
        ("README.md", False),
    ],
)
def test_raw_data_may_be_watched_by_a_file_that_changes_with_them(upstream: str, right: bool) -> None:
    parameters = set_at(yaml.safe_load(compose(PROJECT, ["study=my_images"])), "datasets.my_images.upstream", upstream)
    if right:
        assert read_study(parameters, "params.yaml")
    else:
        with pytest.raises(InputError, match=r"datasets\.my_images\.upstream must be 'data/01_raw/my_images', where"):
            read_study(parameters, "params.yaml")


@pytest.mark.parametrize("name", ["tables", "verify", "train_ldm", "evaluate"])
def test_a_figure_may_not_be_called_as_a_pipeline(parameters: dict[str, Any], name: str) -> None:
    figure = parameters["figures"]["rate_distortion"]
    study = read_study(set_at(parameters, f"figures.{name}", figure), "params.yaml")
    with pytest.raises(InputError, match=rf"^params.yaml: figures.{name}: there is a pipeline of this name; give"):
        pipelines_of(study)


@pytest.mark.parametrize("study", STUDIES)
def test_kedro_finds_one_type_for_each_parameter(study: str, caplog: pytest.LogCaptureFixture) -> None:
    TypeExtractor(
        pipelines_of(read_study(yaml.safe_load(compose(PROJECT, [f"study={study}"])), study))
    ).extract_types_from_pipelines()
    assert [record.getMessage() for record in caplog.records if "Conflicting" in record.getMessage()] == []
