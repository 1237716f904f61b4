"""Parameters of ``sources.digits``."""

from typing import Literal

from ldm_pipelines.spec import PositiveInt, Spec


class DigitsSource(Spec):
    """The 1,797 handwritten digits (8x8 grey levels) shipped inside scikit-learn."""

    kind: Literal["digits"]
    limit: PositiveInt | None = None
    """Keep only the first ``limit`` images (smoke tests)."""
