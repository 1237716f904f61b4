"""Footnotes of a table, lettered as they come."""

from ldm_pipelines.reporting.tables.layout import Footnote


class Footnotes:
    """Texts get letters in the order in which they are first needed."""

    def __init__(self) -> None:
        self._texts: list[str] = []

    def mark(self, text: str) -> str:
        """The letter of a text."""
        if text not in self._texts:
            self._texts.append(text)
        return _letters(self._texts.index(text))

    def finished(self) -> tuple[Footnote, ...]:
        return tuple(Footnote(_letters(i), text) for i, text in enumerate(self._texts))


def _letters(index: int) -> str:
    """a … z, aa, ab …"""
    prefix = _letters(index // 26 - 1) if index >= 26 else ""
    return prefix + chr(ord("a") + index % 26)
