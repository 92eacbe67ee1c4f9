"""Decoding always gives an allowed sequence, and the best of them."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from trainer.core.bio import tag_names
from trainer.core.decoding import decode_tags, transition_scores

TAGS = tag_names(("A", "B"))
TRANSITIONS = transition_scores(TAGS)


def _score(path, emissions):
    previous = [0, *[tag + 1 for tag in path[:-1]]]
    return sum(emissions[i, tag] + TRANSITIONS[previous[i], tag] for i, tag in enumerate(path))


@given(st.integers(1, 4), st.integers(0, 10_000))
def test_decoding_finds_the_best_allowed_sequence(length, seed):
    emissions = np.random.default_rng(seed).normal(size=(length, len(TAGS)))
    best = max(itertools.product(range(len(TAGS)), repeat=length), key=lambda path: _score(path, emissions))
    assert tuple(decode_tags(emissions, TRANSITIONS)) == best


@given(st.integers(1, 40), st.integers(0, 10_000))
def test_an_inside_tag_only_follows_its_own_label(length, seed):
    path = [TAGS[i] for i in decode_tags(np.random.default_rng(seed).normal(size=(length, len(TAGS))), TRANSITIONS)]
    for previous, tag in itertools.pairwise(["O", *path]):
        if tag.startswith("I-"):
            assert previous in (tag, "B" + tag[1:])
