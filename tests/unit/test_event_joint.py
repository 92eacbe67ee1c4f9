"""Events of windows, and the loss that a tagger is trained on together with them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from torch.nn import functional

from tests.event_heads import WIDTH
from trainer.core.paths import default_schema_path
from trainer.core.schema import load_schema
from trainer.core.types import Article, Link, Span
from trainer.learning.batching import WindowCollator
from trainer.learning.encoding import encode_articles
from trainer.learning.event_examples import gather_examples
from trainer.learning.event_net import EventNet
from trainer.learning.joint import WindowEvents, _EventCollator, event_loss, find_window_events
from trainer.runtime.reading import Reader, Reading, ReadingSettings

SCHEMA = load_schema(default_schema_path())
PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "قصف", "الجيش", "داعش", "##ال", "مو", "##صل", "."]
SENTENCE = "قصف الجيش داعش موصل . "


def reader(max_length: int = 64, overlap: int = 4) -> Reader:
    tokenizer = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(PIECES)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return Reader(tokenizer, ReadingSettings(max_length=max_length, overlap=overlap))


def article(sentences: int) -> Article:
    spans, links = [], []
    for number in range(sentences):
        start, base = number * len(SENTENCE), 4 * number
        labels = ("OPERATION", "ACTOR", "ACTOR", "LOCATION")
        for label, surface in zip(labels, SENTENCE.split(), strict=False):
            first = start + SENTENCE.index(surface)
            kind = "strike" if label == "OPERATION" else None
            spans.append(Span(first, first + len(surface), label, kind))
        links += [Link(base, base + 1, "agent"), Link(base, base + 2, "target"), Link(base, base + 3, "place")]
    return Article("a", SENTENCE * sentences, tuple(spans), tuple(links))


def read(articles: list[Article], source: Reader) -> list[Reading]:
    return source.read_texts([article.text for article in articles])


def collate(articles: list[Article], source: Reader) -> tuple[dict, list[WindowEvents]]:
    events = find_window_events(articles, read(articles, source), SCHEMA)
    windows = encode_articles(articles, source, SCHEMA.tags)
    windows = windows.add_column("window", list(range(len(windows))))
    return _EventCollator(WindowCollator(0), events)(list(windows)), events


def test_every_operation_is_taught_by_exactly_one_window_however_the_article_is_cut() -> None:
    whole = article(12)
    events = find_window_events([whole], read([whole], reader(max_length=24)), SCHEMA)
    assert len(events) > 2
    assert sum(len(window.operations) for window in events) == 12
    assert sum(int((window.roles > 0).sum()) for window in events) <= len(whole.links)


def test_the_joint_loss_is_the_loss_on_pooled_states() -> None:
    articles, source = [article(2), Article("bare", "قصف"), article(1)], reader()
    batch, events = collate(articles, source)
    assert len(events) == 3
    generator = torch.Generator().manual_seed(0)
    states = torch.randn((*batch["input_ids"].shape, WIDTH), generator=generator)
    net = EventNet(WIDTH, len(SCHEMA.types), len(SCHEMA.roles), 16, 0.1).eval()

    def score(readings):
        rows = [next(i for i, a in enumerate(articles) if a.text == reading.text) for reading in readings]
        return [
            (np.zeros((0, 7), np.float32), states[row][reading.windows[0].first_tokens].numpy())
            for row, reading in zip(rows, readings, strict=True)
        ]

    examples = gather_examples(articles, source.read_texts([a.text for a in articles]), score, SCHEMA)
    first, mean = examples.pooled.chunk(2, dim=1)
    pooled = torch.cat((first[:, :WIDTH], mean[:, :WIDTH]), dim=1)  # joint training reads no hashed features
    pairs = replace(examples.pairs, between=examples.pairs.between[:, :WIDTH])
    with torch.inference_mode():
        expected = functional.cross_entropy(net.score_types(pooled[examples.operations]), examples.types)
        expected += functional.cross_entropy(net.score_links(pooled, pairs), examples.roles)
        assert event_loss(net, states, batch["events"]).item() == pytest.approx(expected.item(), abs=1e-5)


def test_a_batch_without_events_still_gives_every_weight_a_gradient() -> None:
    batch, _ = collate([Article("bare", "قصف الجيش")], reader())
    net = EventNet(WIDTH, len(SCHEMA.types), len(SCHEMA.roles), 16, 0.1)
    loss = event_loss(net, torch.randn(*batch["input_ids"].shape, WIDTH), batch["events"])
    loss.backward()
    assert loss.item() == 0.0
    assert all(weight.grad is not None and not weight.grad.any() for weight in net.parameters())


def test_an_untyped_operation_teaches_links_and_no_type() -> None:
    whole = article(1)
    untyped = replace(whole, spans=tuple(replace(span, type=None) for span in whole.spans))
    (events,) = find_window_events([untyped], read([untyped], reader()), SCHEMA)
    assert len(events.operations) == 0
    assert sorted(events.roles.tolist()) == [1, 2, 3]
