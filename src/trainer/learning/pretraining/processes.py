"""One process, or several under torchrun: device, precision, averaging, agreement."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import distributed, nn

from trainer.learning.pretraining.config import Precision


@dataclass(frozen=True, slots=True)
class Processes:
    """This process among those of a run.

    Attributes:
        rank: Its number.
        count: How many there are.
        device: What it computes on.
    """

    rank: int
    count: int
    device: torch.device

    @classmethod
    def start(cls) -> Processes:
        """Joins the processes that torchrun started, if it did; one GPU each, or processors (gloo)."""
        count = int(os.environ.get("WORLD_SIZE", "1"))
        rank = int(os.environ.get("RANK", "0"))
        cuda = torch.cuda.is_available()
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0"))) if cuda else torch.device("cpu")
        if cuda:
            torch.cuda.set_device(device)
            torch.set_float32_matmul_precision("high")  # what stays fp32 is multiplied in TF32
        if count > 1 and not distributed.is_initialized():
            distributed.init_process_group("nccl" if cuda else "gloo")
        return cls(rank, count, device)

    @property
    def main(self) -> bool:
        """Whether this process writes files and speaks."""
        return self.rank == 0

    def wrap(self, module: nn.Module) -> nn.Module:
        """Makes gradients the mean over all processes."""
        if self.count == 1:
            return module
        devices = [self.device] if self.device.type == "cuda" else None
        return nn.parallel.DistributedDataParallel(module, device_ids=devices)

    def agree(self, value: float) -> float:
        """The main process's value, so that all stop at the same step."""
        if self.count == 1:
            return value
        shared = torch.tensor([value], dtype=torch.float64, device=self.device)
        distributed.broadcast(shared, 0)
        return float(shared)

    def wait(self) -> None:
        """Returns when every process has come here."""
        if self.count > 1:
            distributed.barrier()

    def stop(self) -> None:
        """Leaves the group."""
        if self.count > 1 and distributed.is_initialized():
            distributed.destroy_process_group()

    def autocast(self, precision: Precision) -> AbstractContextManager[Any]:
        """The arithmetic of a forward pass."""
        if precision is Precision.bf16 or (precision is Precision.auto and has_fast_bf16(self.device)):
            context: AbstractContextManager[Any] = torch.autocast(self.device.type, torch.bfloat16)
            return context
        return nullcontext()


def has_fast_bf16(device: torch.device) -> bool:
    """Whether bf16 is multiplied in hardware; elsewhere it is emulated and slower than fp32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    path = Path("/proc/cpuinfo")
    flags = path.read_text(encoding="utf-8") if path.is_file() else ""
    return "avx512_bf16" in flags or "amx_bf16" in flags
