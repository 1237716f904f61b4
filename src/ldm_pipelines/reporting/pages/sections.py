"""A section for every entity of a study: what it was asked for, what it gave, and where that came from."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ldm_pipelines.reporting.figures.measured import Sweep
from ldm_pipelines.reporting.pages.charts import Chart, charts
from ldm_pipelines.reporting.pages.graph import RIVAL, Entities, Key, anchor, made_from, measured
from ldm_pipelines.reporting.pages.records import Record, dvc_hashes, read_records, stage_of
from ldm_pipelines.reporting.results import REPORTING_FOLDER, Result, load_result, malformed, read_as
from ldm_pipelines.reporting.tables.spec import DESCRIPTIONS

KINDS = {
    "datasets": "Dataset", "feature_networks": "Feature network", "autoencoders": "First stage",
    "imported_autoencoders": "Imported first stage", "imports": "Imported model", "latents": "Latent cache",
    "ldms": "Diffusion model", "latent_classifiers": "Classifier on noisy latents", "samples": "Sample set",
    "baselines": "Images without a model", "references": "Reference images", "evaluations": "Evaluation of samples",
    "reconstructions": "Evaluation of reconstructions",
    "sweeps": "Quality along an axis", "throughputs": "Speed", "user_studies": "User study",
}  # fmt: skip
Pairs = list[tuple[str, str]]
NOT_RUN = "not run: there is no stored result; dvc repro measures it"


@dataclass(frozen=True)
class Metric:
    """As shown; ``interval`` is the 95 % interval where one was measured."""

    name: str
    value: str
    std: str = ""
    interval: str = ""


@dataclass(frozen=True)
class Section:
    """``facts`` are groups of what a result was measured on; ``points`` a sweep's values, headings first."""

    key: Key
    title: str
    anchor: str
    results: tuple[str, ...]
    """``SUITE/NAME`` of every stored result that leads here."""
    stage: str
    sources: list[Key] = field(default_factory=list)
    uses: list[Key] = field(default_factory=list)
    charts: list[Chart] = field(default_factory=list)
    metrics: list[Metric] = field(default_factory=list)
    points: list[list[str]] = field(default_factory=list)
    facts: list[tuple[str, Pairs]] = field(default_factory=list)
    parameters: Pairs = field(default_factory=list)
    record: Record | None = None
    dvc: Mapping[str, str] = field(default_factory=dict)
    missing: str = ""
    problems: tuple[str, ...] = ()
    """Files that are there and cannot be read, and why."""


def sections(reporting: Path, entities: Entities, hashes: Mapping[str, Mapping[str, str]]) -> list[Section]:
    """In the order of the study's stages; tables and figures, which have a place of their own, are left out."""
    sources = made_from(entities)
    records = read_records(reporting / "provenance")
    kept = [key for key in sources if key[0] not in ("tables", "figures")]
    return [_section(key, reporting, entities, sources, records, hashes) for key in kept]


def flat(value: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested values under dotted names; what is none or empty is shown as a dash."""
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from flat(item, f"{prefix}.{key}" if prefix else str(key))
    elif isinstance(value, list | tuple) and value and all(not isinstance(item, dict | list) for item in value):
        yield prefix, ", ".join(map(_text, value))
    else:
        yield prefix, _text(value)


def number(value: float) -> str:
    """Four significant digits."""
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def _section(
    key: Key,
    reporting: Path,
    entities: Entities,
    sources: Mapping[Key, list[Key]],
    records: Mapping[str, Record],
    hashes: Mapping[str, Mapping[str, str]],
) -> Section:
    kind, name = key
    stage = stage_of(kind, records, name)
    results = tuple(_results(key, entities))
    parts = [f"metrics/{path}" for path in results] if measured(kind) else [f"training/{kind}/{name}"]
    read = {f"{part}.json": _read(reporting / f"{part}.json", kind) for part in parts}
    (result, _), *rivals = read.values()
    rival = rivals[0][0] if rivals else {}
    broken = {file: why for file, (_, why) in read.items() if malformed(file, why)}
    record = records.get(f"{stage}.{name}")
    provenance = result.get("provenance", {})
    return Section(
        key=key,
        title=KINDS.get(kind, kind.replace("_", " ").removesuffix("s").capitalize()),
        anchor=anchor(key),
        results=results,
        stage=stage,
        sources=sources[key],
        uses=[other for other, named in sources.items() if key in named],
        charts=charts(reporting / "training" / kind / f"{name}.csv"),
        metrics=[
            *_metrics(result.get("metrics", {} if measured(kind) else result), result.get("details", {})),
            *_metrics({f"rival_{metric}": value for metric, value in rival.get("metrics", {}).items()}, {}),
        ],
        points=_points(result.get("points", [])),
        facts=[(role.replace("_", " "), list(flat(facts))) for role, facts in provenance.items()],
        parameters=list(flat({k: v for k, v in entities[kind][name].items() if k != "name"})),
        record=record,
        dvc=dvc_hashes(hashes, stage, name),
        missing=next(iter(broken.values()), NOT_RUN if measured(kind) and not result else ""),
        problems=tuple(malformed(f"{REPORTING_FOLDER}/{file}", why) for file, why in broken.items()),
    )


def _results(key: Key, entities: Entities) -> Iterator[str]:
    """Of a measurement its own, of a user study its rival's too, of a model its description."""
    kind, name = key
    suite = entities[kind][name].get("suite", "")
    if measured(kind):
        yield f"{suite}/{name}"
    if kind == "user_studies":
        yield f"{suite}/{name}{RIVAL}"
    if kind == "ldms":
        yield f"{DESCRIPTIONS}/{name}"


def _metrics(metrics: Mapping[str, Any], details: Mapping[str, Any]) -> Iterator[Metric]:
    intervals = details.get("intervals") or {}
    for name, value in metrics.items():
        if any(name.endswith(part) and name.removesuffix(part) in metrics for part in ("_std", "_low", "_high")):
            continue
        std, interval = metrics.get(f"{name}_std"), intervals.get(name)
        low, high = metrics.get(f"{name}_low"), metrics.get(f"{name}_high")
        if interval is None and None not in (low, high):
            interval = (low, high)
        yield Metric(
            name,
            number(value) if isinstance(value, int | float) else _text(value),
            "" if std is None else number(std),
            f"{number(interval[0])} … {number(interval[1])}" if interval else "",
        )


def _points(points: Iterable[Mapping[str, Any]]) -> list[list[str]]:
    rows = [{"at": point.get("value"), **point.get("metrics", {})} for point in points]
    names = list(dict.fromkeys(name for row in rows for name in row))
    return [names, *([_text(row.get(name)) for name in names] for row in rows)] if rows else []


def _read(file: Path, kind: str) -> tuple[dict[str, Any], str]:
    """What is stored of an entity, or nothing and why."""
    content = load_result(file)
    model = Sweep if kind == "sweeps" else Result
    found = read_as(content, model) if measured(kind) else content.get("missing", content)
    return ({}, found) if isinstance(found, str) else (content, "")


def _text(value: Any) -> str:
    if value is None or value in ({}, [], ()):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return number(value) if isinstance(value, float) else str(value)
