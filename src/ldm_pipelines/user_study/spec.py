"""Parameters of a user study."""

from ldm_pipelines.evaluation.spec import Split, Suite
from ldm_pipelines.spec import Entity, NonNegativeInt, PositiveFloat, PositiveInt

COMPARISONS = 3
"""The samples with the truth, the rival's with the truth, the samples with the rival's."""
PRACTICE = 2
"""Questions that are not counted, ahead of the others."""
CONDITIONS = {"low_res": "degradation", "inpainting": "masks"}
"""Kinds of condition that people can be shown, and the parameters that say how each is made."""


class UserStudy(Entity):
    """Two-alternative forced choice between images restored from the same conditions (Table 4; SR3's protocol)."""

    samples: str
    """The sample set that stands for the model."""
    rival: str
    """Another sample set, or images made without a model, of the same conditions."""
    dataset: str
    """Where the true images are; derived from the samples."""
    split: Split
    """Derived from the samples."""
    questions: PositiveInt
    """Of each of the three comparisons. No image is asked about twice, else the truth would be the one seen again."""
    seconds: PositiveFloat
    """How long the images of a question are to be seen."""
    seed: NonNegativeInt
    """Draws which images are asked about, their order, and which image is on which side."""
    suite: Suite

    @property
    def images_needed(self) -> int:
        """Different conditions that both sets must have."""
        return COMPARISONS * self.questions + PRACTICE

    @property
    def rival_result(self) -> str:
        """Name of the rival's result; that of the samples has the study's own."""
        return f"{self.name}_rival"
