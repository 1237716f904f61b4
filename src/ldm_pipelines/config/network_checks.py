"""Networks that cannot measure what they are asked to: told before anything is trained."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ldm_pipelines.diffusion.spec import LDM
from ldm_pipelines.evaluation.networks.spec import PERCEPTUAL, Published
from ldm_pipelines.evaluation.spec import Evaluation
from ldm_pipelines.feature_networks.spec import Lpips
from ldm_pipelines.sampling.spec import RESTORED

if TYPE_CHECKING:
    from ldm_pipelines.config.study import Study

RESTORATION = frozenset(RESTORED.values())
"""Kinds of condition whose samples are compared with the true images, by a perceptual distance among others."""


def network_problems(study: "Study") -> Iterator[str]:
    """A line per distance that is asked for features, and per network of mere features that is asked for a distance.

    A trained network can do both. References that dangle are told elsewhere.
    """
    for name, reference in study.references.items():
        yield from _no_features(study, f"references.{name}", reference.feature_network)
    for name, reconstruction in study.reconstructions.items():
        yield from _no_features(study, f"reconstructions.{name}", reconstruction.feature_network)
        yield from _no_distance(study, f"reconstructions.{name}", reconstruction.perceptual_network)
    for name, evaluation in study.evaluations.items():
        if _compares_pairs(study, evaluation):
            yield from _no_distance(study, f"evaluations.{name}", evaluation.perceptual_network)
    for name, sweep in study.sweeps.items():
        if _restores(study.ldms.get(sweep.ldm)):
            yield from _no_distance(study, f"sweeps.{name}", sweep.perceptual_network)


def _no_features(study: "Study", where: str, name: str) -> Iterator[str]:
    network = study.feature_networks.get(name)
    if isinstance(network, Lpips) or (isinstance(network, Published) and network.kind in PERCEPTUAL):
        yield (
            f"{where}.feature_network: {name!r} ({network.kind}) is a perceptual distance without pooled features, "
            "which FID, precision and recall need; name a classifier, a rotation network or a published one "
            "(inception_fidelity is the paper's)"
        )


def _no_distance(study: "Study", where: str, name: str) -> Iterator[str]:
    network = study.feature_networks.get(name)
    if isinstance(network, Published) and network.kind not in PERCEPTUAL:
        able = [
            other
            for other, each in study.feature_networks.items()
            if not isinstance(each, Published) or each.kind in PERCEPTUAL
        ]
        hint = f"; of this study's: {', '.join(sorted(able))}" if able else ""
        yield (
            f"{where}.perceptual_network: {name!r} ({network.kind}) has no perceptual distance, with which pairs of "
            f"images are compared; name a trained network, lpips, or a published one of kind {', '.join(PERCEPTUAL)}"
            f"{hint}"
        )


def _compares_pairs(study: "Study", evaluation: Evaluation) -> bool:
    """Whether the samples are restored images. Of an imported model only its own parameters could tell: it passes."""
    samples = study.samples.get(evaluation.samples)
    return evaluation.samples in study.baselines or (samples is not None and _restores(study.ldms.get(samples.ldm)))


def _restores(ldm: LDM | None) -> bool:
    return ldm is not None and ldm.conditioning.kind in RESTORATION
