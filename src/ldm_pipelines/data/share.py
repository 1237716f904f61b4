"""Which rows of each batch a process trains on, where several train one model together."""

from collections.abc import Sized
from dataclasses import dataclass
from typing import Any, TypeVar

Rows = TypeVar("Rows", bound=Sized)


@dataclass(frozen=True)
class Share:
    """Part ``rank`` of ``count`` equal parts of every batch: rows that lie side by side.

    What is random belongs to the whole batch: every process draws all of it, in the same order, and takes its rows.
    So an image has the same augmentation and the same noise however many processes there are.
    """

    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the process that writes files and tells the person at the keyboard."""
        return self.rank == 0

    def whole(self, rows: int) -> int:
        """Rows of the whole batch of which the part has ``rows``."""
        return rows * self.count

    def rows(self, length: int) -> range:
        """The part's rows in a batch of ``length`` items, which ``count`` divides."""
        size = length // self.count
        return range(self.rank * size, (self.rank + 1) * size)

    def take(self, items: Rows) -> Rows:
        """The part of an array, a tensor or a list with a row for each item of the whole batch."""
        rows = self.rows(len(items))
        sliceable: Any = items
        part: Rows = sliceable[rows.start : rows.stop]
        return part


WHOLE = Share()
"""Of a process that trains alone, and of everything that is no training."""
