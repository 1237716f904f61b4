"""What a row of ours rests on, and where that differs from the paper's protocol."""

from typing import Any

from ldm_pipelines.reporting.paper.documents import PaperRow, PaperTable
from ldm_pipelines.reporting.results import KINDS, Result

DIGEST_LENGTH = 8
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

V100_DAYS = "V100-days"

OF_FEATURES = {
    "fid", "is", "precision", "recall", "r_fid", "r_is", "psim",
    "fid_val", "fid_train", "fid_40_50", "fid_all", "lpips_40_50", "lpips_all", "fid_2k_epoch6",
    "fid_coco_256", "fid_openimages_256", "fid_openimages_512",
}  # fmt: skip
"""Columns whose numbers mean something only together with the network they were measured with."""


def provenance(result: Result, shown: set[str]) -> str:
    """One line: what was measured, of which model, on which data, with which network; and what no column shows."""
    subject, reference, network = result.subject, result.reference, result.feature_network
    parts = [f"{KINDS[result.kind].word} {_named({'name': result.name} | subject)}"]
    parts += _model(subject)
    parts += [_named(reference, "reference", name="dataset")] if reference else []
    parts += [_named(network, "features")] if network else []
    parts += [f"measured on {_device(result.device)}"] if result.device else []
    parts += _settings(subject)
    parts += [
        f"{text}: {result.metrics[key]:.4g}"
        for key, text in FURTHER_METRICS.items()
        if key not in shown and result.metrics.get(key) is not None
    ]
    parts += _intervals(result)
    return "; ".join(part for part in parts if part) + "."


def differences(results: list[Result], paper: PaperTable, published: PaperRow) -> str:
    """One sentence on what the numbers may not be compared for; empty where the protocols agree."""
    found: list[str] = []
    for result in results:
        if result.kind in ("samples", "reconstruction"):
            found += [
                _network_difference(result, paper),
                _data_difference(result, paper),
                _count_difference(result, paper),
                _balance_difference(result),
                *_sampling_differences(result.subject, published),
            ]
        elif result.kind == "throughput":
            found += _device_differences(result, paper)
    found = [text for text in found if text]
    return f"Not the paper's protocol: {'; '.join(found)}." if found else ""


def sampler_text(sampler: Any) -> str:
    """``DDIM 50 steps, eta 1.0``; empty where there is none."""
    if not isinstance(sampler, dict):
        return ""
    name = sampler.get("scheduler") or str(sampler.get("kind", "sampler")).upper().replace("_", "-")
    further = [f"{key} {sampler[key]}" for key in ("order", "eta") if key in sampler]
    return ", ".join([f"{name} {sampler.get('steps')} steps", *further])


def _device(device: dict[str, Any]) -> str:
    """``NAME, 2 threads, float32``"""
    threads = device.get("threads")
    parts = [str(device.get("name", "an unnamed device")), f"{threads} threads" if threads else ""]
    return ", ".join(part for part in (*parts, str(device.get("precision") or "")) if part)


def _device_differences(result: Result, paper: PaperTable) -> list[str]:
    """Another machine, of whose days and seconds the numbers are."""
    theirs = paper.protocol.get("hardware") or paper.protocol.get("throughput") or "an A100"
    found = [f"speed measured on {_device(result.device)} (paper: {theirs})"]
    if "compute_unit" in paper.protocol:
        found.append(f"compute in days of that device, projected from the time of a step, not in {V100_DAYS}")
    return found


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


def _network_difference(result: Result, paper: PaperTable) -> str:
    network = result.feature_network
    if network.get("kind") == "inception_fidelity":
        return ""
    affected = [column.label for column in paper.columns if column.key in OF_FEATURES]
    measured = f"features of {network.get('name', 'an unnamed network')} ({network.get('kind')})"
    names = " and ".join([", ".join(affected[:-1]), affected[-1]]) if len(affected) > 1 else "".join(affected)
    return f"{measured}, so {names} cannot be compared with the published values" if affected else ""


def _data_difference(result: Result, paper: PaperTable) -> str:
    ours = str(result.reference.get("dataset", "unnamed data"))
    theirs = paper.dataset or ", ".join(paper.datasets)
    if ours.casefold() == theirs.casefold():
        return _split_difference(result, paper)
    count = result.reference.get("count")
    images = f"{count:,} {result.reference.get('split', '')} images of {ours}" if isinstance(count, int) else ours
    samples = paper.protocol.get("samples")
    reference = paper.protocol.get("reference", samples if isinstance(samples, str) else theirs)
    return f"measured on {images} (paper: {reference})"


def _split_difference(result: Result, paper: PaperTable) -> str:
    """The same dataset, but not the images that the paper compared with."""
    split, reference = str(result.reference.get("split")), str(paper.protocol.get("reference", ""))
    if "training set" not in reference or split == "train":
        return ""
    return f"compared with the {split} images (paper: {reference})"


def _balance_difference(result: Result) -> str:
    """Classes that occur unevenly among samples of a class-conditional model."""
    balance = result.subject.get("class_balance")
    if not isinstance(balance, dict) or balance.get("fewest") == balance.get("most"):
        return ""
    return f"classes unevenly often{_balance(balance)}"


def _count_difference(result: Result, paper: PaperTable) -> str:
    ours, theirs = result.subject.get("count"), paper.protocol.get("samples")
    if isinstance(ours, int) and isinstance(theirs, int) and ours < theirs:
        return f"{ours:,} samples (paper: {theirs:,})"
    return ""


def _sampling_differences(subject: dict[str, Any], published: PaperRow) -> list[str]:
    found = []
    sampler = subject.get("sampler")
    steps, paper_steps = (sampler.get("steps") if isinstance(sampler, dict) else None), published.get("steps")
    if None not in (steps, paper_steps) and steps != paper_steps:
        found.append(f"{steps} sampling steps (paper: {paper_steps})")
    scale, paper_scale = subject.get("guidance_scale"), published.get("guidance_scale")
    if None not in (scale, paper_scale) and scale != paper_scale:
        found.append(f"guidance scale {scale:g} (paper: {paper_scale:g})")
    return found
