"""The training loop: Hugging Face ``Trainer`` underneath; its argument names appear in this module alone."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from datasets import Dataset
from torch import nn
from torch.utils.data import DataLoader
from transformers import PreTrainedModel, Trainer, TrainerControl, TrainingArguments
from transformers.trainer_callback import PrinterCallback, ProgressCallback

from trainer.learning.batching import TokenBudgetSampler, WindowCollator
from trainer.learning.config import TrainConfig, TrainingConfig
from trainer.learning.development import DevScores
from trainer.learning.dropout import replace_dropout
from trainer.learning.lower_layers import LowerLayers
from trainer.learning.noise import WordMask
from trainer.learning.observer import DEV_F1, Observer, Speed
from trainer.learning.optimiser import LazyAdamW, group_parameters
from trainer.learning.run import CHECKPOINTS
from trainer.learning.tracking import Curves, CurveWriter
from trainer.runtime.reading import SPECIAL_TOKENS

logger = logging.getLogger(__name__)

Evaluate = Callable[[], DevScores]


class TaggerTrainer(Trainer):  # type: ignore[misc]
    """Trains a token classifier on windows; dev strict F1 over whole articles picks the epoch.

    Args:
        model: The tagger.
        windows: From `trainer.learning.encoding.encode_articles`.
        evaluate: Scores the model on dev articles.
        config: The run's configuration.
        loss: From logits ``(labelled, tags)`` and tag indices ``(labelled,)`` to a summed loss.
        autocast: Number format of matrix products; float32 when None.
        mask: Hides words of each batch; none when None.
    """

    optimizer: torch.optim.Optimizer | None
    control: TrainerControl

    def __init__(
        self,
        model: PreTrainedModel,
        windows: Dataset,
        evaluate: Evaluate,
        config: TrainConfig,
        loss: nn.Module,
        autocast: torch.dtype | None,
        mask: WordMask | None = None,
    ) -> None:
        arguments = _arguments(config, count_epochs(config.training, windows["length"]), autocast is torch.bfloat16)
        super().__init__(model=model, args=arguments, train_dataset=windows, compute_loss_func=_loss_function(loss))
        self._evaluate_dev, self._config, self._mask = evaluate, config, mask
        for callback in (ProgressCallback, PrinterCallback):
            self.remove_callback(callback)
        if not torch.cuda.is_available():
            replace_dropout(model)
        self._lower_layers = LowerLayers(model.base_model, config.training.lower_layers_until)
        if arguments.world_size > 1 and config.training.lower_layers_until < 1:
            model.get_input_embeddings().sparse = False  # torch cannot reduce sparse gradients that may be absent
        self.observer = Observer(config, self.is_world_process_zero())
        self.add_callback(self.observer)
        curves = Curves(config, self.is_world_process_zero())
        self._curve_writer = CurveWriter(curves, self.observer.speed.newest)
        self.add_callback(self._curve_writer)

    def start(self, checkpoint: Path | None) -> Speed:
        """Train from the beginning, or from a checkpoint."""
        self.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
        self._lower_layers.wake()
        return self.observer.speed

    def training_step(
        self, model: nn.Module, inputs: dict[str, torch.Tensor], *rest: Any, **named: Any
    ) -> torch.Tensor:
        """One batch; counts the tokens of its words."""
        self._lower_layers.turn(self.state.global_step / self.state.max_steps)
        if self._mask is not None:
            inputs["input_ids"] = self._mask.hide(inputs["input_ids"], inputs["labels"])
        self._catch_up(inputs["input_ids"].unique())
        mask = inputs["attention_mask"]
        self.observer.speed.count(int(mask.sum()) - SPECIAL_TOKENS * len(mask))
        loss: torch.Tensor = super().training_step(model, inputs, *rest, **named)
        self._curve_writer.count_loss(loss)
        return loss

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Batches by token budget; each process of a distributed run gets its share of each batch."""
        windows = self.train_dataset
        sampler = TokenBudgetSampler(
            windows["length"],
            self._config.training.batch_tokens,
            self._config.seed,
            self.args.world_size,
            self.args.process_index,
        )
        padding = int(getattr(self.model.config, "pad_token_id", None) or 0)
        return _EpochLoader(windows, batch_sampler=sampler, collate_fn=WindowCollator(padding))

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """AdamW with lazy embedding rows and a rate of its own for the head."""
        if self.optimizer is None:
            settings = self._config.training
            groups = group_parameters(
                self.model,
                self.model.base_model,
                settings.learning_rate,
                settings.head_learning_rate,
                settings.weight_decay,
            )
            self.optimizer = LazyAdamW(groups, settings.gradient_clip)
        return self.optimizer

    def _get_grad_norm(self, model: nn.Module, grad_norm: Any = None) -> float | None:
        """The optimiser clips, sparse gradients included, and knows the norm after its step."""
        return None

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """Strict F1 on dev; every process computes the same."""
        self._catch_up()
        scores = self._evaluate_dev()
        metrics = {
            DEV_F1: scores.overall.f1,
            "eval_precision": scores.overall.precision,
            "eval_recall": scores.overall.recall,
            **{f"eval_f1_{label}": counts.f1 for label, counts in scores.labels.items()},
        }
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def _catch_up(self, rows: torch.Tensor | None = None) -> None:
        """Bring embedding rows up to date before they are read."""
        optimiser = getattr(self.optimizer, "optimizer", self.optimizer)  # accelerate wraps it
        if isinstance(optimiser, LazyAdamW):
            optimiser.catch_up(rows)

    def floating_point_ops(self, inputs: dict[str, Any]) -> int:
        """Not counted."""
        return 0


class _EpochLoader(DataLoader[Any]):  # type: ignore[misc]
    """A loader that hands the epoch's number to its sampler."""

    def set_epoch(self, epoch: int) -> None:
        sampler = self.batch_sampler
        if isinstance(sampler, TokenBudgetSampler):
            sampler.set_epoch(epoch)


def _loss_function(loss: nn.Module) -> Callable[..., torch.Tensor]:
    """Mean loss a labelled token over all batches of an update, so that accumulation and processes do not matter."""

    def compute(
        outputs: Any, labels: torch.Tensor, num_items_in_batch: torch.Tensor | int | None = None
    ) -> torch.Tensor:
        chosen = labels >= 0
        summed: torch.Tensor = loss(outputs.logits[chosen].float(), labels[chosen])
        count = chosen.sum() if num_items_in_batch is None else num_items_in_batch
        return summed / count

    return compute


def count_epochs(settings: TrainingConfig, lengths: Sequence[int]) -> int:
    """Epochs as set, or as many more as few articles need to make the fewest updates.

    Args:
        settings: Epochs, fewest updates, batches of an update and their tokens.
        lengths: Tokens of each window.
    """
    sampler = TokenBudgetSampler(lengths, settings.batch_tokens, seed=0, processes=PartialState().num_processes)
    updates = math.ceil(len(sampler) / settings.accumulation)
    epochs = max(settings.epochs, math.ceil(settings.least_updates / updates))
    if epochs > settings.epochs and not settings.max_steps:
        logger.info(
            "%d epochs: %d would make %d updates, and training.least_updates asks for %d",
            epochs,
            settings.epochs,
            settings.epochs * updates,
            settings.least_updates,
        )
    return epochs


def _arguments(config: TrainConfig, epochs: int, bf16: bool) -> TrainingArguments:
    settings: TrainingConfig = config.training
    return TrainingArguments(
        output_dir=str(config.directory / CHECKPOINTS),
        num_train_epochs=epochs,
        max_steps=settings.max_steps or -1,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="linear",
        warmup_steps=settings.warmup,
        gradient_accumulation_steps=settings.accumulation,
        max_grad_norm=0.0,  # the optimiser clips
        bf16=bf16,
        use_cpu=not torch.cuda.is_available(),
        eval_strategy="no",  # the observer asks for it: dev is not a data set of windows
        save_strategy="epoch",
        logging_strategy="epoch",
        save_total_limit=None,  # checkpoints are thinned out by the observer
        metric_for_best_model=DEV_F1,
        greater_is_better=True,
        load_best_model_at_end=False,
        remove_unused_columns=False,
        average_tokens_across_devices=True,
        dataloader_pin_memory=False,
        disable_tqdm=True,
        report_to="none",
        seed=config.seed,
        ddp_backend=None if torch.cuda.is_available() or PartialState().num_processes == 1 else "gloo",
        ddp_find_unused_parameters=settings.lower_layers_until < 1,
    )
