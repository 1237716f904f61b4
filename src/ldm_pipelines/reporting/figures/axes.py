"""Labels, units and scales."""

from collections.abc import Sequence
from dataclasses import replace

from ldm_pipelines.reporting.figures.plot import Axis

DAY = 86_400.0
DECADE = 10.0
WIDE = 30.0
"""From this ratio of the largest to the smallest value on, device time is logarithmic."""

TRAINING_STEPS = Axis("training_steps", "Training steps")
THROUGHPUT = Axis("samples_per_s", "Throughput in samples/s")
FACTOR = Axis("f", "Downsampling factor f")
METRICS = {
    "fid": (Axis("fid", "FID"), "lower"),
    "is": (Axis("is", "IS"), "higher"),
    "psnr": (Axis("psnr", "PSNR in dB"), "higher"),
    "r_fid": (Axis("r_fid", "R-FID"), "lower"),
}
"""By key of the metric: its axis, and which end is better."""


def scaled(axis: Axis, values: Sequence[float], ratio: float = DECADE) -> Axis:
    """Logarithmic where all values are positive and the largest is ``ratio`` times the smallest, or more."""
    positive = bool(values) and min(values) > 0
    return replace(axis, logarithmic=positive and max(values) >= ratio * min(values))


def device_time(days: Sequence[float]) -> Axis:
    """Device-days, or hours or minutes where all is over in less than one; the numbers stay days."""
    longest = max(days, default=1.0)
    name, unit = next(
        ((name, unit) for name, unit in (("days", 1.0), ("hours", 1 / 24)) if longest >= unit), ("minutes", 1 / 1440)
    )
    explained = "" if unit == 1 else f" (a device-day has {round(1 / unit):,})"
    return scaled(Axis("device_days", f"Training in device-{name}{explained}", unit=unit), days, WIDE)


def factors(values: Sequence[float]) -> Axis:
    """Powers of two, each factor that occurs with its tick."""
    return replace(FACTOR, logarithmic=True, ticks=tuple(sorted(set(values))))
