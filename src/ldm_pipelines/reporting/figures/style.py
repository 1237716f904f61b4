"""One look for all figures: colours that keep their contrast on white and on black, and differ for everyone."""

from typing import Any

INK = "#1d2126"
"""Of text, axes and one of the lines; in SVG it becomes the colour of the surrounding text."""
INK_ON_DARK = "#e6e8ea"
GREY = "#808080"
"""Of what the paper published."""

LINES = (
    ("#1f7fbf", "o"), ("#d55e00", "s"), ("#009e73", "^"), ("#b85c95", "D"), (INK, "v"), ("#b07d00", "P"),
)  # fmt: skip
"""Colour and marker by rank: after Okabe and Ito, darkened to a contrast of 3:1 on light and dark grounds."""

FONT = "DejaVu Sans"
"""Comes with matplotlib, so that the same figure has the same measures everywhere."""
FALLBACKS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"
"""What an SVG asks its viewer for instead; text is narrower in all of them."""

WIDTH, PANEL, LEGEND, NOTE = 6.4, 2.9, 0.3, 0.2
"""In inches: the width of a figure; the heights of a panel with labels, of a row of the legend, of a line of notes."""
DPI = 200


def settings(name: str) -> dict[str, Any]:
    """matplotlib's, on top of its defaults. Ids in the SVG follow from ``name``."""
    return {
        "font.family": [FONT], "font.size": 11, "text.color": INK, "axes.labelcolor": INK,
        "axes.titlesize": 12, "axes.titleweight": "bold", "axes.titlelocation": "left", "axes.titlepad": 8,
        "axes.edgecolor": INK, "axes.linewidth": 0.8, "axes.spines.top": False, "axes.spines.right": False,
        "axes.grid": True, "axes.axisbelow": True, "grid.color": INK, "grid.alpha": 0.15, "grid.linewidth": 0.6,
        "xtick.color": INK, "ytick.color": INK, "xtick.labelsize": 10, "ytick.labelsize": 10,
        "lines.linewidth": 1.8, "lines.markersize": 6.5, "legend.frameon": False, "legend.fontsize": 11,
        "legend.handlelength": 1.8, "legend.columnspacing": 1.5,
        "svg.fonttype": "none", "svg.hashsalt": name, "text.parse_math": False, "axes.unicode_minus": True,
    }  # fmt: skip
