"""Sweeps and throughputs that cannot be, told before anything is trained."""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ldm_pipelines.analysis.spec import Sweep, Throughput
from ldm_pipelines.config.sampling_checks import guidance_problems, step_problems
from ldm_pipelines.diffusion.spec import LDM
from ldm_pipelines.spec import Entity

if TYPE_CHECKING:
    from ldm_pipelines.config.study import Study


def analysis_problems(study: "Study") -> Iterator[str]:
    """A line per problem, with the key; references that dangle are told elsewhere."""
    for name, sweep in study.sweeps.items():
        where = f"sweeps.{name}"
        ldm, reference = study.ldms.get(sweep.ldm), study.references.get(sweep.reference)
        if reference:
            yield from _differences(where, sweep, reference, "reference", ("dataset", "feature_network"))
        if ldm:
            yield from _differences(where, sweep, ldm, "model", ("autoencoder", "dataset"))
            yield from _impossible_values(where, sweep, ldm)
            yield from guidance_problems(where, sweep.guidance_scale, ldm)
    for name, throughput in study.throughputs.items():
        where = f"throughputs.{name}"
        if ldm := study.ldms.get(throughput.ldm):
            yield from _differences(where, throughput, ldm, "model", ("latent", "autoencoder", "dataset"))
            for sampler in throughput.samplers().values():
                yield from step_problems(f"{where}.sampler_steps: ", sampler, ldm)
    yield from _shared_files(study)


def _differences(where: str, entity: Entity, other: Entity, what: str, fields: tuple[str, ...]) -> Iterator[str]:
    """What is derived from another entity must say the same."""
    for field in fields:
        if getattr(entity, field) != getattr(other, field):
            yield f"{where}.{field} must be {getattr(other, field)!r}, that of the {what} {other.name!r}"


def _impossible_values(where: str, sweep: Sweep, ldm: LDM) -> Iterator[str]:
    """Steps of which no model is kept, or that the schedule does not have."""
    if sweep.axis == "training_steps":
        kept = (*ldm.training.snapshots, ldm.training.steps)
        missing = [value for value in sweep.values if value not in kept]
        if missing:
            yield (
                f"{where}.values: {ldm.name!r} keeps no model of step {', '.join(map(str, missing))}, only of "
                f"{', '.join(map(str, kept))}; add to ldms.{ldm.name}.training.snapshots"
            )
        yield from step_problems(f"{where}.", sweep.sampler, ldm)
    else:
        for sampler in sweep.samplers().values():
            yield from step_problems(f"{where}.values: ", sampler, ldm)


def _shared_files(study: "Study") -> Iterator[str]:
    """Results of two entities that would lie in one file."""
    of_tables: list[tuple[str, str]] = [(entity.suite, name) for name, entity in study.results().items()]
    of_figures: list[Sweep | Throughput] = [*study.sweeps.values(), *study.throughputs.values()]
    for (suite, name), count in Counter([*of_tables, *((each.suite, each.name) for each in of_figures)]).items():
        if count > 1:
            yield f"{count} results are called {name!r} in suite {suite!r}; give them names, or suites, of their own"
