"""User studies that can't be: known before anything is sampled."""

from collections.abc import Iterator, Mapping

from ldm_pipelines.diffusion.spec import LDM
from ldm_pipelines.sampling.spec import Baseline, Samples
from ldm_pipelines.user_study.spec import CONDITIONS, UserStudy

Sets = Mapping[str, Samples | Baseline]


def user_study_problems(studies: Mapping[str, UserStudy], sets: Sets, ldms: Mapping[str, LDM]) -> Iterator[str]:
    """A line per problem; what dangles is told elsewhere."""
    for name, study in studies.items():
        samples, rival = sets.get(study.samples), sets.get(study.rival)
        if samples and rival:
            yield from _not_comparable(f"user_studies.{name}", study, samples, rival)
            yield from _other_conditions(f"user_studies.{name}", samples, rival, ldms)


def _not_comparable(
    where: str, study: UserStudy, samples: Samples | Baseline, rival: Samples | Baseline
) -> Iterator[str]:
    if study.samples == study.rival:
        yield f"{where}.rival must be another set than the samples, {study.samples!r}"
    for field in ("dataset", "split"):
        if getattr(study, field) != getattr(samples, field):
            yield f"{where}.{field} must be {getattr(samples, field)!r}, that of the samples {samples.name!r}"
        if getattr(rival, field) != getattr(samples, field):
            yield (
                f"{where}.rival: {rival.name!r} has conditions of {field} {getattr(rival, field)!r}, the samples "
                f"{samples.name!r} of {getattr(samples, field)!r}"
            )
    fewest = min(samples.count, rival.count)
    if study.images_needed > fewest:
        yield (
            f"{where}.questions = {study.questions} needs {study.images_needed} images (3 comparisons and some for "
            f"practice, none twice), but one of the sets has {fewest}"
        )


def _other_conditions(
    where: str, samples: Samples | Baseline, rival: Samples | Baseline, ldms: Mapping[str, LDM]
) -> Iterator[str]:
    """As far as the models' parameters tell; those of imported ones do not."""
    found = []
    for made in (samples, rival):
        if made.ldm not in ldms:
            return
        conditioning = ldms[made.ldm].conditioning
        if conditioning.kind not in CONDITIONS:
            shown = " or ".join(CONDITIONS)
            yield f"{where}: {made.name!r} has {conditioning.kind} conditions; people are shown {shown} ones"
            return
        found.append((conditioning.kind, getattr(conditioning, CONDITIONS[conditioning.kind])))
    if found[0] != found[1]:
        yield f"{where}.rival: {rival.name!r} was made from other conditions than the samples {samples.name!r}"
