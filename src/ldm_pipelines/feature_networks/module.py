"""Training of the classifier."""

from math import cos, pi

import torch
import torch.nn.functional as F
from torch import Tensor

from ldm_pipelines.feature_networks.classifier import ClassifierNetwork
from ldm_pipelines.feature_networks.spec import ClassifierTraining
from ldm_pipelines.training.module import TrainingModule
from ldm_pipelines.training.stream import InOrder


class ClassifierModule(TrainingModule):
    """Cross-entropy with AdamW; the rate follows half a cosine to zero."""

    def __init__(self, network: ClassifierNetwork, training: ClassifierTraining, seed: int) -> None:
        super().__init__(seed)
        self.network = network
        self.training_spec = training

    def learning_rate(self, step: int) -> float:
        return self.training_spec.learning_rate * 0.5 * (1 + cos(pi * step / self.training_spec.steps))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        spec = self.training_spec
        return torch.optim.AdamW(self.network.parameters(), lr=spec.learning_rate, weight_decay=spec.weight_decay)

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        x = batch["x"]
        noise = self.draws("noise").normal(*x.shape)
        logits = self.network(x + self.training_spec.noise * noise).logits
        loss = self.check_finite(F.cross_entropy(logits, batch["label"]))
        accuracy = (logits.argmax(dim=1) == batch["label"]).float().mean()
        self.record(len(x), train_loss=loss, train_accuracy=accuracy)
        return loss


@torch.no_grad()
def predict(network: ClassifierNetwork, batches: InOrder, device: str) -> Tensor:
    """The most likely class of every image (n,) int64, on the CPU."""
    each = (network(batches[number]["x"].to(device)).logits for number in range(len(batches)))
    return torch.cat([logits.argmax(dim=1).cpu() for logits in each])
