"""Results as the evaluation writes them, and the true files of the paper."""

from collections.abc import Callable
from typing import Any

import pytest
from support.results import PAPER, result, sample_subject, stored

from ldm_pipelines.reporting.paper.loading import load_document
from ldm_pipelines.reporting.tables.build import build
from ldm_pipelines.reporting.tables.layout import RenderedTable
from ldm_pipelines.reporting.tables.spec import Row, Table

Make = Callable[..., RenderedTable]


@pytest.fixture
def results() -> dict[str, dict[str, Any]]:
    plain = {"fid": 3.512345678901234, "is": 8.76, "is_std": 0.21, "precision": 0.81, "recall": 0.7, "accuracy": 0.931}
    guided = {"fid": 2.0, "is": 999.5, "is_std": 0.11, "precision": 0.99, "recall": 0.5, "accuracy": 0.991}
    zoo = {"psnr": 31.2, "psnr_std": 2.1, "ssim": 0.97, "ssim_std": 0.01, "psim": 0.0213, "psim_std": 0.0042,
           "r_fid": 0.0042, "r_is": 9.01, "r_is_std": 0.3}  # fmt: skip
    use = {"codebook_usage": 0.875, "codebook_perplexity": 151.2}
    kl = {"name": "kl_f4", "digest": "be" * 32, "f": 4, "c": 3, "codebook_size": None}
    vq = {"name": "vq_f4", "digest": "ef" * 32, "f": 4, "c": 3, "codebook_size": 256}
    return {
        "digits_ldm4": result("samples", "digits_ldm4", plain, sample_subject("digits_ldm4", 1.0)),
        "digits_ldm4_g": result("samples", "digits_ldm4_g", guided, sample_subject("digits_ldm4_g", 1.5)),
        "digits_kl_f4": result("reconstruction", "digits_kl_f4", zoo, kl),
        "digits_vq_f4": result("reconstruction", "digits_vq_f4", {**zoo, **use}, vq),
    }


@pytest.fixture
def make() -> Make:
    """``make("table_03", {method: name of a result}, results)``: a table from the true file of the paper."""

    def made(name: str, rows: dict[str, str] | list[tuple[str, str]], results: dict[str, Any]) -> RenderedTable:
        pairs = rows.items() if isinstance(rows, dict) else rows
        made = tuple(Row(method=m, result=r) for m, r in pairs)
        table = Table(name=name, suite="samples", second_suite="samples", rows=made)
        return build(table, load_document(PAPER / f"{name}.yaml"), stored(results), study="miniature")

    return made


@pytest.fixture
def table_3(make: Make, results: dict[str, Any]) -> RenderedTable:
    return make("table_03", {"LDM-4": "digits_ldm4", "LDM-4-G": "digits_ldm4_g"}, results)


@pytest.fixture
def table_8(make: Make, results: dict[str, Any]) -> RenderedTable:
    return make("table_08", {"VQ-f4": "digits_vq_f4", "KL-f4-c3": "digits_kl_f4"}, results)
