"""Parameters of ``sources.photos``."""

from typing import Literal

from ldm_pipelines.spec import PositiveInt, Spec


class PhotosSource(Spec):
    """Patches of the photographs shipped inside scikit-image and scikit-learn, split by photograph."""

    kind: Literal["photos"]
    patch: PositiveInt
    """Side of the square patches in pixels of the (possibly shrunk) photograph."""
    shrink: PositiveInt
    """Photographs are first reduced by this factor (box filter)."""
    per_photograph: PositiveInt
    """At most so many patches, evenly spread over the photograph."""
