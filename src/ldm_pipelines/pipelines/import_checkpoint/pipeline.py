"""``import_checkpoint.NAME`` and ``import_autoencoder.NAME``"""

from kedro.pipeline import Pipeline, node

from ldm_pipelines.interop.spec import Import, ImportedAutoencoder
from ldm_pipelines.pipelines.import_checkpoint.nodes import (
    import_autoencoder,
    import_model,
    refuse_without_imports,
)


def create(import_: Import) -> Pipeline:
    name = import_.name
    return Pipeline([
        node(
            import_model,
            inputs={"import_": f"params:imports.{name}", "compute": "params:compute"},
            outputs=[f"ldms/{name}", f"autoencoders/{name}"],
            name=f"import_checkpoint.{name}",
        )
    ])  # fmt: skip


def create_for_autoencoder(import_: ImportedAutoencoder) -> Pipeline:
    name = import_.name
    return Pipeline([
        node(
            import_autoencoder,
            inputs={"import_": f"params:imported_autoencoders.{name}", "compute": "params:compute"},
            outputs=f"autoencoders/{name}",
            name=f"import_autoencoder.{name}",
        )
    ])  # fmt: skip


def create_hint() -> Pipeline:
    """``import_checkpoint`` of a study without imports: says how to write one."""
    return Pipeline([node(refuse_without_imports, inputs="params:study", outputs=None, name="no_imports")])
