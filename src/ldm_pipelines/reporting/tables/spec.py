"""Parameters of a table: which measured result stands in which row."""

from ldm_pipelines.evaluation.spec import Suite
from ldm_pipelines.spec import Entity, Spec


class Row(Spec):
    """One of our rows beside the paper's."""

    method: str
    """The paper's method that the row reproduces, spelled as in ``conf/paper``."""
    result: str
    """Name of the evaluation or reconstruction whose metrics fill the row."""


class Table(Entity):
    """A table of the paper with our rows; the entity's name is ``table_NN``."""

    suite: Suite
    """The metrics folder that DVC watches; every row's result lies below it."""
    rows: tuple[Row, ...]
