"""A WordPiece tokenizer over words that are split and normalised by `trainer.core`.

The saved tokenizer neither normalises nor splits: it expects normal forms one by one
(``is_split_into_words=True``), so training, evaluation and serving cannot disagree about a word.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from trainer.core.normalisation import Normalisation
from trainer.core.words import split_words

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_ALPHABET = 600
NORMALISATION_FILE = "normalisation.json"


def count_words(documents: Iterable[Sequence[str]], normalisation: Normalisation, every: int = 1) -> Counter[str]:
    """How often each normal form occurs, reading one document in ``every``."""
    counts: Counter[str] = Counter()
    for number, document in enumerate(documents):
        if number % every == 0:
            for paragraph in document:
                counts.update(word.normal for word in split_words(paragraph, normalisation))
    counts.pop("", None)
    return counts


def _as_text(counts: Counter[str]) -> Iterator[str]:
    """Lines of words in their proportions; a word seen once teaches no piece and is left out."""
    for word, count in counts.items():
        for first in range(0, count if count > 1 else 0, 1000):
            yield " ".join([word] * min(1000, count - first))


def train_wordpiece(counts: Counter[str], size: int, max_length: int) -> PreTrainedTokenizerFast:
    """Trains ``size`` pieces, laid out as BERT's.

    Args:
        counts: Normal forms and their frequencies.
        size: Pieces, the five special ones included.
        max_length: Positions of the encoder that will read them.
    """
    tokenizer = Tokenizer(models.WordPiece(_learn_pieces(counts, size), unk_token="[UNK]", max_input_chars_per_word=64))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.decoder = decoders.WordPiece()
    sep, cls = SPECIAL.index("[SEP]"), SPECIAL.index("[CLS]")
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", sep), ("[CLS]", cls))
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=max_length,
        unk_token="[UNK]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
    )


def _learn_pieces(counts: Counter[str], size: int) -> dict[str, int]:
    """The pieces and their ids; the same words give the same pieces.

    The library numbers continuing letters in the order of a hash table and breaks ties by number, so they are
    numbered beforehand, as if they were special tokens.
    """
    frequency: Counter[str] = Counter()
    for word, count in counts.items():
        for letter in word if count > 1 else "":  # as in `_as_text`
            frequency[letter] += count
    letters = sorted(sorted(frequency, key=lambda letter: (-frequency[letter], letter))[:_ALPHABET])
    learner = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    learner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    learner.train_from_iterator(
        _as_text(counts),
        trainers.WordPieceTrainer(
            vocab_size=size,
            special_tokens=[*SPECIAL, *(f"##{letter}" for letter in letters)],
            limit_alphabet=_ALPHABET,
            min_frequency=2,
            show_progress=False,
        ),
    )
    known = learner.get_vocab()
    continuing = {f"##{letter}" for letter in letters if letter not in known}  # beyond the alphabet's limit
    ordered = sorted(known.keys() - continuing, key=known.__getitem__)
    return {piece: number for number, piece in enumerate(ordered)}


def write_normalisation(normalisation: Normalisation, folder: Path) -> None:
    """Stores beside the tokenizer what was folded before its pieces were learnt."""
    text = json.dumps(normalisation.to_dict(), indent=2, sort_keys=True) + "\n"
    (folder / NORMALISATION_FILE).write_text(text, encoding="utf-8")
