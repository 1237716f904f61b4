"""The hyperparameters of Tables 12-15 and 17: what the paper calls them, and what their values are."""

from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field, TypeAdapter, ValidationError

from ldm_pipelines.spec import PositiveFloat, PositiveInt, Probability

Count = Annotated[str, Field(pattern=r"^\d+(\.\d+)?[kKMB]$")]
Shape = Annotated[str, Field(pattern=r"^\d+x\d+x\d+$")]


class Setting(NamedTuple):
    """``form`` is the type of a printed value; every value may be null."""

    label: str
    form: Any

    def problem(self, value: Any) -> str:
        """What is wrong with a printed value; empty where nothing is."""
        try:
            TypeAdapter(self.form | None).validate_python(value, strict=True)
        except ValidationError as error:
            return error.errors()[0]["msg"]
        return ""


SETTINGS = {
    "f": Setting("f", PositiveInt),
    "z_shape": Setting("z-shape", Shape),
    "codebook_size": Setting("|Z|", PositiveInt),
    "diffusion_steps": Setting("Diffusion steps", PositiveInt),
    "noise_schedule": Setting("Noise schedule", Literal["linear"]),
    "n_params": Setting("Nparams", Count),
    "model_size": Setting("Model size", Count),
    "channels": Setting("Channels", PositiveInt),
    "depth": Setting("Depth", PositiveInt),
    "channel_multiplier": Setting("Channel multiplier", list[PositiveInt]),
    "attention_resolutions": Setting("Attention resolutions", list[PositiveInt]),
    "head_channels": Setting("Head channels", PositiveInt),
    "number_of_heads": Setting("Number of heads", PositiveInt),
    "dropout": Setting("Dropout", Probability),
    "batch_size": Setting("Batch size", PositiveInt),
    "iterations": Setting("Iterations", PositiveInt),
    "learning_rate": Setting("Learning rate", PositiveFloat),
    "conditioning": Setting("Conditioning", Literal["CA", "concat"]),
    "ca_resolutions": Setting("CA resolutions", list[PositiveInt]),
    "embedding_dim": Setting("Embedding dimension", PositiveInt),
    "transformer_depth": Setting("Transformer depth", PositiveInt),
    "seq_length": Setting("seq-length", PositiveInt),
    "depth_N": Setting("depth N", PositiveInt),
    "dim": Setting("dim", PositiveInt),
}
"""By key of a row in ``conf/paper``."""
