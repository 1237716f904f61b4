"""No condition at all."""

from typing import Any, Self

from ldm_pipelines.diffusion.conditioners.conditioner import Condition, Conditioner, Raw, Surroundings


class Unconditional(Conditioner):
    """A model that is told nothing."""

    kind = "none"

    @classmethod
    def build(cls, spec: Any, surroundings: Surroundings) -> Self:
        return cls()

    def config(self) -> dict[str, Any]:
        return {}

    def forward(self, raw: Raw) -> Condition:
        return {}
