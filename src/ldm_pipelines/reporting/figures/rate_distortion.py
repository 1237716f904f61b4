"""Rate-distortion: what first stages of every downsampling factor lose."""

from dataclasses import replace
from typing import NamedTuple

from ldm_pipelines.reporting.figures import axes
from ldm_pipelines.reporting.figures.gather import panel
from ldm_pipelines.reporting.figures.measured import Results, basis, read
from ldm_pipelines.reporting.figures.plot import Curve, Dot, Missing, Panel, Plot, Published, Source
from ldm_pipelines.reporting.figures.protocol import reconstruction_protocol
from ldm_pipelines.reporting.figures.spec import Figure
from ldm_pipelines.reporting.paper.documents import PaperRow
from ldm_pipelines.reporting.paper.printed import number
from ldm_pipelines.reporting.results import Result, as_number

LINES = {"kl": "KL", "vq": "VQ"}
"""The line of each regulariser."""
DISTORTION = ("psnr", "r_fid")


class FirstStage(NamedTuple):
    """A reconstruction with its place in the figure."""

    label: str
    f: int
    result: Result


def gather(figure: Figure, results: Results, published: tuple[PaperRow, ...]) -> Plot:
    """PSNR and R-FID against f, KL and VQ as lines, the paper's first stages as points."""
    found: list[FirstStage] = []
    missing: list[Missing] = []
    for name in figure.points:
        stage = _first_stage(read(results, figure.suite, name, Result), found)
        if isinstance(stage, str):
            missing.append(Missing(name, stage))
        else:
            found.append(stage)
    panels = tuple(_panel(metric, found, published, missing) for metric in DISTORTION)
    shown = [x for each in panels for curve in each.curves for x, *_ in curve.points]
    return Plot(
        axes.factors([*shown, *(point.x for each in panels for point in each.published)]),
        panels,
        reconstruction_protocol([stage.result for stage in found]),
        tuple(missing),
        tuple(_source(figure.suite, stage.result) for stage in found),
    )


def _first_stage(result: Result | str, others: list[FirstStage]) -> FirstStage | str:
    """Where a reconstruction stands, or why it can't stand beside the others."""
    if isinstance(result, str):
        return result
    if others and basis(result) != basis(others[0].result):
        return f"measured on {basis(result)}, {others[0].result.name} on {basis(others[0].result)}"
    regulariser, f = result.subject.get("regulariser"), result.subject.get("f")
    if regulariser not in LINES or not isinstance(f, int):
        return f"neither KL nor VQ of a known f (regulariser {regulariser}, f {f})"
    label = LINES[regulariser]
    twin = next((other.result.name for other in others if (other.label, other.f) == (label, f)), None)
    return f"{label} with f = {f} like {twin}; a line has one point per f" if twin else FirstStage(label, f, result)


def _panel(metric: str, found: list[FirstStage], published: tuple[PaperRow, ...], missing: list[Missing]) -> Panel:
    points: dict[str, list[Dot]] = {label: [] for label in LINES.values()}
    for label, f, result in found:
        value = as_number(result.metrics[metric], metric) if metric in result.metrics else "not measured"
        if isinstance(value, float):
            points[label].append(Dot(float(f), value, result.name))
        else:
            missing.append(Missing(result.name, f"no {axes.METRICS[metric][0].label} ({value or 'does not apply'})"))
    curves = [Curve(label, rank, tuple(sorted(dots))) for rank, (label, dots) in enumerate(points.items()) if dots]
    rows = [(row.method, number(row.get("f")), number(row.get(metric))) for row in published]
    theirs = tuple(Published(label, x, y) for label, x, y in rows if x is not None and y is not None)
    drawn = panel(metric, curves, also=[point.y for point in theirs])
    return replace(drawn, published=theirs)


def _source(suite: str, result: Result) -> Source:
    return Source(
        f"{suite}/{result.name}", str(result.subject.get("name", "")), str(result.subject.get("digest") or "")
    )
