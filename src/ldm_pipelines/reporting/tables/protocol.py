"""Where a number of ours was not measured as the paper's: such a number is marked, and never compared."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from ldm_pipelines.reporting.paper.documents import PaperRow
from ldm_pipelines.reporting.paper.protocol import Conditions
from ldm_pipelines.reporting.results import Facts, Result
from ldm_pipelines.reporting.tables.provenance import device_text, sampler_name

DISTRIBUTION = {"fid", "is", "precision", "recall", "r_fid", "r_is"}
"""Of features: they mean something only together with the network, and with how many images there are."""
PERCEPTUAL = {"lpips", "psim"}
PAIRED = {"psnr", "ssim"}
SPEED = {"train_samples_per_s", "samples_per_s", "samples_per_s_double", "hours_per_epoch", "device_days"}
PREFERENCE = {"preference_vs_gt_pct", "preference_score_pct"}
MEASURED = DISTRIBUTION | PERCEPTUAL | PAIRED | SPEED | PREFERENCE
"""All other columns are settings and sizes of a model."""
NETWORKS = {
    "inception_fidelity": "torch-fidelity's Inception",
    "inception_cleanfid_legacy_pytorch": "pytorch-fid's Inception",
    "lpips_vgg": "LPIPS with VGG",
    "lpips_alex": "LPIPS with AlexNet",
    "psim_vgg": "unweighted VGG",
    None: "not stated",
}
"""In the words of the notes."""
TRAINED = {"classifier", "rotation"}
"""Networks of a study, told apart by their names."""


def differences(
    result: Result, metric: str, paper: Conditions, published: PaperRow, beside: Sequence[Result] = ()
) -> list[str]:
    """What is not as in the paper for one metric of a result, each with the paper's in brackets.

    ``beside``: further results of the row, which may know how many images a split has.
    What our result does not record differs too, where the paper says what it is. Empty where all that is known agrees,
    and for what is not measured.
    """
    if metric == "n_params":
        return list(_parts(paper, published))
    if metric not in MEASURED:
        return []
    if metric in SPEED:
        return [*_speed(result, metric, paper), *_sampling(result, metric, paper, published)]
    if metric in PREFERENCE:
        return [*_images(result, metric, paper), *_size(result, metric, paper)]
    return [
        *_images(result, metric, paper),
        *_size(result, metric, paper),
        *_network(result, metric, paper),
        *_samples(result, metric, paper, beside),
        *_classes(result, metric, paper),
        *_sampling(result, metric, paper, published),
        *_arithmetic(result, metric, paper),
        *_training(result, paper, beside),
    ]


def epochs(result: Result, beside: Sequence[Result]) -> float | None:
    """How long the model of a result was trained, as far as a speed ``beside`` it knows."""
    for other in beside:
        if other.kind == "throughput" and other.subject.get("name") == result.subject.get("ldm"):
            steps, batch = (other.subject.get(key) for key in ("training_steps", "batch_size"))
            images = _facts(other, "protocol").get("images_of_an_epoch")
            return steps * batch / images if steps and batch and images else None
    return None


def _images(result: Result, metric: str, paper: Conditions) -> Iterator[str]:
    """Other real images. Where even the dataset is another one, its split, number and resizing do not matter."""
    ours, theirs = _real_images(result, metric), paper.reference
    if _another_dataset(result, metric, paper):
        names = theirs.datasets or ("",)
        yield f"images of {ours['dataset']} ({names[0]})" if "dataset" in ours else _unrecorded("dataset", names[0])
        return
    if theirs.split is not None and ours.get("split") != theirs.split:
        known = ours.get("split")
        yield f"{known} split ({theirs.split})" if known else _unrecorded("split", theirs.split)
    if metric in DISTRIBUTION or result.kind == "reconstruction":
        yield from _reference_count(result.reference.get("count"), paper)
    resize = result.reference.get("resize")
    if theirs.resize is not None and resize != theirs.resize:
        known = f"resized by {_words(resize)} ({_words(theirs.resize)})"
        yield known if resize else _unrecorded("resizing", _words(theirs.resize))


def _reference_count(count: Any, paper: Conditions) -> Iterator[str]:
    theirs = paper.reference
    if theirs.count is not None and count != theirs.count:
        known = isinstance(count, int)
        yield f"{count:,} real images ({theirs.count:,})" if known else _unrecorded("real images", f"{theirs.count:,}")
    elif theirs.whole and theirs.count is None:
        # how many that are is not said; but in the paper they are more than there are samples
        fewest = paper.samples if isinstance(paper.samples, int) else 1
        if not isinstance(count, int):
            yield _unrecorded("number of real images", "the whole split")
        elif count < fewest:
            yield f"{count:,} real images (the whole split)"


def _size(result: Result, metric: str, paper: Conditions) -> Iterator[str]:
    facts = (result.subject, result.reference, _facts(result, "samples"))
    ours = next((known["image_size"] for known in facts if "image_size" in known), None)
    if metric in SPEED:
        key = "image_size_double" if metric == "samples_per_s_double" else "image_size"
        ours = _facts(result, "protocol").get(key)
    if paper.image_size is not None and ours != paper.image_size:
        yield f"{ours} px ({paper.image_size})" if ours else _unrecorded("image size", f"{paper.image_size} px")


def _network(result: Result, metric: str, paper: Conditions) -> Iterator[str]:
    """Numbers of different networks cannot be compared; so neither where the paper's is not stated."""
    theirs: str | None
    if metric in DISTRIBUTION:
        ours, theirs, what = result.feature_network, paper.feature_network, "features of"
    elif metric in PERCEPTUAL:
        ours, theirs, what = _facts(result, "perceptual_network"), paper.perceptual_network, "distance by"
    else:
        return
    kind = str(ours.get("kind", ""))
    kind = f"{kind}_{ours['net']}" if kind == "lpips" and "net" in ours else kind
    if not kind:
        yield _unrecorded(f"network of the {'features' if metric in DISTRIBUTION else 'distance'}", NETWORKS[theirs])
    elif kind != theirs:
        trained = str(ours.get("name", f"a {_words(kind)} network"))
        name = NETWORKS.get(kind) or (trained if kind in TRAINED else _words(kind))
        yield f"{what} {name} ({NETWORKS[theirs]})"


def _samples(result: Result, metric: str, paper: Conditions, beside: Sequence[Result]) -> Iterator[str]:
    """Of reconstructions there is one of each real image."""
    ours, theirs = result.subject.get("count"), paper.samples
    if result.kind != "samples" or theirs is None:
        return
    if theirs != "whole split":
        known = f"{ours:,} samples ({theirs:,})" if isinstance(ours, int) else ""
        if ours != theirs:
            yield known or _unrecorded("number of samples", f"{theirs:,}")
    elif not _another_dataset(result, metric, paper):
        drawn = [result.subject.get(key) for key in ("dataset", "split")]
        splits = [other.reference for other in (result, *beside)]
        counts = [split.get("count") for split in splits if [split.get("dataset"), split.get("split")] == drawn]
        if not counts or counts[0] is None or ours is None:
            yield _unrecorded("share of the split that was drawn", "all of it")
        elif ours != counts[0]:
            yield f"{ours:,} samples (the whole split: {counts[0]:,})"


def _classes(result: Result, metric: str, paper: Conditions) -> Iterator[str]:
    """Classes of another dataset need not be counted, but be asked for equally often all the same."""
    if result.kind != "samples" or not (paper.classes or paper.balanced):
        return
    ours, same_data = result.subject.get("class_balance"), not _another_dataset(result, metric, paper)
    if not isinstance(ours, dict):
        if same_data:
            yield _unrecorded("classes of the samples", f"{paper.classes:,}" if paper.classes else "equally often")
        return
    count, fewest, most = (ours.get(key) for key in ("classes", "fewest", "most"))
    if same_data and paper.classes and count != paper.classes:
        yield f"samples of {count} class{'' if count == 1 else 'es'} ({paper.classes:,})"
    if paper.balanced and fewest != most:
        yield f"{fewest} to {most} samples of a class (equally many)"


def _sampling(result: Result, metric: str, paper: Conditions, published: PaperRow) -> Iterator[str]:
    """Sampler, steps and guidance: of the paper's own models, or where a row says them."""
    if result.kind == "reconstruction" or metric in ("train_samples_per_s", "hours_per_epoch", "device_days"):
        return
    facts = _facts(result, "protocol") if metric in SPEED else result.subject
    sampler = facts.get("sampler")
    known: Facts = sampler if isinstance(sampler, dict) else {}
    if published.is_ldm:
        kind, eta = paper.sampler.kind, paper.sampler.eta
        if kind is not None and known.get("kind") != kind:
            yield f"{sampler_name(known)} ({kind.upper()})" if known else _unrecorded("sampler", kind.upper())
        elif eta is not None and known.get("eta") != eta:
            yield f"eta {known['eta']:g} ({eta:g})" if "eta" in known else _unrecorded("eta", f"{eta:g}")
    steps = published.get("steps")
    if None not in (steps, known.get("steps")) and known["steps"] != steps:
        yield f"{known['steps']} steps ({steps})"
    if "guidance_scale" in facts:
        yield from _guidance(facts, paper, published)


def _guidance(facts: Facts, paper: Conditions, published: PaperRow) -> Iterator[str]:
    """Classifier-free, by a classifier, and by a low-resolution image."""
    scale = published.get("guidance_scale")
    scale = paper.guidance_scale if scale is None and published.is_ldm else scale
    if scale is not None and facts["guidance_scale"] != scale:
        yield f"guidance scale {facts['guidance_scale']:g} ({'none' if scale == 1 else f'{scale:g}'})"
    by_classifier, theirs = (facts.get("classifier_guidance") or {}).get("scale"), published.get("classifier_scale")
    if scale is not None and by_classifier != theirs:
        yield f"classifier's guidance {_scale(by_classifier)} ({_scale(theirs)})"
    guided = bool(facts.get("image_guidance"))
    if published.is_ldm and guided != bool(published.get("guided")):
        yield f"{'' if guided else 'not '}guided by the image ({'not ' if guided else ''}guided)"


def _arithmetic(result: Result, metric: str, paper: Conditions) -> Iterator[str]:
    """How many neighbours, and into how many parts."""
    recorded = _facts(result, "protocol")
    if metric in ("precision", "recall"):
        what, ours, theirs = "k =", recorded.get("neighbours"), paper.neighbours
    elif metric in ("is", "r_is"):
        what, ours, theirs = "splits of IS:", recorded.get("is_splits"), paper.is_splits
    else:
        return
    if theirs is not None and ours != theirs:
        yield f"{what} {ours if ours is not None else 'not recorded'} ({theirs})"


def _training(result: Result, paper: Conditions, beside: Sequence[Result]) -> Iterator[str]:
    if paper.epochs is not None:
        ours = epochs(result, beside)
        if ours is None:
            yield _unrecorded("epochs of training", str(paper.epochs))
        elif f"{ours:.1f}" != f"{paper.epochs:.1f}":
            yield f"{ours:.1f} epochs ({paper.epochs})"


def _parts(paper: Conditions, published: PaperRow) -> Iterator[str]:
    """Of what samples were drawn of ours counts the denoiser alone."""
    classifier = ["classifier"] if published.get("classifier_scale") is not None else []
    if published.is_ldm and (theirs := [*paper.counted, *classifier]):
        yield f"the denoiser alone (with the {' and the '.join(theirs)})"


def _speed(result: Result, metric: str, paper: Conditions) -> Iterator[str]:
    """Another machine, of whose days and seconds the numbers are."""
    device = device_text(result.device)
    if metric == "device_days":
        yield f"days of {device}, projected from the time of a step (V100-days)"
        return
    if paper.device is None or _plain(paper.device) not in _plain(str(result.device.get("name", ""))):
        yield f"on {device} ({paper.device or 'not stated'})"
    if metric == "hours_per_epoch":
        images = _facts(result, "protocol").get("images_of_an_epoch")
        epoch = f"an epoch of {images:,} images" if isinstance(images, int) else "an epoch of ours"
        yield f"{epoch}, validation excluded ({(paper.reference.datasets or ('theirs',))[0]}, validation included)"
    yield from _size(result, metric, paper)


def _another_dataset(result: Result, metric: str, paper: Conditions) -> bool:
    names = paper.reference.datasets
    ours = _real_images(result, metric).get("dataset")
    return names is not None and _plain(str(ours)) not in set(map(_plain, names))


def _real_images(result: Result, metric: str) -> Facts:
    """What samples are compared with: one by one the images they were made from, else the reference."""
    pairs = metric in PERCEPTUAL | PAIRED and "dataset" in result.subject
    return result.subject if pairs else result.reference


def _facts(result: Result, key: str) -> Facts:
    facts = result.provenance.get(key)
    return facts if isinstance(facts, dict) else {}


def _unrecorded(what: str, theirs: str) -> str:
    return f"{what} not recorded ({theirs})"


def _scale(scale: Any) -> str:
    return "none" if scale is None else f"{scale:g}"


def _words(name: Any) -> str:
    return str(name).replace("_", " ")


def _plain(name: str) -> str:
    """``CelebA-HQ`` and ``celebahq`` are one name."""
    return re.sub(r"[^a-z0-9]", "", name.casefold())
