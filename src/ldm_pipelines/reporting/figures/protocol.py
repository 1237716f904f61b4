"""How plotted points were measured, in a sentence."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ldm_pipelines.reporting.figures.measured import Sweep, Throughput, images_and_network
from ldm_pipelines.reporting.results import Facts, Result
from ldm_pipelines.reporting.tables.provenance import sampler_text


def sweep_protocol(sweeps: Sequence[Sweep]) -> str:
    """Samples per point, sampler, images and network; ranges where lines differ."""
    if not sweeps:
        return ""
    samples = _range([sweep.fact("protocol", "samples") for sweep in sweeps])
    varied = sweeps[0].axis == "sampler_steps"
    samplers = {_sampler(sweep.provenance.get("sampler", {}), varied) for sweep in sweeps}
    parts = [f"{samples} samples per point" if samples else "", *sorted(samplers)]
    if not varied:
        return _sentence([*parts, images_and_network(sweeps[0].provenance)])
    steps = _range([sweep.ldm.get("training_steps") for sweep in sweeps])
    trained = f"after {steps} training steps" if steps else ""
    return _sentence([*parts, trained, images_and_network(sweeps[0].provenance)])


def speed_protocol(throughputs: Iterable[Throughput]) -> str:
    """On which device the speed was measured."""
    devices = dict.fromkeys(_device(throughput.provenance.get("device", {})) for throughput in throughputs)
    return f"Speed measured on {' and '.join(filter(None, devices))}." if any(devices) else ""


def reconstruction_protocol(results: Sequence[Result]) -> str:
    return _sentence([images_and_network(results[0].provenance)]) if results else ""


def _sampler(sampler: Facts, varied: bool) -> str:
    """``DDIM 50 steps, eta 0.0``, without the number of steps where the points vary it."""
    if not varied:
        return sampler_text(sampler)
    eta = f", eta {sampler['eta']}" if "eta" in sampler else ""
    return f"{str(sampler['kind']).upper().replace('_', '-')}{eta}" if "kind" in sampler else ""


def _device(device: Mapping[str, Any]) -> str:
    threads = device.get("threads")
    parts = [device.get("name"), f"{threads} thread{'' if threads == 1 else 's'}" if threads else "",
             device.get("precision")]  # fmt: skip
    return ", ".join(str(part) for part in parts if part)


def _range(values: Iterable[Any]) -> str:
    """``200``, or ``200 to 500``; empty where no value is a number."""
    numbers = sorted({value for value in values if isinstance(value, int)})
    if not numbers:
        return ""
    return f"{numbers[0]:,}" if len(numbers) == 1 else f"{numbers[0]:,} to {numbers[-1]:,}"


def _sentence(parts: Iterable[str]) -> str:
    text = ", ".join(part for part in parts if part)
    return f"{text[:1].upper()}{text[1:]}." if text else ""
