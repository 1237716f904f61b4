"""Sweeps, throughputs and reconstructions as the evaluation stores them."""

from typing import Any

from ldm_pipelines.reporting.figures.spec import Figure, Kind, Line

FACTORS = (1, 2, 4, 8, 16)
NETWORK = {"name": "digits_classifier", "kind": "classifier", "digest": "5e" * 32}
REFERENCE = {"dataset": "digits", "split": "train", "count": 1452, "digest": "ab" * 32}
FIDS = {1: (30.0, 9.0, 2.5), 2: (22.0, 6.0, 1.4), 4: (11.0, 2.2, 0.41), 8: (8.0, 1.6, 0.31), 16: (9.0, 2.4, 0.9)}
"""After 100, 300 and 1,000 training steps, by f."""
STEP_SECONDS = {1: 0.9, 2: 0.3, 4: 0.12, 8: 0.08, 16: 0.06}


def ldm(f: int) -> dict[str, Any]:
    return {
        "name": f"digits_class_f{f}",
        "digest": f"{f:02d}" * 32,
        "f": f,
        "n_params": 800_000,
        "training_steps": 1000,
    }


def sweep(f: int, axis: str, fids: dict[int, float], **provenance: Any) -> dict[str, Any]:
    return {
        "kind": "sweep",
        "name": f"digits_f{f}_{'training' if axis == 'training_steps' else 'sampling'}",
        "axis": axis,
        "points": [{"value": v, "metrics": {"fid": fid, "is": 9 - fid / 5, "is_std": 0.1}} for v, fid in fids.items()],
        "metrics": {f"fid_at_{value}": fid for value, fid in fids.items()},
        "provenance": {
            "feature_network": NETWORK, "reference": REFERENCE, "ldm": ldm(f),
            "sampler": {"kind": "ddim", "steps": 50, "eta": 0.0}, "protocol": {"samples": 200}, **provenance,
        },
    }  # fmt: skip


def throughput(f: int) -> dict[str, Any]:
    return {
        "kind": "throughput",
        "name": f"digits_class_f{f}",
        "metrics": {"train_step_s": STEP_SECONDS[f], "samples_per_s": 5.0, "device_days": STEP_SECONDS[f] / 86.4},
        "points": [{"value": s, "metrics": {"samples_per_s": 40 * f / s}} for s in (10, 20, 50, 100, 200)],
        "provenance": {
            "ldm": ldm(f), "device": {"name": "cpu", "threads": 1, "precision": "32-true"}, "protocol": {"repeats": 3}
        },
    }  # fmt: skip


def reconstruction(name: str, regulariser: str, f: int, psnr: float, r_fid: float) -> dict[str, Any]:
    return {
        "kind": "reconstruction",
        "name": name,
        "metrics": {"psnr": psnr, "r_fid": r_fid},
        "provenance": {
            "feature_network": NETWORK, "reference": {**REFERENCE, "split": "test", "count": 345},
            "autoencoder": {"name": name, "digest": "be" * 32, "regulariser": regulariser, "f": f},
        },
    }  # fmt: skip


def stored_results() -> dict[str, dict[str, Any]]:
    """Of five LDMs, and of first stages with two regularisers, by ``SUITE/NAME``."""
    stored = []
    for f in FACTORS:
        stored.append(("analysis", sweep(f, "training_steps", dict(zip((100, 300, 1000), FIDS[f], strict=True)))))
        final = FIDS[f][-1]
        stored.append(
            ("analysis", sweep(f, "sampler_steps", {s: final * (1 + 20 / s) for s in (10, 20, 50, 100, 200)}))
        )
        stored.append(("throughput", throughput(f)))
    for f, psnr, r_fid in ((2, 39.5, 0.0015), (4, 38.3, 0.0024), (8, 29.2, 0.017)):
        stored.append(("autoencoder_zoo", reconstruction(f"digits_kl_f{f}", "kl", f, psnr, r_fid)))
        stored.append(("autoencoder_zoo", reconstruction(f"digits_vq_f{f}", "vq", f, psnr - 9, r_fid * 10)))
    return {f"{suite}/{result['name']}": result for suite, result in stored}


NAMES: dict[Kind, str] = {"training_steps": "figure_06", "device_days": "figure_17", "throughput": "figure_07"}


def figure(kind: Kind, **changes: Any) -> Figure:
    """A figure of all five LDMs, or of the first stages."""
    along = "sampling" if kind == "throughput" else "training"
    fields: dict[str, Any] = {
        "name": NAMES.get(kind, kind), "kind": kind, "suite": "analysis", "throughput_suite": "throughput",
        "title": None, "remark": None,
        "lines": [
            Line(label=f"LDM-{f}", sweep=f"digits_f{f}_{along}", throughput=f"digits_class_f{f}") for f in FACTORS
        ],
    }  # fmt: skip
    if kind == "rate_distortion":
        fields |= {
            "suite": "autoencoder_zoo",
            "lines": (),
            "points": [f"digits_{r}_f{f}" for r in ("kl", "vq") for f in (2, 4, 8)],
        }
    return Figure(**fields | changes)
