"""Agreement by hand: alpha and kappa on published examples, pairs of annotators on one article."""

from __future__ import annotations

import pytest

from trainer.annotation.agreement import ADJUDICATED, measure_agreement
from trainer.annotation.labelstudio import AnnotatedArticle, Annotation
from trainer.annotation.reliability import cohen_kappa, krippendorff_alpha
from trainer.core.atlas import ErrorKind
from trainer.core.errors import AnnotationError
from trainer.core.types import Link, Span

TEXT = "قصف الجيش مدينة الموصل."
FULL = (Span(0, 3, "OPERATION", "strike"), Span(4, 9, "ACTOR"), Span(10, 22, "LOCATION"))
SHORT = (Span(0, 3, "OPERATION", "attack"), Span(4, 9, "ACTOR"), Span(16, 22, "LOCATION"))
LABELS = ("ACTOR", "LOCATION", "OPERATION")


def _article(*annotations, identifier="a"):
    return AnnotatedArticle(identifier, TEXT, annotations)


def _by(name, spans, links=(), truth=False, cancelled=False):
    return Annotation(f"{name}-1", name, truth, cancelled, "", spans, links)


def test_alpha_equals_krippendorffs_published_example():
    # Krippendorff (2011), section C: nominal data, four observers, twelve units; alpha = 0.743.
    observers = [
        "1 2 3 3 2 1 4 1 2 . . .",
        "1 2 3 3 2 2 4 1 2 5 . 3",
        ". 3 3 3 2 3 4 2 2 5 1 .",
        "1 2 3 3 2 4 4 1 2 5 1 .",
    ]
    units = [[v for v in column if v != "."] for column in zip(*(row.split() for row in observers), strict=True)]
    assert krippendorff_alpha(units) == pytest.approx(0.743, abs=0.0005)


def test_alpha_of_edges():
    assert krippendorff_alpha([]) is None
    assert krippendorff_alpha([["x"], []]) is None
    assert krippendorff_alpha([["x", "x"], ["x", "x"]]) == 1.0
    assert krippendorff_alpha([["x", "y"], ["y", "x"]]) < 0
    assert krippendorff_alpha([["x", "x"], ["y", "y"]]) == 1.0


def test_kappa_equals_the_textbook_example():
    # 20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no: kappa 0.4.
    pairs = [("y", "y")] * 20 + [("y", "n")] * 5 + [("n", "y")] * 10 + [("n", "n")] * 15
    assert cohen_kappa(pairs) == pytest.approx(0.4)
    assert cohen_kappa([]) is None
    assert cohen_kappa([("a", "a")]) == 1.0


def test_a_pair_is_measured_by_span_label_type_and_role():
    links = (Link(0, 1, "agent"), Link(0, 2, "place"))
    found = measure_agreement([_article(_by("ann", FULL, links), _by("bea", SHORT, (Link(0, 1, "target"),)))], LABELS)
    (pair,) = found.pairs
    assert (pair.first, pair.second) == ("ann", "bea")
    assert pair.policies["strict"].f1 == pytest.approx(2 / 3)
    assert pair.policies["label_overlap"].f1 == 1.0
    assert pair.labels["LOCATION"].f1 == 0.0
    assert pair.types == (("strike", "attack"),)
    assert (pair.roles.gold, pair.roles.predicted, pair.roles.correct) == (1, 1, 0), "the place's end differs"
    assert [d.error.kind for d in pair.disagreements] == [ErrorKind.BOUNDARY_LEFT]
    plain = pair.to_dict()
    assert plain["types"]["same"] == 0.0
    assert plain["disagreements"] == 1
    assert 0 < pair.alpha_tags < pair.alpha_labels < 1


def test_strict_agreement_does_not_depend_on_the_order():
    there = measure_agreement([_article(_by("a", FULL), _by("b", SHORT))], LABELS).pairs[0]
    back = measure_agreement([_article(_by("a", SHORT), _by("b", FULL))], LABELS).pairs[0]
    assert there.policies["strict"].f1 == back.policies["strict"].f1
    assert there.alpha_labels == back.alpha_labels


def test_the_adjudicated_annotation_is_kept_apart():
    found = measure_agreement([_article(_by("a", FULL), _by("b", SHORT), _by("c", FULL, truth=True))], LABELS)
    assert [(p.first, p.second) for p in found.pairs] == [("a", "b")]
    assert [(p.first, p.second) for p in found.adjudicated] == [(ADJUDICATED, "a"), (ADJUDICATED, "b")]
    assert found.adjudicated[0].policies["strict"].f1 == 1.0


def test_three_annotators_make_three_pairs_over_the_articles_they_share():
    articles = [
        _article(_by("a", FULL), _by("b", FULL), identifier="x"),
        _article(_by("b", FULL), _by("c", SHORT), identifier="y"),
    ]
    pairs = measure_agreement(articles, LABELS).pairs
    assert [(p.first, p.second, len(p.documents)) for p in pairs] == [("a", "b", 1), ("b", "c", 1)]


def test_skipped_annotations_and_lone_annotators_do_not_agree():
    with pytest.raises(AnnotationError, match="no article was annotated by two people"):
        measure_agreement([_article(_by("a", FULL), _by("b", (), cancelled=True))], LABELS)
    with pytest.raises(AnnotationError, match="annotators: none"):
        measure_agreement([], LABELS)
