"""The judge's page in Chromium: right to left, filters, dark and light, phone width, no network."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from eval.__main__ import main
from tests.conftest import write_articles
from tests.crf_run import make_crf_run
from trainer.core.types import Article, Span

pytestmark = pytest.mark.browser
CHROMIUM = Path("/usr/bin/chromium")
DEV = [f"article-{index:02d}" for index in range(18, 24)]
TEXT = (
    "قصفت طائرات مجهولة حيا في «الموصل» فجر أمس 🚨.\n"
    "لا شيء هنا <script>window.hacked=1</script>.\n"
    "اعتقلت قوات الأمن رجلا."
)


@pytest.fixture(scope="module")
def page_file(tmp_path_factory, annotations_path, schema):
    root = tmp_path_factory.mktemp("page")
    marks = [("OPERATION", "strike", "قصفت"), ("LOCATION", None, "الموصل"), ("ACTOR", None, "رجلا")]
    spans = tuple(sorted(Span(TEXT.index(s), TEXT.index(s) + len(s), label, kind) for label, kind, s in marks))
    gold = write_articles(root / "gold.json", [Article(f"held-{n}", f"{TEXT} {n}", spans) for n in range(3)])
    run = make_crf_run(root / "run", annotations_path, schema, DEV)
    assert main([str(run), "--gold", str(gold), "--out", str(root / "out"), "--no-behaviour"]) == 0
    return root / "out" / "report.html"


@pytest.fixture(scope="module")
def browser():
    if not CHROMIUM.exists():
        pytest.skip("no Chromium")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


def _open(browser, page_file, width=1280, scheme="light"):
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(page_file.as_uri())
    return page, asked


def _visible(page):
    return page.eval_on_selector_all("#rows .row", "rows => rows.filter(r => !r.hidden).length")


def test_the_page_asks_for_nothing_and_runs_nothing_of_the_text(browser, page_file):
    page, asked = _open(browser, page_file)
    assert asked == [page_file.as_uri()]
    assert page.evaluate("window.hacked") is None
    assert "<script>window.hacked=1</script>" in page.text_content("#rows .row:nth-child(2) .text")


def test_paragraphs_run_right_to_left_with_both_annotations(browser, page_file):
    page, _ = _open(browser, page_file)
    style = page.eval_on_selector(".text", "e => [getComputedStyle(e).direction, getComputedStyle(e).textAlign]")
    assert style == ["rtl", "right"]
    gold = page.locator("#rows .row").first.locator("mark[class*='g2']").first
    assert gold.inner_text() == "قصفت"
    assert "gold: OPERATION" in gold.get_attribute("title")


def test_filters_narrow_the_paragraphs(browser, page_file):
    page, _ = _open(browser, page_file)
    wrong = _visible(page)
    page.uncheck("#f-wrong")
    everything = _visible(page)
    assert everything == 9
    assert wrong < everything
    page.select_option("#f-article", "held-1")
    assert _visible(page) == 3
    page.select_option("#f-kind", "missed")
    page.select_option("#f-label", "ACTOR")
    shown = _visible(page)
    kinds = page.eval_on_selector_all("#rows .row:not([hidden])", "rows => rows.map(r => r.dataset.errors)")
    assert all("missed:ACTOR" in kind.split() for kind in kinds)
    assert page.inner_text("#f-count") == f"{shown} of 9 paragraphs"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_and_dark_have_readable_contrast(browser, page_file, scheme):
    page, _ = _open(browser, page_file, scheme=scheme)
    ink, card = page.evaluate(
        "[getComputedStyle(document.body).color, getComputedStyle(document.querySelector('section')).backgroundColor]"
    )

    def light(colour):
        return sum(int(part) for part in colour.strip("rgb()").split(",")[:3]) / 3

    assert abs(light(ink) - light(card)) > 150
    assert (light(card) < 60) == (scheme == "dark")


def test_a_phone_scrolls_down_only(browser, page_file):
    page, _ = _open(browser, page_file, width=390)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
