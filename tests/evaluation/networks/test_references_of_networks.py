"""A reference is of one network, also where several networks read the same file of weights."""

import json
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ldm_pipelines.errors import InputError
from ldm_pipelines.evaluation.features import POOL
from ldm_pipelines.evaluation.images.statistics import write_statistics
from ldm_pipelines.evaluation.networks.fidelity import InceptionFidelity
from ldm_pipelines.evaluation.networks.inception_cleanfid import InceptionCleanfid
from ldm_pipelines.evaluation.networks.measuring import MeasuringNetwork
from ldm_pipelines.evaluation.provenance import describe_network
from ldm_pipelines.evaluation.reference import FACTS, STATISTICS, ReferenceSet
from ldm_pipelines.feature_networks.frechet import gaussian

pytestmark = pytest.mark.xdist_group("inception")


@pytest.fixture(scope="module")
def networks(inception: Any) -> dict[str, MeasuringNetwork]:
    """All that read Inception's two files."""
    pytorch, torchscript = inception.files["pytorch"], inception.files["torchscript"]
    found: list[MeasuringNetwork] = [
        InceptionFidelity(inception.folder, "cpu", pytorch),
        InceptionCleanfid(inception.folder, "cpu", "clean", torchscript),
        InceptionCleanfid(inception.folder, "cpu", "legacy_tensorflow", torchscript),
        InceptionCleanfid(inception.folder, "cpu", "legacy_pytorch", pytorch),
    ]
    return {network.name: network for network in found}


def reference_of(network: MeasuringNetwork, folder: Path) -> ReferenceSet:
    """A finished reference that says it was measured with ``network``."""
    pool = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    np.save(folder / POOL, pool)
    write_statistics(folder / STATISTICS, gaussian(pool), {})
    (folder / FACTS).write_text(json.dumps({"name": "real", "feature_network": describe_network(network)}))
    return ReferenceSet(folder)


def test_every_other_network_is_refused_whether_or_not_it_reads_the_same_file(
    networks: dict[str, MeasuringNetwork], tmp_path: Path
) -> None:
    same_file = 0
    for one, other in permutations(networks.values(), 2):
        reference = reference_of(one, tmp_path)
        reference.check(one)
        same_file += one.digest == other.digest
        with pytest.raises(InputError, match=rf"measured with '{one.name}', the evaluation with '{other.name}'"):
            reference.check(other)
    assert same_file == 4


def test_it_is_said_in_what_they_differ(networks: dict[str, MeasuringNetwork], tmp_path: Path) -> None:
    reference = reference_of(networks["inception_cleanfid"], tmp_path)
    with pytest.raises(InputError, match=r"\(mode: clean, now legacy_tensorflow; resize: .*evaluate_reference\.real"):
        reference.check(networks["inception_cleanfid_legacy_tensorflow"])


def test_a_network_may_have_another_name(inception: Any, tmp_path: Path) -> None:
    network = InceptionCleanfid(inception.folder, "cpu", "clean", inception.files["torchscript"])
    reference = reference_of(network, tmp_path)
    network.name = "mine"
    reference.check(network)
