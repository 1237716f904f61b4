"""``export_model.NAME``"""

from kedro.pipeline import Pipeline, node

from ldm_pipelines.pipelines.export_model.nodes import export_model


def create(ldm: str, autoencoder: str) -> Pipeline:
    """``ldm``: the name of a trained or imported model; ``autoencoder``: that of its first stage."""
    return Pipeline([
        node(
            export_model,
            inputs={"ldm": f"ldms/{ldm}", "autoencoder": f"autoencoders/{autoencoder}", "compute": "params:compute"},
            outputs=f"exports/{ldm}",
            name=f"export_model.{ldm}",
        )
    ])  # fmt: skip
