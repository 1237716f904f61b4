"""Parameters of evaluations: of sample sets, and of reconstructions."""

from typing import Annotated, Literal

from pydantic import Field

from ldm_pipelines.spec import Entity, PositiveInt

Suite = Annotated[str, Field(pattern=r"^[a-z0-9_]+(/[a-z0-9_]+)*$")]
"""The folder of metrics a result belongs to; a table reads one suite, with all the suites below it."""


class Evaluation(Entity):
    """A sample set measured against a split of a dataset."""

    samples: str
    dataset: str
    """The reference images."""
    split: Literal["train", "validation", "test"]
    feature_network: str
    neighbours: PositiveInt
    """k of precision and recall (Kynkaanniemi et al., 2019)."""
    is_splits: PositiveInt
    """Splits of the Inception Score."""
    suite: Suite


class Reconstruction(Entity):
    """An autoencoder measured on the images of a split."""

    autoencoder: str
    dataset: str
    split: Literal["train", "validation", "test"]
    feature_network: str
    is_splits: PositiveInt
    suite: Suite
