"""Parameters of a table: what of ours stands beside what the paper printed."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ldm_pipelines.evaluation.spec import Suite
from ldm_pipelines.spec import Entity, Spec

Fact = str | int | float
DESCRIPTIONS = "hyperparameters"
"""The suite of what ``describe_ldm`` writes."""


class Row(Spec):
    """One of our rows beside the paper's."""

    method: str
    """The paper's method that the row reproduces, spelled as in ``conf/paper``."""
    group: str | None = None
    """Dataset or task of the paper's row, where several rows have the method."""
    where: dict[str, Fact] = Field(default_factory=dict)
    """Further facts of the paper's row, for example ``{train_steps: 4800000}``, where method and group do not do."""
    label: str | None = None
    """What the row really is, in place of the method's name; needed where several rows have the method."""
    result: str | None = None
    """Name of the evaluation or reconstruction whose metrics fill the row."""
    also: tuple[str, ...] = ()
    """Evaluations of the same images against other references: for columns of a split that ``result`` lacks."""
    throughput: str | None = None
    """Name of a measured throughput (Tables 6 and 18)."""
    preference: str | None = None
    """Name of a user study (Table 4)."""
    columns: dict[str, str] = Field(default_factory=dict)
    """Columns of the paper (key in ``conf/paper``) that one of our metrics fills under another name."""

    compare: bool = True
    """Whether the row is held against the paper's order of rows. Not where it only stands below the nearest published
    row: images made without a model, another guidance scale, another f, another kind of model."""

    @property
    def sources(self) -> tuple[tuple[str, str], ...]:
        """Kind (a field of the row) and name of every result of the row, ``also`` left out."""
        named = (("result", self.result), ("throughput", self.throughput), ("preference", self.preference))
        return tuple((kind, name) for kind, name in named if name is not None)

    @property
    def everything(self) -> tuple[tuple[str, str], ...]:
        """``sources``, and ``also``."""
        return (*self.sources, *(("result", name) for name in self.also))

    @model_validator(mode="after")
    def _something_fills_it(self) -> Self:
        if not self.sources:
            raise ValueError("a row needs a result, a throughput or a preference")
        return self


class Shelf(Entity):
    """What all tables have: where their results lie. DVC watches these folders, and all below them."""

    suite: Suite
    second_suite: Suite | None = None
    third_suite: Suite | None = None
    """In ``params.yaml`` the suite again where a table needs fewer: DVC's templates know no optional dependency."""

    @property
    def watched(self) -> tuple[str, ...]:
        """What DVC watches, each once."""
        return tuple(dict.fromkeys(suite for suite in (self.suite, self.second_suite, self.third_suite) if suite))

    def holds(self, suite: str) -> bool:
        """Whether DVC would notice a change of a result of ``suite``."""
        return any(f"{suite}/".startswith(f"{watched}/") for watched in self.watched)


class Table(Shelf):
    """A table of measured results with our rows (1-11 and 18); the entity's name is ``table_NN``."""

    kind: Literal["results"] = "results"
    rows: tuple[Row, ...]
    remark: str | None = None
    """Why our rows may not be ordered as the paper's, in sentences; shown where they are not."""


class SettingsTable(Shelf):
    """A table of hyperparameters with our models beside the paper's (12-15 and 17)."""

    kind: Literal["settings"]
    columns: dict[str, str]
    """The paper's model (a column of ``conf/paper``) -> our LDM."""


class BlockTable(Shelf):
    """The table of the transformer block's layers (16)."""

    kind: Literal["block"]


AnyTable = Annotated[Table | SettingsTable | BlockTable, Field(discriminator="kind")]
