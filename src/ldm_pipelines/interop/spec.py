"""Parameters of imported checkpoints and of exports."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ldm_pipelines.autoencoders.spec import Architecture, Autoencoder
from ldm_pipelines.diffusion.conditioning_spec import Conditioning, NoConditioning
from ldm_pipelines.diffusion.spec import LDM, Denoiser, Schedule
from ldm_pipelines.spec import Entity, NonNegativeInt, PositiveFloat, PositiveInt, Spec

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Definition(Spec):
    """What a checkpoint holds, in our words. Read from the original configuration file, or given in its place."""

    first_stage: Architecture | Literal["identity"]
    latent_size: PositiveInt
    """Side of the latents the model was trained on."""
    denoiser: Denoiser | None = None
    """Null: the checkpoint is a first stage alone."""
    conditioning: Conditioning = NoConditioning(kind="none")
    condition_classes: NonNegativeInt = 0
    """Rows of the class embedding, a null class included, or channels of the one-hot map; else 0."""
    schedule: Schedule | None = None
    scale_factor: PositiveFloat | None = 1.0
    """Multiplies latents; null: the checkpoint holds it (trained with scale_by_std)."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.denoiser is None) != (self.schedule is None):
            raise ValueError("denoiser and schedule are given together, or neither (a first stage alone)")
        if (self.conditioning.kind in ("class", "semantic")) != (self.condition_classes > 0):
            raise ValueError("condition_classes is the number of classes of class and semantic conditioning, else 0")
        return self

    @classmethod
    def of(
        cls, ldm: LDM, autoencoder: Autoencoder, image_size: int, condition_classes: int = 0,
        scale_factor: float | None = 1.0,
    ) -> Self:  # fmt: skip
        """The definition of one of our models, trained on images of ``image_size`` pixels."""
        first_stage = autoencoder.architecture or "identity"
        factor = autoencoder.architecture.factor if autoencoder.architecture else 1
        return cls(
            first_stage=first_stage,
            latent_size=image_size // factor,
            denoiser=ldm.denoiser,
            conditioning=ldm.conditioning,
            condition_classes=condition_classes,
            schedule=ldm.schedule,
            scale_factor=scale_factor,
        )

    @property
    def factor(self) -> int:
        """Down-sampling factor of the first stage."""
        return 1 if self.first_stage == "identity" else self.first_stage.factor

    @property
    def latent_channels(self) -> int:
        """Channels of a latent."""
        return 3 if self.first_stage == "identity" else self.first_stage.latent_channels


class Import(Entity):
    """A model of the original code, from its checkpoint: an ldm and its first stage that were not trained here.

    The files lie in ``data/01_raw/checkpoints/NAME``, or in the folder ``compute.yml`` lists under ``dataset_paths``.
    """

    upstream: str
    """What DVC watches: the folder of the files."""
    checkpoint: str
    """File name: ``.ckpt`` (or anything ``torch.save`` wrote) or ``.safetensors``."""
    first_stage: str | None = None
    """File name of the first stage's own checkpoint, for a UNet alone; null: the checkpoint holds it."""
    config: str | None = None
    """File name of the original configuration; null: the checkpoint's name with ``.yaml``, or ``config.yaml``."""
    definition: Definition | None = None
    """Instead of an original configuration."""
    ema: bool = True
    """Take the averaged weights, where there are any."""
    conditioning: Conditioning | None = None
    """What an original configuration leaves open (degradation, masks, tokenizer); null: as released."""
    dataset: str | None = None
    """Where conditions of samples come from; null: the model is not sampled."""
    classes: tuple[str, ...] = ()
    """Names of the classes of labels, boxes or maps, in the original's order, without a null class; empty: labels are
    numbered. Layout and semantic models need them: they must be those of the dataset that gives the conditions."""
    null_class: bool | None = None
    """Whether the last class means "no class"; null: where there is one row more than ``classes``, or 1001 rows."""
    sha256: Sha256 | None = None
    """Of the checkpoint; checked where it is given."""

    @model_validator(mode="after")
    def _one_source_of_architecture(self) -> Self:
        if self.definition is not None and (self.config is not None or self.conditioning is not None):
            raise ValueError("definition stands instead of config and conditioning; give the one or the others")
        return self


class ImportedAutoencoder(Entity):
    """A first stage alone, from an original checkpoint. The files lie where those of an ``Import`` do."""

    upstream: str
    """What DVC watches: the folder of the files."""
    checkpoint: str
    config: str | None = None
    """File name of the original configuration; null: the checkpoint's name with ``.yaml``, or ``config.yaml``."""
    definition: Definition | None = None
    ema: bool = True
    """Take the averaged weights, where there are any."""
    sha256: Sha256 | None = None
