"""The report of a study: its tables, and the pictures that its stages left."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ldm_pipelines.reporting.layout import RenderedTable
from ldm_pipelines.reporting.page import Picture, write_report

KINDS = {
    "samples": ("Samples: {name}", "One column per class; the first images of the set {name!r}, not chosen.",
                "grid of generated images, one column per class"),
    "autoencoders": ("Reconstructions: {name}", "Unseen images above, their reconstructions by {name!r} below.",
                     "images above their reconstructions"),
}  # fmt: skip


def write_study_report(
    tables: Sequence[RenderedTable], grids: Path, names: Mapping[str, Sequence[str]], folder: Path, *, study: str
) -> Path:
    """``index.html`` in ``folder``: self-contained, with the pictures ``grids/KIND/NAME.png`` that there are.

    ``names`` lists the study's entities by kind: pictures of other studies stay out.
    """
    return write_report(
        folder,
        title=f"Latent diffusion: the {study} study",
        introduction=(
            "Tables of Rombach et al., High-Resolution Image Synthesis with Latent Diffusion Models (CVPR 2022), with "
            f"the rows that the {study} study of this project measured. Figures measured with another feature network, "
            "dataset or number of samples than the paper's are not comparable with the paper's; each row's note says "
            "what differs."
        ),
        tables=tables,
        pictures=list(_pictures(grids, names)),
    )


def _pictures(grids: Path, names: Mapping[str, Sequence[str]]) -> Iterator[Picture]:
    for kind, (title, caption, alt) in KINDS.items():
        for name in names[kind]:
            path = grids / kind / f"{name}.png"
            if path.exists():
                yield Picture(path, title.format(name=name), caption.format(name=name), alt)
