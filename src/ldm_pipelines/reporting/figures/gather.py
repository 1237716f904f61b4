"""From stored results to the lines of a figure; what can't be shown is said, never made up."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from ldm_pipelines.reporting.figures import axes
from ldm_pipelines.reporting.figures.measured import Results, Sweep, Throughput, basis, finite, read
from ldm_pipelines.reporting.figures.plot import Curve, Dot, Missing, Panel, Plot, Source
from ldm_pipelines.reporting.figures.protocol import speed_protocol, sweep_protocol
from ldm_pipelines.reporting.figures.spec import Figure, Line
from ldm_pipelines.reporting.paper.documents import PaperRow

QUALITY = ("fid", "is")


class Ours(NamedTuple):
    """A line whose results are there."""

    rank: int
    line: Line
    sweep: Sweep
    throughput: Throughput | None


def along_training(figure: Figure, results: Results, _: tuple[PaperRow, ...]) -> Plot:
    """Figure 6: quality against training steps."""
    found, missing = _lines(figure, results, "training_steps")
    curves = _curves(found, QUALITY, lambda ours, value: value, missing)
    return Plot(
        axes.TRAINING_STEPS,
        _panels(curves),
        sweep_protocol([ours.sweep for ours in found]),
        tuple(missing),
        _sources(figure, found),
    )


def along_device_time(figure: Figure, results: Results, _: tuple[PaperRow, ...]) -> Plot:
    """Figure 17: the same against device-days, steps times the measured time of a step."""
    found, missing = _lines(figure, results, "training_steps")

    def days(ours: Ours, steps: float) -> float | str:
        seconds = finite(ours.throughput.metrics, "train_step_s") if ours.throughput else None
        return steps * seconds / axes.DAY if seconds is not None else "the time of a training step was not measured"

    curves = _curves(found, QUALITY, days, missing)
    times = [x for group in curves.values() for curve in group for x, *_ in curve.points]
    return Plot(
        axes.device_time(times),
        _panels(curves),
        f"{sweep_protocol([ours.sweep for ours in found])} {speed_protocol(_throughputs(found))}".strip(),
        tuple(missing),
        _sources(figure, found),
    )


def against_throughput(figure: Figure, results: Results, _: tuple[PaperRow, ...]) -> Plot:
    """Figure 7: FID against samples per second, a point per number of sampler steps."""
    found, missing = _lines(figure, results, "sampler_steps")

    def speed(ours: Ours, steps: float) -> float | str:
        points = ours.throughput.points if ours.throughput else ()
        value = next((finite(point.metrics, "samples_per_s") for point in points if point.value == steps), None)
        return value if value is not None else f"no speed at {steps:g} steps"

    curves = _curves(found, ("fid",), speed, missing)
    speeds = [x for group in curves.values() for curve in group for x, *_ in curve.points]
    return Plot(
        axes.scaled(axes.THROUGHPUT, speeds, ratio=1),
        _panels(curves),
        f"{sweep_protocol([ours.sweep for ours in found])} {speed_protocol(_throughputs(found))}".strip(),
        tuple(missing),
        _sources(figure, found),
    )


def _lines(figure: Figure, results: Results, axis: str) -> tuple[list[Ours], list[Missing]]:
    """The lines whose results are there and rest on the same images and network as the first; why others do not."""
    found: list[Ours] = []
    missing: list[Missing] = []
    for rank, line in enumerate(figure.lines):
        ours = _line(figure, rank, line, results, axis)
        if isinstance(ours, str):
            missing.append(Missing(line.label, ours))
        elif found and basis(ours.sweep) != basis(found[0].sweep):
            why = f"measured on {basis(ours.sweep)}, {found[0].line.label} on {basis(found[0].sweep)}"
            missing.append(Missing(line.label, why))
        else:
            found.append(ours)
    return found, missing


def _line(figure: Figure, rank: int, line: Line, results: Results, axis: str) -> Ours | str:
    sweep = read(results, figure.suite, line.sweep, Sweep)
    if isinstance(sweep, str):
        return f"sweep {line.sweep}: {sweep}"
    if sweep.axis != axis:
        return f"sweep {line.sweep} is along {sweep.axis}, not {axis}"
    if line.throughput is None or figure.kind == "training_steps":
        return Ours(rank, line, sweep, None)
    throughput = read(results, figure.throughput_suite, line.throughput, Throughput)
    if isinstance(throughput, str):
        return f"throughput {line.throughput}: {throughput}"
    if throughput.ldm.get("name") != sweep.ldm.get("name"):
        names = f"{throughput.ldm.get('name')}, the sweep of {sweep.ldm.get('name')}"
        return f"throughput {line.throughput} is of the LDM {names}"
    return Ours(rank, line, sweep, throughput)


def _curves(
    found: Iterable[Ours],
    metrics: Sequence[str],
    place: Callable[[Ours, float], float | str],
    missing: list[Missing],
) -> dict[str, list[Curve]]:
    """By metric a curve per line; ``place`` says where on the x axis a value of the sweep lies, or why nowhere."""
    curves: dict[str, list[Curve]] = {metric: [] for metric in metrics}
    for ours in found:
        reasons: dict[str, None] = {}
        for metric in metrics:
            points: list[Dot] = []
            unmeasured: list[str] = []
            for point in sorted(ours.sweep.points, key=lambda point: point.value):
                x, y = place(ours, point.value), finite(point.metrics, metric)
                if isinstance(x, str):
                    reasons[x] = None
                elif y is None:
                    unmeasured.append(f"{point.value:g}")
                else:
                    points.append(Dot(x, y, ours.sweep.name, point.value))
            if unmeasured:
                at = f" at {', '.join(unmeasured)} steps" if points else ""
                reasons[f"no {axes.METRICS[metric][0].label}{at}"] = None
            if points:
                f = ours.sweep.ldm.get("f")
                curves[metric].append(
                    Curve(ours.line.label, ours.rank, tuple(points), f if isinstance(f, int) else None)
                )
        if not ours.sweep.points:
            reasons[f"sweep {ours.sweep.name} has no points"] = None
        if reasons:
            missing.append(Missing(ours.line.label, ", ".join(reasons)))
    return curves


def _panels(curves: dict[str, list[Curve]]) -> tuple[Panel, ...]:
    return tuple(panel(metric, group) for metric, group in curves.items())


def panel(metric: str, curves: Sequence[Curve], also: Sequence[float] = ()) -> Panel:
    """A panel whose scale fits its curves, and what else it shows."""
    axis, better = axes.METRICS[metric]
    values = [*(y for curve in curves for _, y, *_ in curve.points), *also]
    return Panel(axes.scaled(axis, values) if better == "lower" else axis, better, tuple(curves))


def _throughputs(found: Iterable[Ours]) -> list[Throughput]:
    return [ours.throughput for ours in found if ours.throughput]


def _sources(figure: Figure, found: Iterable[Ours]) -> tuple[Source, ...]:
    sources = []
    for ours in found:
        ldm = ours.sweep.ldm
        sources.append(_source(figure.suite, ours.sweep, ldm))
        if ours.throughput:
            sources.append(_source(figure.throughput_suite, ours.throughput, ldm))
    return tuple(sources)


def _source(suite: str, measured: Sweep | Throughput, ldm: dict[str, object]) -> Source:
    return Source(f"{suite}/{measured.name}", str(ldm.get("name", "")), str(ldm.get("digest") or ""))
