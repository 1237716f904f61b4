"""Footnotes of a table: letters for how its numbers were measured, numbers for what its rows rest on."""

from ldm_pipelines.reporting.tables.layout import Footnote


class Footnotes:
    """Texts are lettered, or numbered, in the order in which they are first needed."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._sources: list[str] = []

    def mark(self, text: str) -> str:
        """The letter of a text."""
        return _letters(_position(self._texts, text))

    def source(self, text: str) -> str:
        """The number of a text."""
        return str(_position(self._sources, text) + 1)

    def finished(self) -> tuple[Footnote, ...]:
        """Those with letters first."""
        return (
            *(Footnote(self.mark(text), text) for text in self._texts),
            *(Footnote(self.source(text), text, source=True) for text in self._sources),
        )


def _position(texts: list[str], text: str) -> int:
    if text not in texts:
        texts.append(text)
    return texts.index(text)


def _letters(index: int) -> str:
    """a … z, aa, ab …"""
    prefix = _letters(index // 26 - 1) if index >= 26 else ""
    return prefix + chr(ord("a") + index % 26)
