"""Plain mistakes on the command line: one line that says what to do, and no traceback. Nothing has run here."""

import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.clone import PROJECT, Clone, copy_project

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("mistakes")]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    return copy_project(tmp_path_factory.mktemp("mistakes") / "clone")


@contextmanager
def written(file: Path, content: bytes) -> Iterator[None]:
    before = file.read_bytes()
    file.write_bytes(content)
    yield
    file.write_bytes(before)


def answer(project: Clone, *command: str) -> str:
    done = project.run(*command, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    return line


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("kedro run --pipelines=train_ldm --from-nodes=train_diffusion.digit_class", "--from-nodes: train_ldm has no node 'train_diffusion.digit_class'; did you mean 'train_diffusion.digits_class'?"),
        ("kedro run --tags=foo", "kedro run --tags=foo: Pipeline contains no nodes after applying all provided filters"),
        ("kedro run --to-outputs=foo", "kedro run --to-outputs=foo: Pipeline does not contain datasets named ['foo']"),
        ("kedro run --runner=SequentalRunner", "--runner: there is no runner 'SequentalRunner'; did you mean 'SequentialRunner'?"),
        ("kedro run --params=compute=gpu", "--params compute: give its parts, for example compute.device=cpu"),
        ("kedro run --params=compute.device=gpu", "--params compute.device: Input should be 'auto', 'cpu' or 'cuda', not 'gpu'"),
        ("kedro show table_99", "there is no table 'table_99' in params.yaml; did you mean 'table_0"),
        ("kedro show ../../../README", "there is no table '../../../README' in params.yaml; known: table_03"),
        ("kedro show table_03", "table_03 is not made yet; make it with `dvc repro tables@table_03`"),
    ],
)  # fmt: skip
def test_a_name_that_there_is_none_of_is_answered_in_one_line(project: Clone, command: str, message: str) -> None:
    assert answer(project, *command.split()).startswith(f"Error: {message}")


def test_files_that_cannot_be_read_are_named(project: Clone) -> None:
    with written(project.root / "params.yaml", "study: caf\xe9".encode("latin-1")):
        assert "params.yaml is not YAML: 'utf-8' codec can't decode" in answer(project, "kedro", "run")
        assert "is not what conf/hydra composes" in answer(project, "kedro", "compose", "--check")
    with written(project.root / "conf/local/compute.yml", b"device: ["):
        assert "conf/local/compute.yml is not YAML" in answer(project, "kedro", "run")
    with written(project.root / "dvc.yaml", b"stages: ["):
        assert "'dvc.yaml', YAML file structure is corrupted" in answer(project, "kedro", "reproduce")
    with written(project.root / "conf/paper/sources.yaml", b"papr: x"):
        assert "sources.yaml: unknown key 'papr'" in answer(project, "kedro", "compose", "--check", "study=smoke")
    assert project.run("kedro", "compose", "--check", "study=smoke").stdout == "params.yaml is up to date\n"


@pytest.mark.parametrize(
    "command", ["run --pipelines=tables", "show table_03", "compose", "reproduce -j 3", "run --help"]
)
def test_outside_the_project_its_commands_say_where_they_work_and_nothing_is_sent(tmp_path: Path, command: str) -> None:
    """With the entry points that an installation takes from pyproject.toml."""
    package = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    installed = tmp_path / "installed" / "ldm_pipelines-9.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: ldm_pipelines\nVersion: 9\n")
    (installed / "entry_points.txt").write_text("".join(
        f"[{group}]\n" + "".join(f"{name} = {place}\n" for name, place in points.items())
        for group, points in package["entry-points"].items()
    ))  # fmt: skip
    (tmp_path / "installed" / "sitecustomize.py").write_text(SENDS)
    kept = {
        name: value for name, value in os.environ.items() if name not in {"DO_NOT_TRACK", "KEDRO_DISABLE_TELEMETRY"}
    }
    paths = [installed.parent, PROJECT / "src"]
    done = subprocess.run(
        [sys.executable, "-m", "kedro", *command.split()], cwd=tmp_path, capture_output=True, text=True, check=False,
        env=kept | {"PYTHONPATH": os.pathsep.join(map(str, paths)), "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.endswith(f"Error: {tmp_path} is not inside a Kedro project; change to the cloned folder\n")
    assert not (tmp_path / "sent").exists()


SENDS = """
import sys
from pathlib import Path

def note(event, arguments):
    if event == "socket.getaddrinfo":
        Path("sent").touch()
        raise OSError("nothing leaves a test")

sys.addaudithook(note)
"""
