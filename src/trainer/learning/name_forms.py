"""Count the word forms that `trainer.runtime.clitics` needs: ``python -m trainer.learning.name_forms FILES…``.

Reads the text of training articles only, never their spans, and rewrites ``name_forms.json``.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from trainer.annotation.corpus import load_corpus
from trainer.core.files import write_text
from trainer.core.words import split_words
from trainer.runtime import clitics

_LEAST_COUNT = 2
_WITH_ARTICLE = tuple(before + clitics.ARTICLE for before in ("", "و", "ف", "ب", "وب", "ك"))
_INITIALS = frozenset(clitics.CONJUNCTIONS + clitics.PREPOSITIONS)


def count_forms(texts: Iterable[str]) -> tuple[list[str], dict[str, int]]:
    """Stems that begin with a clitic's letter, and the counts of forms seen at least twice."""
    counts: Counter[str] = Counter()
    governed: Counter[str] = Counter()
    for text in texts:
        before = ""
        for word in split_words(text):
            if word.normal.isalpha():
                counts[word.normal] += 1
                governed[word.normal] += before in clitics.GOVERNORS
            before = word.normal
    stems = [form for form in counts if form[0] in _INITIALS and (governed[form] or _takes_article(form, counts))]
    frequent = {form: count for form, count in sorted(counts.items()) if count >= _LEAST_COUNT}
    return sorted(stems), frequent


def _takes_article(form: str, counts: Counter[str]) -> bool:
    return any(before + form in counts for before in _WITH_ARTICLE) or "لل" + form in counts


def main() -> None:
    """Rewrite the forms from the files named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, help="annotated articles or directories of them")
    stems, counts = count_forms(article.text for article in load_corpus(parser.parse_args().files, None).articles)
    path = Path(clitics.__file__).with_name("name_forms.json")
    write_text(path, json.dumps({"stems": stems, "counts": counts}, ensure_ascii=False, indent=0) + "\n")
    print(f"{path.name}: {len(stems)} stems, {len(counts)} forms")


if __name__ == "__main__":
    main()
