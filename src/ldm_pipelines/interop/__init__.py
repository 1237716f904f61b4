"""Models of the original code in, pipelines of diffusers out."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ldm_pipelines.interop.exporting import export_pipeline
    from ldm_pipelines.interop.importing import import_checkpoint

__all__ = ["export_pipeline", "import_checkpoint"]


def __getattr__(name: str) -> Any:
    """Loads PyTorch only for those who import or export: the parameters beside need none."""
    if name == "import_checkpoint":
        from ldm_pipelines.interop.importing import import_checkpoint

        return import_checkpoint
    if name == "export_pipeline":
        from ldm_pipelines.interop.exporting import export_pipeline

        return export_pipeline
    raise AttributeError(name)
