"""What a row of ours rests on."""

from collections.abc import Iterator, Mapping
from typing import Any

from ldm_pipelines.reporting.results import KINDS, Result

DIGEST_LENGTH = 8
SAMPLERS = {"dpm_solver": "DPM-Solver++"}
"""By kind: names that are more than the kind in capitals."""
FURTHER_METRICS = {
    "accuracy": "samples classified as the asked class",
    "codebook_usage": "share of the codebook in use",
    "codebook_perplexity": "codebook perplexity",
    "caption_accuracy": "captions entirely right",
    "box_iou": "IoU with the asked boxes",
    "psim": "perceptual distance",
    "known_pixels_changed": "known pixels changed",
    "peak_memory_mib": "peak memory in MiB",
    "answers": "answers",
    "participants": "participants",
}


def provenance(result: Result, shown: set[str]) -> str:
    """One line: what was measured, of which model, on which data, with which network; and what no column shows."""
    subject, reference, network = result.subject, result.reference, result.feature_network
    parts = [f"{KINDS[result.kind].word} {_named({'name': result.name} | subject)}"]
    parts += _model(subject)
    parts += [_named(reference, "reference", name="dataset")] if reference else []
    parts += [_named(network, "features")] if network else []
    distance = result.provenance.get("perceptual_network")
    if isinstance(distance, dict) and distance.get("digest") != network.get("digest"):
        parts.append(_named(distance, "perceptual distance"))
    parts += [f"measured on {device_text(result.device)}"] if result.device else []
    parts += _settings(subject)
    parts += [
        f"{text}: {result.metrics[key]:.4g}"
        for key, text in FURTHER_METRICS.items()
        if key not in shown and result.metrics.get(key) is not None
    ]
    parts += _intervals(result)
    return "; ".join(part for part in parts if part) + "."


def against(result: Result) -> str:
    """What images that another result of a row was already of are compared with here."""
    return f"Also against {_named(result.reference, name='dataset')}."


def sampler_text(sampler: Any) -> str:
    """``DDIM 50 steps, eta 1.0``; empty where there is none."""
    if not isinstance(sampler, dict):
        return ""
    further = [f"{key} {sampler[key]}" for key in ("order", "eta") if key in sampler]
    return ", ".join([f"{sampler_name(sampler)} {sampler.get('steps')} steps", *further])


def guided_by(samples: Mapping[str, Any]) -> Iterator[str]:
    """By a classifier, by the low-resolution image."""
    if classifier := samples.get("classifier_guidance"):
        yield f"guided by the classifier {classifier['classifier']!r}, scale {classifier['scale']:g}"
    if image := samples.get("image_guidance"):
        yield f"guided by the low-resolution image, scale {image['scale']:g}"


def sampler_name(sampler: dict[str, Any]) -> str:
    """``DDIM``, ``DPM-Solver++``, or a scheduler's own name."""
    kind = str(sampler.get("kind", "sampler"))
    return str(sampler.get("scheduler") or SAMPLERS.get(kind, kind.upper()))


def device_text(device: dict[str, Any]) -> str:
    """``NAME, 2 threads, float32``"""
    threads = device.get("threads")
    counted = f"{threads} thread{'' if threads == 1 else 's'}" if threads else ""
    parts = (str(device.get("name", "an unnamed device")), counted, str(device.get("precision") or ""))
    return ", ".join(part for part in parts if part)


def _intervals(result: Result) -> list[str]:
    """95 % intervals of a user study's percentages."""
    metrics = result.metrics if result.kind == "preference" else {}
    ends = [(key, metrics[key], metrics.get(f"{key[:-4]}_high")) for key in metrics if key.endswith("_low")]
    return [
        f"{key[:-4].replace('_', ' ')}: 95 % interval {low:.1f} to {high:.1f}"
        for key, low, high in ends
        if low is not None and high is not None
    ]


def _named(facts: dict[str, Any], role: str = "", name: str = "name") -> str:
    """``role name@digest``, as far as known."""
    label = str(facts.get(name, "unnamed"))
    if facts.get("split"):
        label += f"/{facts['split']}"
    digest = str(facts.get("digest") or "")[:DIGEST_LENGTH]
    return f"{role} {label}{f' [{digest}]' if digest else ''}".strip()


def _model(subject: dict[str, Any]) -> list[str]:
    """The model behind a sample set and its first stage."""
    roles = (("ldm", "model"), ("autoencoder", "first stage"))
    return [
        _named({"name": subject[key], "digest": subject.get(f"{key}_digest")}, role)
        for key, role in roles
        if isinstance(subject.get(key), str)
    ]


def _settings(subject: dict[str, Any]) -> list[str]:
    parts = []
    if sampler := sampler_text(subject.get("sampler")):
        parts.append(sampler)
    if "guidance_scale" in subject:
        parts.append(f"guidance scale {subject['guidance_scale']:g}")
    parts += guided_by(subject)
    if isinstance(subject.get("count"), int):
        parts.append(f"{subject['count']:,} images{_balance(subject.get('class_balance'))}")
    if "seed" in subject:
        parts.append(f"seed {subject['seed']}")
    return parts


def _balance(balance: Any) -> str:
    if not isinstance(balance, dict):
        return ""
    fewest, most = balance.get("fewest"), balance.get("most")
    return f" ({fewest} per class)" if fewest == most else f" ({fewest} to {most} per class)"
