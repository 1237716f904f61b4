"""What a figure shows, in sentences with the numbers, and whether the paper found the same."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ldm_pipelines.reporting.figures.axes import METRICS
from ldm_pipelines.reporting.figures.plot import Axis, Curve, Panel, Plot
from ldm_pipelines.reporting.figures.spec import Kind
from ldm_pipelines.reporting.paper.documents import Findings


@dataclass(frozen=True)
class Observation:
    """``agrees``: with the paper's finding; None where it states none."""

    text: str
    agrees: bool | None


def observe(kind: Kind, plot: Plot, findings: Findings | None) -> list[Observation]:
    """Everything that can be said of the lines that are there."""
    findings = findings or Findings(source=())
    panels = {panel.y.key: panel for panel in plot.panels}
    if kind == "rate_distortion":
        return [*_falls_with_f(panels["psnr"], findings), *_better_regulariser(panels, findings)]
    curves = [curve for curve in panels["fid"].curves if curve.f is not None]
    if len(curves) < 2:
        return []
    if kind == "training_steps":
        return [*_after_the_same_steps(curves, findings)]
    if kind == "device_days":
        return [*_within_the_same_time(curves, plot.x)]
    return [*_best_of_all(curves, findings), *_slowest(curves, findings)]


def _after_the_same_steps(curves: Sequence[Curve], findings: Findings) -> Iterator[Observation]:
    steps = _last_shared(curves)
    if steps is None:
        return
    fids = {curve: curve.after(steps).y for curve in curves}
    when = f"after {steps:,.0f} training steps"
    yield _best(f"FID {when} is best with", fids, findings)
    gap = findings.gap
    if gap:
        pairs = [(a, b) for a in curves for b in curves if (a.f, b.f) == (gap.lower_f, gap.higher_f)]
        for low, high in pairs:
            ours = fids[high] - fids[low]
            text = (
                f"FID of {high.label} ({_g(fids[high])}) is {_g(abs(ours))} {'above' if ours > 0 else 'below'} that of "
                f"{low.label} ({_g(fids[low])}) {when}; the paper finds it {_g(gap.fid)} above after {gap.after}."
            )
            yield Observation(text, ours > 0)


def _within_the_same_time(curves: Sequence[Curve], axis: Axis) -> Iterator[Observation]:
    """At the end of the shortest training: of each line the last point until then."""
    budget = min(curve.points[-1].x for curve in curves)
    fids = {curve: point.y for curve in curves for point in curve.points if point.x <= budget}
    amount, unit = _g(budget / axis.unit), axis.label.removeprefix("Training in ").partition(" (")[0]
    time = f"{amount} {unit.removesuffix('s') if amount == '1' else unit}"
    late = [curve.label for curve in curves if curve not in fids]
    without = f"; not measured so early: {', '.join(late)}" if late else ""
    yield _best(f"FID within {time} is best with", fids, Findings(source=()), without)


def _best_of_all(curves: Sequence[Curve], findings: Findings) -> Iterator[Observation]:
    fids = {curve: min(point.y for point in curve.points) for curve in curves}
    yield _best("The best FID, at whichever number of sampler steps, is reached with", fids, findings)


def _slowest(curves: Sequence[Curve], findings: Findings) -> Iterator[Observation]:
    steps = _last_shared(curves)
    if steps is None:
        return
    speeds = {curve: curve.after(steps).x for curve in curves}
    slowest = min(speeds, key=lambda curve: speeds[curve])
    text = f"Sampling in {steps:,.0f} steps is slowest with {slowest.label} ({_numbers(speeds, slowest, ' samples/s')})"
    if findings.slowest_f not in {curve.f for curve in curves}:
        yield Observation(f"{text}.", None)
    else:
        agrees = slowest.f == findings.slowest_f
        yield Observation(f"{text}{_verdict(agrees, f'LDM-{findings.slowest_f} slowest')}", agrees)


def _falls_with_f(panel: Panel, findings: Findings) -> Iterator[Observation]:
    """Every step to a larger f at which PSNR rises; one sentence where it never does."""
    for curve in panel.curves:
        pairs = list(pairwise(curve.points))
        values = ", ".join(f"{_g(y)} dB at f = {x:g}" for x, y, *_ in curve.points)
        expected = True if findings.psnr_falls_with_f else None
        for low, high in pairs:
            if high.y > low.y:
                step = f"from f = {low.x:g} ({_g(low.y)} dB) to f = {high.x:g} ({_g(high.y)} dB)"
                text = f"PSNR of {curve.label} rises {step}"
                yield Observation(f"{text}; in the paper it falls." if expected else f"{text}.", expected and False)
        if pairs and all(high.y <= low.y for low, high in pairs):
            text = f"PSNR of {curve.label} falls with f ({values})"
            yield Observation(f"{text}; in the paper too." if expected else f"{text}.", expected)


def _better_regulariser(panels: dict[str, Panel], findings: Findings) -> Iterator[Observation]:
    """KL against VQ wherever both have a first stage of one f."""
    for key, panel in panels.items():
        curves = {curve.label: curve for curve in panel.curves}
        if set(curves) != {"KL", "VQ"}:
            continue
        axis, better = METRICS[key]
        for x, kl, *_ in curves["KL"].points:
            vq = curves["VQ"].at(x)
            if vq is None or vq == kl:
                continue
            winner = "KL" if (kl > vq) == (better == "higher") else "VQ"
            unit = " dB" if key == "psnr" else ""
            name = axis.label.partition(" in ")[0]
            text = f"{name} at f = {x:g} is better with {winner} (KL {_g(kl)}{unit}, VQ {_g(vq)}{unit})"
            wanted = findings.better_regulariser
            if wanted is None:
                yield Observation(f"{text}.", None)
            else:
                yield Observation(f"{text}{_verdict(winner == wanted, f'{wanted} better')}", winner == wanted)


def _best(what: str, fids: dict[Curve, float], findings: Findings, further: str = "") -> Observation:
    best = min(fids, key=lambda curve: fids[curve])
    text = f"{what} {best.label} ({_numbers(fids, best)}){further}"
    if not findings.best_f:
        return Observation(f"{text}.", None)
    good, others = ([curve for curve in fids if (curve.f in findings.best_f) == among] for among in (True, False))
    if not (good and others):
        return Observation(f"{text}.", None)
    behind = {curve.label: [other.label for other in others if fids[other] < fids[curve]] for curve in good}
    against = [f"{label} is behind {_listed(ahead)}" for label, ahead in behind.items() if ahead]
    theirs = f"{_listed([f'LDM-{f}' for f in findings.best_f])} ahead of all others"
    return Observation(f"{text}{_verdict(not against, theirs, ', '.join(against))}", not against)


def _last_shared(curves: Sequence[Curve]) -> float | None:
    """The most steps at which every line has a point."""
    shared = set.intersection(*({point.steps for point in curve.points if point.steps is not None} for curve in curves))
    return max(shared, default=None)


def _verdict(agrees: bool, theirs: str, ours: str = "") -> str:
    return f"; the paper agrees ({theirs})." if agrees else f"; the paper finds {theirs}{ours and f', here {ours}'}."


def _listed(names: Sequence[str]) -> str:
    """``a, b and c``"""
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _numbers(values: dict[Curve, float], first: Curve, unit: str = "") -> str:
    """The value of ``first``, then those of the other lines."""
    others = [f"{curve.label}: {_g(value)}" for curve, value in values.items() if curve != first]
    return "; ".join(filter(None, [f"{_g(values[first])}{unit}", ", ".join(others)]))


def _g(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")
