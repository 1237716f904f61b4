"""``evaluate_reference.NAME``, ``evaluate_samples.NAME`` and ``evaluate_reconstruction.NAME``"""

from kedro.pipeline import Pipeline, node

from ldm_pipelines.evaluation.spec import Evaluation, Reconstruction, Reference
from ldm_pipelines.pipelines.evaluate.nodes import (
    evaluate_outside,
    evaluate_reconstruction,
    evaluate_reference,
    evaluate_samples,
)


def create_for_reference(reference: Reference) -> Pipeline:
    name = reference.name
    return Pipeline([
        node(
            evaluate_reference,
            inputs={
                "reference": f"params:references.{name}",
                "dataset": f"datasets/{reference.dataset}",
                "feature_network": f"feature_networks/{reference.feature_network}",
                "compute": "params:compute",
            },
            outputs=f"references/{name}",
            name=f"evaluate_reference.{name}",
        )
    ])  # fmt: skip


def create_for_samples(evaluation: Evaluation) -> Pipeline:
    name = evaluation.name
    return Pipeline([
        node(
            evaluate_samples,
            inputs={
                "evaluation": f"params:evaluations.{name}",
                "samples": f"samples/{evaluation.samples}",
                "reference": f"references/{evaluation.reference}",
                "dataset": f"datasets/{evaluation.dataset}",
                "feature_network": f"feature_networks/{evaluation.feature_network}",
                "perceptual_network": f"feature_networks/{evaluation.perceptual_network}",
                "compute": "params:compute",
            },
            outputs=[f"metrics/{evaluation.suite}/{name}", f"scores/{evaluation.suite}/{name}"],
            name=f"evaluate_samples.{name}",
        )
    ])  # fmt: skip


def create_for_reconstruction(reconstruction: Reconstruction) -> Pipeline:
    name = reconstruction.name
    return Pipeline([
        node(
            evaluate_reconstruction,
            inputs={
                "reconstruction": f"params:reconstructions.{name}",
                "autoencoder": f"autoencoders/{reconstruction.autoencoder}",
                "dataset": f"datasets/{reconstruction.dataset}",
                "feature_network": f"feature_networks/{reconstruction.feature_network}",
                "perceptual_network": f"feature_networks/{reconstruction.perceptual_network}",
                "compute": "params:compute",
            },
            outputs=[f"metrics/{reconstruction.suite}/{name}", f"scores/{reconstruction.suite}/{name}"],
            name=f"evaluate_reconstruction.{name}",
        )
    ])  # fmt: skip


def create_for_outside() -> Pipeline:
    inputs = {"evaluate": "params:evaluate", "compute": "params:compute"}
    return Pipeline([node(evaluate_outside, inputs=inputs, outputs=None, name="evaluate.outside")])
