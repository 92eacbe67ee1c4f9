"""The event head: torch and numpy agree, files are whole or refused, fitting learns a rule."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from tests.event_heads import WIDTH, build_head, build_net, letter_states
from trainer.core.candidates import find_candidates
from trainer.core.errors import ArtifactError, ConfigError
from trainer.core.event_metrics import count_events
from trainer.core.metrics import total
from trainer.core.paths import default_schema_path
from trainer.core.schema import load_schema, schema_of_labels
from trainer.core.types import Article, Link, Span
from trainer.core.words import split_paragraphs, split_words
from trainer.learning.config import TrainConfig
from trainer.learning.event_config import EventHeadConfig
from trainer.learning.event_examples import gather_examples
from trainer.learning.event_head import fit_event_head, write_event_head
from trainer.learning.event_net import NO_LINK
from trainer.learning.events import add_event_head
from trainer.runtime import joining
from trainer.runtime.event_head import EVENT_HEAD, HeadSettings, load_event_head, widen_states
from trainer.runtime.reading import Reading
from trainer.runtime.word_hashes import REACH, average_ranges, hash_neighbourhoods, hash_words

SCHEMA = load_schema(default_schema_path())
TRIGGERS = {"قصف": "strike", "اعتقل": "arrest", "انتشر": "deployment"}
ACTORS, PLACES = ("الجيش", "داعش", "الشرطة"), ("الموصل", "كركوك", "حلب")
CONFIG = EventHeadConfig(epochs=12, batch=64, learning_rate=1e-2, dropout=0.0, hidden=32, patience=None)


def read(texts: list[str]) -> list[Reading]:
    readings = []
    for text in texts:
        words = split_words(text)
        readings.append(Reading(text, words, split_paragraphs(text, words), ()))
    return readings


def make_article(number: int) -> Article:
    """A sentence "trigger, agent, target, in place", a comma, and again with others: links by position and distance."""
    generator = np.random.default_rng(number)
    text, spans, links = "", [], []
    for _ in range(2):
        base = len(spans)
        trigger = str(generator.choice(list(TRIGGERS)))
        agent, target = (str(name) for name in generator.choice(ACTORS, 2, replace=False))
        place = str(generator.choice(PLACES))
        for surface, label in ((trigger, "OPERATION"), (agent, "ACTOR"), (target, "ACTOR"), (place, "LOCATION")):
            text += "في " if label == "LOCATION" else ""
            spans.append(Span(len(text), len(text) + len(surface), label, TRIGGERS.get(surface)))
            text += surface + " "
        text += "، "
        links += [Link(base, base + 1, "agent"), Link(base, base + 2, "target"), Link(base, base + 3, "place")]
    return Article(f"a{number}", text, tuple(spans), tuple(links))


def examples_of(numbers: range):
    articles = [make_article(number) for number in numbers]
    return gather_examples(articles, read([article.text for article in articles]), letter_states, SCHEMA)


def test_numpy_computes_what_torch_fitted() -> None:
    article = make_article(1)
    (reading,) = read([article.text])
    states = widen_states(reading, letter_states([reading])[0][1])
    examples = gather_examples([article], [reading], letter_states, SCHEMA)
    net, head = build_net(SCHEMA), build_head(SCHEMA)
    candidates = find_candidates(reading.words, reading.paragraphs, article.spans, SCHEMA)
    with torch.inference_mode():
        links = torch.log_softmax(net.score_links(examples.pooled, examples.pairs), dim=1).numpy()
        types = net.score_types(examples.pooled).numpy()
    np.testing.assert_allclose(head.score_links(candidates, examples.pooled.numpy(), states), links, atol=1e-5)
    np.testing.assert_allclose(head.score_types(examples.pooled.numpy()), types, atol=1e-5)


def test_fitting_learns_types_and_links_that_follow_a_rule() -> None:
    head = fit_event_head(examples_of(range(60)), examples_of(range(60, 80)), SCHEMA, CONFIG, seed=1)
    assert head is not None
    counts = []
    for number in range(100, 120):
        article = make_article(number)
        (reading,) = read([article.text])
        bare = [replace(span, type=None) for span in article.spans]
        found = head.complete(reading, bare, letter_states([reading])[0][1], SCHEMA)
        counts.append(count_events(article.spans, article.links, *found, SCHEMA))
    assert total(row.typed for row in counts).f1 == 1.0
    assert total(row.links for row in counts).f1 > 0.97


def test_the_same_seed_gives_the_same_head_and_leaves_the_callers_random_state_alone() -> None:
    train, dev = examples_of(range(8)), examples_of(range(8, 12))
    settings = replace(CONFIG, epochs=2, dropout=0.2)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first, second = (fit_event_head(train, dev, SCHEMA, settings, seed=3) for _ in range(2))
    assert first is not None
    assert second is not None
    assert all(np.array_equal(first.weights[name], second.weights[name]) for name in first.weights)
    assert torch.equal(torch.rand(3), expected)


def test_roles_follow_the_links_and_everything_else_is_no_link() -> None:
    article = make_article(4)
    examples = gather_examples([article], read([article.text]), letter_states, SCHEMA)
    order = [None, *(role.name for role in SCHEMA.roles)]
    found = {
        (int(operation), int(argument), order[role])
        for operation, argument, role in zip(
            examples.pairs.operations, examples.pairs.arguments, examples.roles.tolist(), strict=True
        )
        if role != NO_LINK
    }
    assert found == {(link.operation, link.argument, link.role) for link in article.links}
    assert examples.links == len(article.links)


def test_a_head_survives_its_file(tmp_path: Path) -> None:
    head = build_head(SCHEMA, threshold=0.275)
    write_event_head(tmp_path, head)
    assert [path.name for path in tmp_path.iterdir()] == [EVENT_HEAD]
    loaded = load_event_head(tmp_path, SCHEMA)
    assert loaded is not None
    assert loaded.settings == head.settings
    assert {name: value.tolist() for name, value in loaded.weights.items()} == {
        name: value.tolist() for name, value in head.weights.items()
    }


def test_a_run_without_the_file_has_no_head(tmp_path: Path) -> None:
    assert load_event_head(tmp_path, SCHEMA) is None


def test_a_damaged_file_is_refused_by_name(tmp_path: Path) -> None:
    write_event_head(tmp_path, build_head(SCHEMA))
    path = tmp_path / EVENT_HEAD
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ArtifactError, match=EVENT_HEAD):
        load_event_head(tmp_path, SCHEMA)


def test_a_head_of_another_schema_is_refused(tmp_path: Path) -> None:
    write_event_head(tmp_path, build_head(replace(SCHEMA, types=SCHEMA.types[::-1])))
    with pytest.raises(ArtifactError, match="another schema"):
        load_event_head(tmp_path, SCHEMA)


def test_a_head_without_settings_is_refused(tmp_path: Path) -> None:
    write_event_head(tmp_path, build_head(SCHEMA))
    save_file(load_file(tmp_path / EVENT_HEAD), tmp_path / EVENT_HEAD)
    with pytest.raises(ArtifactError, match="another format"):
        load_event_head(tmp_path, SCHEMA)


def test_a_head_of_other_pair_features_is_refused(tmp_path: Path) -> None:
    head = build_head(SCHEMA)
    head.weights = {**head.weights, "link_structure.weight": head.weights["link_structure.weight"][:, 1:]}
    write_event_head(tmp_path, head)
    with pytest.raises(ArtifactError, match="another version"):
        load_event_head(tmp_path, SCHEMA)


def test_a_higher_threshold_draws_fewer_links() -> None:
    article = make_article(3)
    (reading,) = read([article.text])
    states = letter_states([reading])[0][1]
    heads = (build_head(SCHEMA, threshold=threshold) for threshold in (0.4, 0.0))
    few, many = (head.complete(reading, article.spans, states, SCHEMA)[1] for head in heads)
    assert set(few) < set(many)


@pytest.mark.parametrize("most_words", [1, 60, 4096])
def test_articles_read_together_get_what_each_gets_alone(most_words: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joining, "_MOST_WORDS", most_words)
    articles = [
        *map(make_article, range(6)),
        Article("bare", "لا حدث هنا", (), ()),
        make_article(6),
        Article("", "", ()),
    ]
    readings = read([article.text for article in articles])
    spans = [tuple(replace(span, type=None) for span in article.spans) for article in articles]
    states = [states for _, states in letter_states(readings)]
    head = build_head(SCHEMA, threshold=0.0)
    together = head.complete_all(readings, spans, states, SCHEMA)
    alone = [head.complete(*row, SCHEMA) for row in zip(readings, spans, states, strict=True)]
    assert [row[0] for row in together] == [row[0] for row in alone]
    assert [row[1] for row in together] == [row[1] for row in alone]
    assert sum(len(links) for _, links in together) > 50
    assert together[6] == together[8] == ((), ())
    scores = [[link.score for _, links in rows for link in links] for rows in (together, alone)]
    np.testing.assert_allclose(*scores, atol=1e-5)


def test_a_head_of_types_alone_draws_no_links() -> None:
    head = build_head(SCHEMA)
    head.settings = HeadSettings(SCHEMA.type_names, (), 0.5, WIDTH)
    article = make_article(2)
    (reading,) = read([article.text])
    spans, links = head.complete(reading, article.spans, letter_states([reading])[0][1], SCHEMA)
    assert links == ()
    assert spans[0].type in SCHEMA.type_names


@pytest.mark.parametrize(
    ("schema", "enabled", "words"),
    [
        (SCHEMA, False, "enabled is false"),
        (schema_of_labels(("ACTOR", "OPERATION")), True, "neither types"),
    ],
)
def test_no_head_is_never_silent(schema, enabled, words, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = TrainConfig(directory=tmp_path, event_head=EventHeadConfig(enabled=enabled))
    articles = [make_article(1)]
    with caplog.at_level(logging.INFO):
        assert add_event_head(config, articles, articles, schema, read, letter_states) is None
    assert words in caplog.text
    assert not list(tmp_path.iterdir())


def test_articles_without_events_get_no_head_and_say_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    articles = [replace(make_article(1), links=(), spans=(replace(make_article(1).spans[0], type=None),))]
    with caplog.at_level(logging.INFO):
        scores = add_event_head(TrainConfig(directory=tmp_path), articles, articles, SCHEMA, read, letter_states)
    assert scores is None
    assert "neither types nor links" in caplog.text


def test_dev_articles_without_spans_or_words_are_scored_too(tmp_path: Path) -> None:
    config = TrainConfig(directory=tmp_path, event_head=replace(CONFIG, epochs=1))
    dev = [Article("bare", "لا حدث هنا"), Article("empty", "")]
    scores = add_event_head(config, [make_article(1)], dev, SCHEMA, read, letter_states)
    assert scores is not None
    assert scores["given_gold_spans"]["links"]["gold"] == 0


def test_means_are_over_the_range_and_zero_for_an_empty_one() -> None:
    states = np.arange(8, dtype=np.float32).reshape(4, 2)
    found = average_ranges(states, np.array([0, 2, 1]), np.array([3, 4, 1]))
    assert found.tolist() == [[2.0, 3.0], [5.0, 6.0], [0.0, 0.0]]


@pytest.mark.parametrize("values", [{"dropout": 1.0}, {"hidden": 7}, {"batch": 2}, {"epochs": 0}, {"patience": -1}])
def test_settings_out_of_range_are_refused_by_key(values: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=rf"event_head\.{next(iter(values))}"):
        EventHeadConfig(**values)


def test_spellings_of_one_word_share_their_hashed_features_and_other_words_do_not() -> None:
    (reading,) = read(["قَصَفَ قصف قصـف إحتجاج احتجاج اعتقال"])
    own = hash_words(reading)
    assert np.array_equal(own[0], own[1])
    assert np.array_equal(own[1], own[2])
    assert np.array_equal(own[3], own[4])
    assert not np.array_equal(own[4], own[5])


def test_a_neighbourhood_ends_with_its_paragraph() -> None:
    (alone, between) = read(["قصف الجيش", "حلب\nقصف الجيش\nحمص"])
    own = [hash_words(reading) for reading in (alone, between)]
    near = [hash_neighbourhoods(reading, rows) for reading, rows in zip((alone, between), own, strict=True)]
    assert REACH > 1
    np.testing.assert_allclose(near[0], near[1][1:3])
