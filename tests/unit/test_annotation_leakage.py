from __future__ import annotations

import json
import random
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from trainer.annotation.fingerprints import SHINGLE, fingerprint_article, sign_words
from trainer.annotation.leakage import Match, check_leakage, find_duplicates, load_manifest, refuse_leakage
from trainer.core.errors import LeakageError
from trainer.core.types import Article

WORDS = [f"كلمة{chr(0x0628 + n % 20)}{n}" for n in range(3000)]


def prose(seed: int, words: int) -> list[str]:
    return random.Random(seed).sample(WORDS, words)


def article(name: str, *paragraphs: list[str] | str) -> Article:
    return Article(name, "\n\n".join(p if isinstance(p, str) else " ".join(p) for p in paragraphs))


def manifest_of(path: Path, *articles: Article) -> Path:
    fingerprints = [fingerprint_article(found).to_dict() for found in articles]
    path.write_text(json.dumps({"files": [{"name": "gold.json", "fingerprints": fingerprints}]}), encoding="utf-8")
    return path


def kinds(matches: tuple[Match, ...]) -> set[tuple[str, bool]]:
    return {(match.kind, match.paragraph is None) for match in matches}


def test_different_articles_do_not_match() -> None:
    left = [article("a", prose(1, 60), prose(2, 40)), article("b", prose(3, 60))]
    right = [article("c", prose(4, 60), prose(5, 40))]
    assert find_duplicates(left, right) == ()


def test_a_copied_article_and_a_copied_paragraph_are_exact() -> None:
    shared = prose(1, 30)
    whole = find_duplicates([article("a", shared)], [article("b", shared)])
    assert kinds(whole) == {("exact", True), ("exact", False)}
    (match,) = find_duplicates([article("a", prose(2, 40), shared)], [article("b", shared, prose(3, 90))])
    assert (match.kind, match.paragraph, match.other_paragraph, match.words) == ("exact", 1, 0, 30)
    assert "paragraph 2 of a" in match.describe()


def test_diacritics_letter_variants_digits_and_punctuation_do_not_hide_a_copy() -> None:
    left = article("a", "أعلنت وزارة الدفاع، أمس: مقتل 12 مسلحاً في مدينة الموصل القديمة")
    right = article("b", "اعلنت وزاره الدفاع أمس مقتل ١٢ مسلحا في مدينــة «المُوصل» القديمة.")
    assert kinds(find_duplicates([left], [right])) == {("normalised", True), ("normalised", False)}


def test_a_paragraph_with_a_few_words_changed_is_near() -> None:
    words = prose(1, 80)
    changed = [*words[:40], "تغيير", *words[41:]]
    found = find_duplicates([article("a", prose(7, 300), words)], [article("b", prose(8, 300), changed)])
    (match,) = found
    shingles = [{tuple(text[i : i + SHINGLE]) for i in range(len(text) - SHINGLE + 1)} for text in (words, changed)]
    jaccard = len(shingles[0] & shingles[1]) / len(shingles[0] | shingles[1])
    assert match.kind == "near"
    assert match.similarity == pytest.approx(jaccard, abs=0.15)


def test_the_signature_estimates_the_jaccard_similarity() -> None:
    generator = np.random.default_rng(0)
    errors = []
    for seed in range(60):
        base = prose(seed, 200)
        cut = int(generator.integers(20, 180))
        other = base[:cut] + prose(1000 + seed, 200 - cut)
        sets = [{" ".join(text[i : i + SHINGLE]) for i in range(len(text) - SHINGLE + 1)} for text in (base, other)]
        truth = len(sets[0] & sets[1]) / len(sets[0] | sets[1])
        errors.append(float((sign_words(base) == sign_words(other)).mean()) - truth)
    assert abs(np.mean(errors)) < 0.02
    assert np.sqrt(np.mean(np.square(errors))) < 0.06


def test_the_signature_is_the_same_on_every_machine() -> None:
    signature = sign_words([str(number) for number in range(20)])
    assert signature.dtype == np.uint32
    assert signature[:3].tolist() == [184212453, 63232819, 201326006]


def test_headings_and_shared_formulas_are_not_counted_but_a_short_sentence_is() -> None:
    heading, formula, sentence = "تنسيق عالي المستوى", "تابعوا آخر الأخبار على قناتنا", "قتل ثلاثة جنود في كمين"
    left = [article(f"a{n}", prose(n, 40), heading, formula) for n in range(3)]
    right = [article("b", prose(9, 40), heading, formula, sentence)]
    assert find_duplicates(left, right) == ()
    left.append(article("c", prose(5, 40), sentence))
    (match,) = find_duplicates(left, right)
    assert (match.article, match.kind, match.words) == ("c", "exact", 5)


def test_an_article_is_not_its_own_duplicate() -> None:
    several = [article("a", prose(1, 40)), article("b", prose(2, 40))]
    assert find_duplicates(several, several) == ()


def test_the_guard_names_article_paragraph_and_kind(tmp_path: Path) -> None:
    gold = article("gold-1", prose(1, 40), prose(2, 40))
    manifest = manifest_of(tmp_path / "manifest.json", gold)
    clean = check_leakage([article("a", prose(3, 40))], manifest)
    assert (clean.articles, clean.gold_articles, clean.gold_paragraphs, clean.matches) == (1, 1, 2, ())
    refuse_leakage(clean)
    with pytest.raises(LeakageError) as caught:
        refuse_leakage(check_leakage([article("a", prose(3, 40), prose(2, 40))], manifest))
    assert "exact: paragraph 2 of a (40 words) repeats paragraph 2 of gold-1" in str(caught.value)
    assert caught.value.record == "article a"


def test_an_article_under_a_gold_id_leaks_whatever_its_text(tmp_path: Path) -> None:
    manifest = manifest_of(tmp_path / "manifest.json", article("gold-1", prose(1, 40)))
    report = check_leakage([article("gold-1", prose(2, 40))], manifest)
    assert [match.kind for match in report.matches] == ["id"]


def test_fingerprints_survive_the_manifest(tmp_path: Path) -> None:
    gold = article("gold-1", prose(1, 40), "عنوان قصير")
    (found,) = load_manifest(manifest_of(tmp_path / "manifest.json", gold))
    assert found.to_dict() == fingerprint_article(gold).to_dict()
    assert found.paragraphs[1].signature is None


SHORT_SIGNATURE = {"exact": "a", "normalised": "b", "words": 9, "signature": "ab"}


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{}",
        '{"files": []}',
        '{"files": [{"fingerprints": [{"id": "x"}]}]}',
        json.dumps({"files": [{"fingerprints": [{"id": "x", "whole": SHORT_SIGNATURE, "paragraphs": []}]}]}),
    ],
)
def test_a_broken_or_empty_manifest_guards_nothing_and_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(content)
    with pytest.raises(LeakageError) as caught:
        check_leakage([article("a", prose(1, 40))], path)
    assert caught.value.file == str(path)
    with pytest.raises(LeakageError, match="cannot be read"):
        check_leakage([], tmp_path / "gone.json")


def test_near_duplicates_are_found_by_bands_as_by_comparing_all() -> None:
    left = [article(f"a{n}", prose(n, 100)) for n in range(30)]
    right = []
    for number in range(30):
        words = prose(number, 100)
        for position in random.Random(number).sample(range(100), number // 6):
            words[position] = "بديل"
        right.append(article(f"b{number}", words))
    prints = [[fingerprint_article(found).whole for found in side] for side in (left, right)]
    expected = {
        (f"a{i}", f"b{j}")
        for i, one in enumerate(prints[0])
        for j, other in enumerate(prints[1])
        if one.similarity(other) >= 0.7
    }
    found = {(match.article, match.other) for match in find_duplicates(left, right) if match.paragraph is None}
    assert found == expected
    assert 10 < len(expected) < 30
    assert all(one != other for one, other in pairwise(sorted(expected)))
