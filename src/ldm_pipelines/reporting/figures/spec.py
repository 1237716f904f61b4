"""Parameters of a figure: which measured results are its lines or points."""

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ldm_pipelines.evaluation.spec import Suite
from ldm_pipelines.spec import Entity, Spec

Kind = Literal["training_steps", "device_days", "throughput", "rate_distortion"]
SPEED: tuple[Kind, ...] = ("device_days", "throughput")
"""Kinds whose lines need a measured speed."""
MOST_LINES = 6
"""More are not told apart."""


class Line(Spec):
    """An LDM of the figure."""

    label: Annotated[str, Field(min_length=1)]
    sweep: str
    """Quality along training (``training_steps``, ``device_days``) or along sampler steps (``throughput``)."""
    throughput: str | None = None
    """The measured speed of the same LDM."""


class Figure(Entity):
    """A plotted figure: Figures 6 (``training_steps``), 17 (``device_days``), 7 (``throughput``); rate-distortion."""

    kind: Kind
    suite: Suite
    """Where the sweeps, or the reconstructions, lie. DVC watches it."""
    throughput_suite: Suite
    """Where the speeds lie; for a figure without any that of ``suite``."""
    title: str | None
    """Instead of the usual one."""
    remark: str | None
    """What the study says of its result: the likely reason where it contradicts the paper."""
    lines: Annotated[tuple[Line, ...], Field(max_length=MOST_LINES)] = ()
    points: tuple[str, ...] = ()
    """Reconstructions of first stages, for ``rate_distortion``."""

    @model_validator(mode="after")
    def _has_what_its_kind_plots(self) -> Self:
        wanted, other = ("points", "lines") if self.kind == "rate_distortion" else ("lines", "points")
        if getattr(self, other) or not getattr(self, wanted):
            raise ValueError(f"a figure of {self.kind} has {wanted} and no {other}")
        for number, line in enumerate(self.lines):
            if self.kind in SPEED and line.throughput is None:
                raise ValueError(f"lines[{number}].throughput: {self.kind} needs the measured speed of {line.label}")
        labels = [line.label for line in self.lines]
        if repeated := next((label for label in labels if labels.count(label) > 1), None):
            raise ValueError(f"two lines are called {repeated!r}")
        return self

    def results(self) -> Iterator[tuple[str, str, str]]:
        """Every result that the figure reads: the key that names it, its suite and its name."""
        for number, point in enumerate(self.points):
            yield f"points[{number}]", self.suite, point
        for number, line in enumerate(self.lines):
            yield f"lines[{number}].sweep", self.suite, line.sweep
            if line.throughput is not None and self.kind in SPEED:
                yield f"lines[{number}].throughput", self.throughput_suite, line.throughput
