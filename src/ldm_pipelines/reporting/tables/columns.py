"""Which of our metrics fills which column of the paper: the one place where names differ."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Measure:
    """A metric of ours under the paper's column."""

    keys: tuple[str, ...]
    """Names in our results; the first that a result has is taken. Empty: no result of ours belongs in the column."""
    splits: tuple[str, ...] = ()
    """Only of results measured against one of these splits."""
    masked: tuple[float, float] | None = None
    """Only of images of which this part is masked."""
    named: bool = False
    """Only where a row says so under ``columns``."""


NOT_OURS = Measure(())
PERCEPTUAL = ("lpips", "psim")
"""The perceptual distance is called ``lpips`` where its network is, else ``psim``."""

_SUPER_RESOLUTION = {
    "fid": NOT_OURS,  # quoted from SR3, of an unknown split
    "fid_val": Measure(("fid",), splits=("validation", "test")),
    "fid_train": Measure(("fid",), splits=("train",)),
}
COLUMNS: dict[int, dict[str, Measure]] = {
    5: _SUPER_RESOLUTION,
    6: {
        "sample_256_per_s": Measure(("samples_per_s",)),
        "sample_512_per_s": Measure(("samples_per_s_double",)),
        "fid_2k_epoch6": Measure(("fid",)),
    },
    7: {
        "fid_40_50": Measure(("fid",), masked=(0.4, 0.5)),
        "lpips_40_50": Measure(PERCEPTUAL, masked=(0.4, 0.5)),
        "fid_all": Measure(("fid",)),
        "lpips_all": Measure(PERCEPTUAL),
    },
    9: dict.fromkeys(("fid_coco_256", "fid_openimages_256", "fid_openimages_512"), Measure(("fid",), named=True)),
    11: _SUPER_RESOLUTION,
    18: {
        "generator_v100_days": Measure(("device_days",)),
        "classifier_v100_days": NOT_OURS,
        "overall_v100_days": Measure(("device_days",)),
    },
}
"""By table; a column that is not here has the same name in our results."""


def measure_of(table: int, column: str) -> Measure:
    return COLUMNS.get(table, {}).get(column, Measure((column,)))
