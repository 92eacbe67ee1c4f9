"""Another family of tokenizers: SentencePiece pieces, ``<s>`` and ``</s>``, positions that begin behind the padding."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast, XLMRobertaConfig, XLMRobertaModel

from tests.conftest import build_article
from tests.integration.test_train import make_config
from trainer.learning.export import export_run
from trainer.learning.train import train
from trainer.runtime.model import load_model

_SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]


@pytest.fixture(scope="module")
def xlmr(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """XLM-R's shape in small: a Unigram tokenizer and two layers of random weights."""
    texts = [build_article("text", index).text for index in range(6)]
    inner = Tokenizer(models.Unigram())
    inner.pre_tokenizer = pre_tokenizers.Metaspace()
    inner.train_from_iterator(
        texts * 4, trainers.UnigramTrainer(vocab_size=200, special_tokens=_SPECIAL, unk_token="<unk>")
    )
    inner.post_processor = processors.TemplateProcessing("<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    folder = tmp_path_factory.mktemp("xlmr")
    PreTrainedTokenizerFast(
        tokenizer_object=inner, bos_token="<s>", eos_token="</s>", cls_token="<s>", sep_token="</s>", pad_token="<pad>",
        unk_token="<unk>", mask_token="<mask>", model_max_length=126,
    ).save_pretrained(folder)  # fmt: skip
    torch.manual_seed(0)
    config = XLMRobertaConfig(
        vocab_size=inner.get_vocab_size(), hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=64, max_position_embeddings=128, pad_token_id=1, bos_token_id=0, eos_token_id=2,
        type_vocab_size=1,
    )  # fmt: skip
    XLMRobertaModel(config).save_pretrained(folder)
    return folder


def test_an_encoder_with_a_sentencepiece_tokenizer_trains_and_exports(
    tmp_path: Path, annotations_path: Path, split_path: Path, xlmr: Path
) -> None:
    config = make_config(tmp_path / "xlmr", annotations_path, split_path, xlmr)
    config.event_head.enabled = False
    run = train(config)
    metrics = json.loads((run / "metrics.json").read_text("utf-8"))
    assert metrics["dev"]["strict"]["f1"] > 0.8
    texts = [build_article("text", index).text for index in range(6)]
    in_torch = load_model(run, runtime="torch").predict(texts)
    export_run(run)
    in_onnx = load_model(run, runtime="onnx", precision="float32").predict(texts)
    for text, first, second in zip(texts, in_torch, in_onnx, strict=True):
        assert [(s.start, s.end, s.label) for s in first.spans] == [(s.start, s.end, s.label) for s in second.spans]
        assert all(text[span.start : span.end].strip() for span in first.spans)
        assert np.allclose([s.score for s in first.spans], [s.score for s in second.spans], atol=1e-3)
