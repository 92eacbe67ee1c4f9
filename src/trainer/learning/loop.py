"""The training loop: Hugging Face ``Trainer`` underneath; its argument names appear in this module alone."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from datasets import Dataset
from torch import nn
from torch.utils.data import DataLoader
from transformers import PreTrainedModel, Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_callback import PrinterCallback, ProgressCallback

from trainer.learning.batching import TokenBudgetSampler, WindowCollator
from trainer.learning.checkpoints import BestSoFar, close_checkpoint, write_history
from trainer.learning.config import TrainConfig, TrainingConfig
from trainer.learning.development import DevScores
from trainer.learning.optimiser import LazyAdamW, group_parameters
from trainer.learning.progress import TrainingBar
from trainer.learning.run import CHECKPOINTS

logger = logging.getLogger(__name__)

DEV_F1 = "eval_f1"
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
    ) -> None:
        arguments = _arguments(config, bf16=autocast is torch.bfloat16)
        super().__init__(model=model, args=arguments, train_dataset=windows, compute_loss_func=_loss_function(loss))
        self._evaluate_dev, self._config = evaluate, config
        for callback in (ProgressCallback, PrinterCallback):
            self.remove_callback(callback)
        self.add_callback(_Observer(config, self.is_world_process_zero()))

    def start(self, checkpoint: Path | None) -> None:
        """Train from the beginning, or from a checkpoint."""
        self.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))

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

    def floating_point_ops(self, inputs: dict[str, Any]) -> int:
        """Not counted."""
        return 0


class _EpochLoader(DataLoader[Any]):  # type: ignore[misc]
    """A loader that hands the epoch's number to its sampler."""

    def set_epoch(self, epoch: int) -> None:
        sampler = self.batch_sampler
        if isinstance(sampler, TokenBudgetSampler):
            sampler.set_epoch(epoch)


class _Observer(TrainerCallback):  # type: ignore[misc]
    """Progress bar, log lines, history, early stopping, and checkpoints that are whole or absent."""

    def __init__(self, config: TrainConfig, main_process: bool) -> None:
        self._directory, self._patience = config.directory, config.training.patience
        self._bar = TrainingBar(main_process)
        self._main = main_process

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._bar.start(state.max_steps, state.global_step)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._bar.advance(state.global_step)

    def on_epoch_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        control.should_evaluate = True

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, logs: Any = None, **_: Any
    ) -> None:
        if logs and "loss" in logs:
            self._bar.show({"loss": f"{logs['loss']:.3f}"})

    def on_evaluate(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        best = BestSoFar.of_history(state.log_history, DEV_F1)
        score = state.log_history[-1][DEV_F1]
        self._bar.show({"dev F1": f"{100 * score:.1f}", "best": f"{100 * best.score:.1f}"})
        loss = next((entry["loss"] for entry in reversed(state.log_history) if "loss" in entry), float("nan"))
        logger.info(
            "epoch %d: loss %.4f, dev strict F1 %.1f (best %.1f)",
            round(state.epoch or 0),
            loss,
            100 * score,
            100 * best.score,
        )
        if best.exhausted(self._patience):
            logger.info("no better dev score in %s epochs: stopping early", self._patience)
            control.should_training_stop = True

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        if self._main:
            write_history(self._directory, state.log_history)
            close_checkpoint(self._directory / CHECKPOINTS, state.global_step, state.best_global_step)

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._bar.stop()


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


def _arguments(config: TrainConfig, bf16: bool) -> TrainingArguments:
    settings: TrainingConfig = config.training
    return TrainingArguments(
        output_dir=str(config.directory / CHECKPOINTS),
        num_train_epochs=settings.epochs,
        max_steps=settings.max_steps or -1,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="linear",
        warmup_steps=settings.warmup,
        gradient_accumulation_steps=settings.accumulation,
        max_grad_norm=0.0,  # the optimiser clips
        bf16=bf16,
        use_cpu=not torch.cuda.is_available(),
        eval_strategy="no",  # _Observer asks for it: dev is not a data set of windows
        save_strategy="epoch",
        logging_strategy="epoch",
        save_total_limit=None,  # checkpoints are thinned out by close_checkpoint
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
        ddp_find_unused_parameters=False,
    )
