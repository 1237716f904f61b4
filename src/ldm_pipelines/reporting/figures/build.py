"""A figure from its parameters and the stored results: gathered, drawn, described."""

from collections.abc import Callable
from pathlib import Path

from ldm_pipelines.reporting.figures import gather, rate_distortion
from ldm_pipelines.reporting.figures.draw import draw
from ldm_pipelines.reporting.figures.figure_file import FigureFile, csv_text, write
from ldm_pipelines.reporting.figures.measured import Results
from ldm_pipelines.reporting.figures.observations import observe
from ldm_pipelines.reporting.figures.plot import Plot
from ldm_pipelines.reporting.figures.spec import Figure, Kind
from ldm_pipelines.reporting.figures.svg import finished
from ldm_pipelines.reporting.paper.documents import Figure as PaperFigure
from ldm_pipelines.reporting.paper.documents import Figures, PaperRow

TITLES: dict[Kind, str] = {
    "training_steps": "Figure 6: FID and IS against training steps",
    "device_days": "Figure 17: FID and IS against the time of one device",
    "throughput": "Figure 7: FID against sampling throughput",
    "rate_distortion": "Rate–distortion: PSNR and R-FID of first stages against f",
}
READING: dict[Kind, str] = {
    "training_steps": "",
    "device_days": "Time is the number of training steps times the measured time of a step.",
    "throughput": "From left to right along each line: fewer sampler steps.",
    "rate_distortion": (
        "Grey: what the paper prints, of ImageNet images and Inception features, not to be compared in level."
    ),
}
GATHER: dict[Kind, Callable[[Figure, Results, tuple[PaperRow, ...]], Plot]] = {
    "training_steps": gather.along_training,
    "device_days": gather.along_device_time,
    "throughput": gather.against_throughput,
    "rate_distortion": rate_distortion.gather,
}
IN_PAPER: dict[Kind, str] = {
    "training_steps": "figure_6", "device_days": "figure_17", "throughput": "figure_7", "rate_distortion": "figure_1",
}  # fmt: skip
UNAVAILABLE = "The paper's own curves are printed as graphics only; their values are not available."


def build(figure: Figure, results: Results, paper: Figures, folder: Path, *, study: str) -> FigureFile:
    """Writes ``NAME.svg``, ``.png``, ``.csv``, ``.json`` in ``folder``. ``results``: stored results by ``SUITE/NAME``.

    A result that is missing or malformed leaves out its line and is named in the figure, the caption and the JSON.
    """
    plot, published = plotted(figure, results, paper)
    title = figure.title or TITLES[figure.kind]
    observations = tuple(observe(figure.kind, plot, published.findings))
    caption = _caption(figure, plot, study, printed=bool(published.rows))
    alt = _alt(plot)
    svg, png = draw(figure.name, plot)
    file = FigureFile(
        name=figure.name,
        title=title,
        caption=caption,
        alt=alt,
        observations=observations,
        remark=figure.remark or "",
        missing=plot.missing,
        sources=plot.sources,
        svg=finished(svg, title, alt),
    )
    write(file, png, csv_text(figure.name, plot), folder)
    return file


def plotted(figure: Figure, results: Results, paper: Figures) -> tuple[Plot, PaperFigure]:
    """The figure before it is drawn, and the paper's facts about its own."""
    published: PaperFigure = getattr(paper, IN_PAPER[figure.kind])
    return GATHER[figure.kind](figure, results, published.rows), published


def _caption(figure: Figure, plot: Plot, study: str, *, printed: bool) -> str:
    missing = "; ".join(f"{each.label} ({each.why})" for each in plot.missing)
    parts = [
        f"Measured by the {study} study.",
        plot.protocol,
        READING[figure.kind],
        "" if printed else UNAVAILABLE,
        f"Not shown: {missing}." if missing else "",
    ]
    return " ".join(part for part in parts if part)


def _alt(plot: Plot) -> str:
    """Each line from its first to its last point."""
    told = []
    for panel in plot.panels:
        lines = [f"{curve.label} {_first_to_last([point.y for point in curve.points])}" for curve in panel.curves]
        told.append(f"{panel.y.label}: {', '.join(lines) or 'nothing measured yet'}")
    return f"Line plot against {plot.x.label[:1].lower()}{plot.x.label[1:]}. {'. '.join(told)}."


def _first_to_last(values: list[float]) -> str:
    return f"from {values[0]:.3g} to {values[-1]:.3g}" if len(values) > 1 else f"{values[0]:.3g}"
