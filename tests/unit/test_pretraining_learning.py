"""Masking, static vectors, first weights, optimiser, schedule and settings of pretraining."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertForMaskedLM

from trainer.core.errors import ConfigError
from trainer.learning.pretraining.batches import Draw, read_batches
from trainer.learning.pretraining.blocks import Block, Special, Stream
from trainer.learning.pretraining.cache import TokenCache
from trainer.learning.pretraining.config import PretrainConfig, ShapeConfig
from trainer.learning.pretraining.initialisation import initialise, position_size
from trainer.learning.pretraining.loss import MaskedLoss
from trainer.learning.pretraining.masking import mask_words
from trainer.learning.pretraining.optimiser import Muon, orthogonalise, split_parameters
from trainer.learning.pretraining.schedule import measure_progress, scale_rate
from trainer.learning.pretraining.vectors import count_pairs, train_vectors

SPECIAL = Special(cls=2, sep=3, mask=4, pad=0, size=500)


def _block(seed: int = 0, sequences: int = 20, length: int = 64) -> Block:
    rng = np.random.default_rng(seed)
    ids = rng.integers(5, SPECIAL.size, (sequences, length))
    starts = (rng.random((sequences, length)) < 0.6).astype(np.uint8)
    ids[:, 0], ids[:, -1], starts[:, 0], starts[:, -1] = SPECIAL.cls, SPECIAL.sep, 2, 2
    return Block(ids, starts, 0)


def _model(vocabulary: int = 500) -> BertForMaskedLM:
    torch.manual_seed(0)
    return BertForMaskedLM(
        BertConfig(
            vocab_size=vocabulary, num_hidden_layers=2, hidden_size=64, num_attention_heads=4, intermediate_size=128,
            max_position_embeddings=64, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, pad_token_id=0,
        )
    )  # fmt: skip


def _cache() -> TokenCache:
    rng = np.random.default_rng(4)
    ids = rng.integers(5, SPECIAL.size, 1000).astype(np.uint16)
    return TokenCache(ids, (rng.random(1000) < 0.6).astype(np.uint8), np.array([0, 400, 1000]))


def test_all_pieces_of_a_hidden_word_are_hidden_and_no_special_token_is() -> None:
    block = _block()
    masked = mask_words(block, 0.3, SPECIAL, np.random.default_rng(1))
    hidden = np.zeros(block.ids.size, bool)
    hidden[masked.places] = True
    hidden = hidden.reshape(block.ids.shape)
    assert not hidden[block.starts == 2].any()
    for row in range(len(block.ids)):
        for column in range(2, block.ids.shape[1] - 1):
            if block.starts[row, column] == 0:
                assert hidden[row, column] == hidden[row, column - 1]


def test_labels_are_the_true_tokens_and_other_places_are_untouched() -> None:
    block = _block()
    masked = mask_words(block, 0.2, SPECIAL, np.random.default_rng(1))
    assert np.array_equal(masked.labels, block.ids.ravel()[masked.places])
    seen = np.ones(block.ids.size, bool)
    seen[masked.places] = False
    assert np.array_equal(masked.ids.ravel()[seen], block.ids.ravel()[seen])


def test_the_share_of_hidden_words_and_their_fates_are_as_configured() -> None:
    block = _block(sequences=400)
    masked = mask_words(block, 0.2, SPECIAL, np.random.default_rng(2))
    shown = masked.ids.ravel()[masked.places]
    assert len(masked.places) / (block.starts != 2).sum() == pytest.approx(0.2, abs=0.02)
    assert (shown == SPECIAL.mask).mean() == pytest.approx(0.8, abs=0.03)
    assert (shown == masked.labels).mean() == pytest.approx(0.1, abs=0.03)
    assert not np.isin(shown, [SPECIAL.cls, SPECIAL.sep, SPECIAL.pad]).any()


def test_the_same_generator_hides_the_same_words() -> None:
    first, again = (mask_words(_block(), 0.2, SPECIAL, np.random.default_rng((13, 303, 4096, 0))) for _ in range(2))
    assert np.array_equal(first.ids, again.ids)
    assert np.array_equal(first.places, again.places)


def test_the_loss_at_hidden_places_is_the_loss_that_the_whole_model_reports() -> None:
    model = _model().eval()
    block = _block(sequences=3)
    masked = mask_words(block, 0.3, SPECIAL, np.random.default_rng(1))
    labels = torch.full((block.ids.size,), -100)
    labels[torch.from_numpy(masked.places)] = torch.from_numpy(masked.labels)
    ids = torch.from_numpy(masked.ids)
    with torch.no_grad():
        whole = model(input_ids=ids, labels=labels.view(ids.shape)).loss
        ours, _ = MaskedLoss(model)(ids, None, torch.from_numpy(masked.places), torch.from_numpy(masked.labels))
    assert float(ours) == pytest.approx(float(whole), rel=1e-5)


def test_places_that_only_fill_up_a_fixed_number_leave_the_loss_as_it_is() -> None:
    model, cache = _model().eval(), _cache()
    draw = Draw(Stream(cache, np.arange(2), SPECIAL, 1), SPECIAL, 4, 32, 0.2, 64, seed=13)
    plain, filled = draw.at(0), replace(draw, fixed=True).at(0)
    assert len(filled.places) == 256 > len(plain.places)
    with torch.no_grad():
        losses = [float(MaskedLoss(model)(*batch[:4])[0]) for batch in (plain, filled)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


@pytest.mark.parametrize("readers", [0, 2])
def test_batches_come_in_order_and_go_on_from_any_place(readers: int) -> None:
    draw = Draw(Stream(_cache(), np.arange(2), SPECIAL, 1), SPECIAL, 4, 32, 0.2, 64, seed=13)
    batches = list(itertools.islice(read_batches(draw, 0, readers, pinned=False), 5))
    assert [batch.cursor for batch in batches] == [draw.stride * number for number in range(1, 6)]
    later = next(read_batches(draw, batches[2].cursor, 0, pinned=False))
    for one, other in zip(batches[3][:4], later[:4], strict=True):
        assert torch.equal(one, other)


def test_pairs_are_counted_to_both_sides() -> None:
    column = np.array([0, 1, 2, -1])
    tokens = np.array([0, 1, 2, 3, 0, 1])
    right = count_pairs(tokens, 1, 4, column)
    left = count_pairs(tokens, -1, 4, column)
    assert right.tolist() == [[0, 2, 0], [0, 0, 1], [0, 0, 0], [1, 0, 0]]
    assert left.tolist() == [[0, 0, 0], [2, 0, 0], [0, 1, 0], [0, 0, 1]]


def test_pieces_in_the_same_surroundings_get_near_vectors() -> None:
    rng = np.random.default_rng(0)
    cities, verbs = [10, 11, 12], [20, 21, 22]
    text = [piece for _ in range(4000) for piece in (1, rng.choice(verbs), 2, rng.choice(cities), 3)]
    text += [int(piece) for piece in rng.integers(30, 60, 8000)]
    cache = TokenCache(np.array(text, np.uint16), np.ones(len(text), np.uint8), np.array([0, len(text)]))
    vectors = torch.nn.functional.normalize(train_vectors(cache, 64, 16, contexts=64), dim=1)
    assert float(vectors[10] @ vectors[11]) > 0.8
    assert float(vectors[10] @ vectors[20]) < 0.5
    assert not vectors[63].any()


def test_heads_look_at_the_neighbours_before_anything_is_learnt() -> None:
    model = _model()
    size = 64 - position_size(model.config)
    initialise(model, torch.randn(500, size), np.arange(500))
    model.set_attn_implementation("eager")
    ids = torch.from_numpy(_block(sequences=4).ids)
    with torch.no_grad():
        attention = model(input_ids=ids, output_attentions=True).attentions[0].mean(0)
    rows = torch.arange(8, 56)
    for head, offset in enumerate((-1, 1, -2)):
        there = attention[head, rows, rows + offset].mean()
        assert float(there) > 2 * float(attention[head, rows, rows].mean())
        assert float(there) > 0.25


def test_first_guesses_follow_the_frequencies() -> None:
    model = _model()
    frequency = np.arange(500) ** 2
    initialise(model, torch.randn(500, 64 - position_size(model.config)), frequency)
    assert model.cls.predictions.decoder.weight is model.bert.embeddings.word_embeddings.weight
    with torch.no_grad():
        guess = model(input_ids=torch.from_numpy(_block(sequences=2).ids)).logits.softmax(-1).mean((0, 1))
    expected = torch.from_numpy((frequency + 1) / (frequency.sum() + 1))
    assert float((guess - expected).abs().sum()) < 0.5


def test_a_tied_table_is_stepped_once_and_matrices_by_muon() -> None:
    model = _model()
    matrices, embeddings, vectors = split_parameters(model)
    assert any(p is model.bert.embeddings.word_embeddings.weight for p in embeddings)
    assert len(embeddings) == 3
    assert len(matrices) == 2 * 6 + 1
    assert sum(p.numel() for p in [*matrices, *embeddings, *vectors]) == sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("shape", [(32, 32), (32, 96)])
def test_orthogonalised_matrices_have_singular_values_near_one(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonalise(torch.randn(3, *shape)))
    assert float(values.min()) > 0.3
    assert float(values.max()) < 1.4


def test_orthogonalising_gathered_polynomials_equals_applying_them_one_by_one() -> None:
    torch.manual_seed(0)
    given = torch.randn(2, 32, 96)
    x = given / given.norm(dim=(1, 2), keepdim=True)
    for _ in range(5):
        gram = x @ x.mT
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    assert torch.allclose(orthogonalise(given), x, atol=1e-4)


def test_muon_steps_a_standing_matrix_as_it_steps_a_lying_one() -> None:
    torch.manual_seed(0)
    gradient = torch.randn(24, 16)
    standing, lying = (torch.nn.Parameter(torch.zeros(shape)) for shape in ((24, 16), (16, 24)))
    standing.grad, lying.grad = gradient, gradient.T.clone()
    Muon([standing, lying], lr=0.05).step()
    assert torch.allclose(standing.T, lying, atol=1e-6)


def test_muon_goes_downhill() -> None:
    torch.manual_seed(0)
    target, weight = torch.randn(16, 24), torch.nn.Parameter(torch.zeros(16, 24))
    optimiser = Muon([weight], lr=0.05, weight_decay=0.0)
    losses = []
    for _ in range(100):
        loss = (weight - target).pow(2).mean()
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.1 * losses[0]


def test_the_rate_rises_stays_and_falls_to_zero() -> None:
    assert scale_rate(0.0, 0.1, 0.5) == 0.02
    assert scale_rate(0.05, 0.1, 0.5) == 0.5
    assert scale_rate(0.3, 0.1, 0.5) == 1.0
    assert scale_rate(0.75, 0.1, 0.5) == pytest.approx(0.5)
    assert scale_rate(1.0, 0.1, 0.5) == 0.0


def test_whichever_budget_is_spent_first_ends_a_run_and_a_longer_one_goes_on() -> None:
    assert measure_progress(600, 10, 10, None) == 1.0
    assert measure_progress(60, 900, 10, 1000) == 0.9
    assert measure_progress(600, 1000, 40, 4000) == 0.25


@pytest.mark.parametrize(
    "wrong",
    [
        {"mask_rate": 0.0},
        {"held_out": 1.0},
        {"minutes": 0},
        {"warm_up": 0.5, "decay_from": 0.4},
        {"length": 4},
        {"length": 1024, "batch_tokens": 4096},
        {"shape": ShapeConfig(hidden=100, heads=8)},
        {"tokens": 0},
        {"readers": -1},
        {"prepare_only": True, "export_only": True},
    ],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        PretrainConfig(**wrong)  # type: ignore[arg-type]
