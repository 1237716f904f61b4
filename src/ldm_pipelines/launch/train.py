"""Train in this process, or in one for each of ``compute.devices``."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ldm_pipelines.compute import Compute
from ldm_pipelines.errors import InputError


def launch(
    train: Callable[..., Path], *arguments: Any, batch: tuple[str, int] | None, compute: Compute, **named: Any
) -> Path:
    """``train(*arguments, compute=compute, **named)``, by as many processes as ``compute.devices`` says.

    ``batch`` is the key and the value of the global batch size; None: nothing is trained. One device: ``train`` is
    called here, and nothing else happens. Several: it runs in each of them on its share of every batch
    (``training.ranks``); the result is what the first one returns. What it logs, to a ``logger`` or to Python's, is
    logged here.

    Raises:
        InputError: the batch cannot be shared, or there are not as many GPUs.
        Exception: whatever ``train`` raises in one of the processes; the others are ended then.
    """
    if compute.devices == 1 or batch is None:
        return train(*arguments, compute=compute, **named)
    check_shares(*batch, compute.devices)
    check_devices(compute)
    from ldm_pipelines.launch.processes import Job, run

    logger = named.pop("logger", None)
    folder: Path = run(Job(train, arguments, named, compute, tracked=logger is not None), logger)
    return folder


def check_shares(key: str, batch_size: int, devices: int) -> None:
    """Raises ``InputError`` for a batch that cannot be cut into equal parts."""
    below = batch_size - batch_size % devices
    if below == batch_size:
        return
    near = f"{below} or {below + devices}" if below else f"{devices}"
    raise InputError(
        f"{key} is {batch_size}, which compute.devices ({devices}) does not divide: every device trains on an equal "
        f"part of the batch. Take {near}, or another number of devices"
    )


def check_devices(compute: Compute) -> None:
    """Raises ``InputError`` for more devices than there are GPUs; on the CPU there are as many as one likes."""
    if compute.torch_device() != "cuda":
        return
    import torch

    there = torch.cuda.device_count()
    if compute.devices > there:
        raise InputError(
            f"compute.devices is {compute.devices}, but PyTorch finds {there} GPU{'' if there == 1 else 's'} here; "
            "lower it in conf/local/compute.yml, or set device: cpu"
        )
