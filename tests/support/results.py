"""Results as the evaluation writes them, and as a table's node receives them."""

from pathlib import Path
from typing import Any

PAPER = Path(__file__).parents[2] / "conf" / "paper"


def result(kind: str, name: str, metrics: dict[str, float], subject: dict[str, Any]) -> dict[str, Any]:
    return {
        "kind": kind,
        "name": name,
        "metrics": metrics,
        "provenance": {
            "feature_network": {"name": "digits_classifier", "kind": "classifier", "digest": "5e" * 32},
            "reference": {"dataset": "digits", "split": "test", "count": 360, "digest": "ab" * 32, "image_size": 32,
                          "resize": "bicubic"},
            "samples" if kind == "samples" else "autoencoder": subject,
            "protocol": {"is_splits": 10, "neighbours": 3},
        },
    }  # fmt: skip


def sample_subject(name: str, scale: float) -> dict[str, Any]:
    return {
        "name": name, "ldm": "digits_class", "ldm_digest": "77" * 32, "autoencoder": "kl_f4", "digest": "12" * 32,
        "dataset": "digits", "split": "test", "image_size": 32,
        "sampler": {"kind": "ddim", "steps": 50, "eta": 1.0}, "guidance_scale": scale, "count": 2000, "seed": 0,
        "class_balance": {"classes": 10, "fewest": 200, "most": 200}, "n_params": 812_345,
    }  # fmt: skip


def stored(results: dict[str, Any], kind: str = "result", suite: str = "samples") -> dict[str, Any]:
    """Results by name as a table's node receives them: by the field of a row, and where they lie."""
    return {f"{kind}/{suite}/{name}": content for name, content in results.items()}
