"""The demo page in Chromium: what a reader sees, with mouse, keyboard and hostile text."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from tests.serving_model import FakeExtractor, served
from trainer.serving.app import create_app
from trainer.serving.credentials import Credentials, read_credentials
from trainer.serving.settings import ServeSettings

pytestmark = pytest.mark.browser
CHROMIUM = Path("/usr/bin/chromium")
TEXT = "🚨👨‍👩‍👧 شن الجيش غارة على الموصل.\nثم انسحب الجيش."


class Server:
    """The application in a thread, on a free port."""

    def __init__(self, directory: Path, credentials: Credentials = Credentials()) -> None:
        extractor = FakeExtractor(types={"غارة": "strike"})
        settings = ServeSettings(model=directory, state=directory / "state", reload_seconds=0)
        app = create_app(settings, lambda _: served(extractor), credentials)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/"
        self._server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],))

    def __enter__(self) -> Server:
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(10)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with Server(tmp_path_factory.mktemp("page")) as server:
        yield server.url


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    if not CHROMIUM.exists():
        pytest.skip("Chromium is not installed (scripts/browser_packages.sh)")
    with playwright.sync_playwright() as driver:
        instance = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield instance
        instance.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1100, "height": 900}, reduced_motion="reduce")
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.faults = faults
    yield page
    context.close()


def extract(page: Any, url: str, text: str = TEXT, language: str = "en") -> None:
    page.goto(f"{url}?lang={language}")
    page.fill("#text", text)
    page.click("#extract")
    page.wait_for_selector("#result:not([hidden])")


def marked(page: Any) -> list[str]:
    surfaces: list[str] = page.eval_on_selector_all("mark", "marks => marks.map(mark => mark.firstChild.data)")
    return surfaces


def test_spans_stand_where_they_are_in_a_text_with_emoji(page: Any, url: str) -> None:
    extract(page, url)
    assert marked(page) == ["الجيش", "غارة", "الموصل", "الجيش"]
    whole = page.evaluate(
        "() => { const copy = document.getElementById('marked').cloneNode(true);"
        "copy.querySelectorAll('small').forEach(tag => tag.remove()); return copy.textContent; }"
    )
    assert whole == TEXT
    assert not page.faults


def test_the_article_reads_from_right_to_left(page: Any, url: str) -> None:
    extract(page, url)
    boxes = [mark.bounding_box() for mark in page.query_selector_all("mark")[:3]]
    assert boxes[0]["x"] > boxes[1]["x"] > boxes[2]["x"]
    assert boxes[0]["y"] == boxes[2]["y"]


def test_event_cards_say_who_what_whom_and_where(page: Any, url: str) -> None:
    extract(page, url)
    (card,) = page.query_selector_all("#events .card")
    assert card.query_selector(".type").inner_text() == "Strike"
    terms = [term.inner_text() for term in card.query_selector_all("dt")]
    values = [value.inner_text().split("\n") for value in card.query_selector_all("dd")]
    assert dict(zip(terms, values, strict=True)) == {
        "Who": ["الجيش", "الجيش"],
        "What": ["غارة"],
        "Whom": ["not stated"],
        "Where": ["الموصل"],
    }


def test_a_participant_leads_to_its_span_by_keyboard(page: Any, url: str) -> None:
    extract(page, url)
    page.focus("#events dd button >> nth=2")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.firstChild.data") == "غارة"


def test_the_threshold_hides_weak_spans_and_the_events_that_rest_on_them(page: Any, url: str) -> None:
    extract(page, url)
    page.focus("#threshold")
    for _ in range(85):
        page.keyboard.press("ArrowRight")
    assert page.inner_text("#threshold-value") == "85%"
    assert marked(page) == ["الجيش", "غارة"]
    assert json.loads(page.inner_text("#json") or page.text_content("#json"))["links"] == [
        {"operation": 1, "argument": 0, "role": "agent", "score": None}
    ]
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    assert marked(page) == ["الجيش"]
    assert page.inner_text("#events-note") == "No event reaches this score."


def test_an_article_without_events_says_so_in_both_languages(page: Any, url: str) -> None:
    extract(page, url, "وصل الجيش.")
    assert page.inner_text("#events-note") == "No event was found."
    page.click("#language")
    assert page.inner_text("#events-note") == "لم يُعثر على أي حدث."
    assert page.inner_text("#legend li >> nth=0").startswith("فاعل")


def test_copying_gives_the_json_that_is_shown(page: Any, url: str) -> None:
    from playwright.sync_api import expect

    extract(page, url)
    page.click("#copy")
    expect(page.locator("#status")).to_have_text("Copied.")  # polls; the page's policy forbids evaluated strings
    copied = json.loads(page.evaluate("navigator.clipboard.readText()"))
    assert copied == json.loads(page.text_content("#json"))
    assert [span["text"] for span in copied["spans"]] == ["الجيش", "غارة", "الموصل", "الجيش"]


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>window.hacked = 1</script> الجيش",
        "<img src=x onerror='window.hacked = 1'> غارة في الموصل",
        "الجيش</mark><svg onload='window.hacked=1'>",
        "javascript:window.hacked=1 الجيش",
    ],
)
def test_markup_in_an_article_is_shown_and_never_acts(page: Any, url: str, hostile: str) -> None:
    extract(page, url, hostile)
    page.wait_for_timeout(100)
    assert page.evaluate("window.hacked") is None
    assert page.evaluate("document.querySelectorAll('#result script, #result img, #result svg').length") == 0
    assert hostile.split("الجيش")[0].split("غارة")[0] in page.text_content("#marked")
    assert not page.faults


def test_the_policy_stops_even_a_script_that_got_into_the_page(page: Any, url: str) -> None:
    page.goto(url)
    page.evaluate("document.body.insertAdjacentHTML('beforeend', `<img src=x onerror='window.hacked = 1'>`)")
    page.wait_for_timeout(200)
    assert page.evaluate("window.hacked") is None


def test_the_interface_is_arabic_or_english_and_remembers(page: Any, url: str) -> None:
    extract(page, url, language="ar")
    assert page.get_attribute("html", "dir") == "rtl"
    assert page.inner_text("#events .type") == "ضربة"
    assert "فاعل" in page.inner_text("#legend")
    page.click("#language")
    assert page.get_attribute("html", "dir") == "ltr"
    assert page.inner_text("#events .type") == "Strike"
    page.goto(url)
    assert page.get_attribute("html", "lang") == "en"


def test_an_example_is_read_with_one_key(page: Any, url: str) -> None:
    page.goto(f"{url}?lang=en")
    page.focus(".examples button >> nth=1")
    page.keyboard.press("Enter")
    page.wait_for_selector("#result:not([hidden])")
    assert page.input_value("#text").startswith("تظاهر")


def test_control_enter_starts_and_an_empty_article_is_told(page: Any, url: str) -> None:
    page.goto(f"{url}?lang=en")
    page.focus("#text")
    page.keyboard.press("Control+Enter")
    assert page.inner_text("#fault") == "Paste an article first."
    page.keyboard.type("الجيش")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("mark")


@pytest.mark.parametrize("width", [320, 390, 1100])
def test_nothing_is_wider_than_the_screen(page: Any, url: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    extract(page, url, TEXT + "\n" + "س" * 300, language="ar")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(page: Any, url: str, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)
    extract(page, url)
    ratios = page.evaluate(CONTRAST)
    assert ratios
    assert min(ratios.values()) >= 4.5, ratios


def test_every_control_has_a_name_for_a_screen_reader(page: Any, url: str) -> None:
    extract(page, url, language="ar")
    for selector in ("button", "input:not([type=hidden])", "textarea"):
        for control in page.query_selector_all(selector):
            if control.is_visible():
                name = control.evaluate("node => node.innerText || node.ariaLabel || node.labels?.[0]?.innerText")
                assert name, control.evaluate("node => node.outerHTML")
    assert page.get_attribute("#status", "aria-live") == "polite"
    assert page.get_attribute("#fault", "role") == "alert"


def test_a_guarded_service_asks_for_its_key(browser: Any, tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("a-long-enough-key\n", encoding="utf-8")
    with Server(tmp_path, read_credentials(tmp_path / "keys", None)) as server:
        page = browser.new_page()
        page.goto(f"{server.url}?lang=en")
        page.wait_for_selector("#key-field:not([hidden])")
        page.fill("#key", "a-long-enough-key")
        page.fill("#text", TEXT)
        page.click("#extract")
        page.wait_for_selector("mark")
        page.close()


# Contrast (WCAG 2.2) of each kind of text with what is painted behind it, translucent layers included.
CONTRAST = """() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const parse = colour => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data; return [r, g, b, a / 255]; };
  const ground = node => { if (!node) return [255, 255, 255];
    const [r, g, b, a] = parse(getComputedStyle(node).backgroundColor);
    if (a === 1) return [r, g, b];
    const below = ground(node.parentElement);
    return [r, g, b].map((value, index) => value * a + below[index] * (1 - a)); };
  const light = colour => { const [r, g, b] = colour.map(value => { const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const found = {};
  for (const selector of ['h1', '.lead', '#extract', '#status', 'mark', 'mark small', '.legend li', 'dt', 'dd button',
                          '.note', 'footer p', '.examples button', '.score', '#threshold-value']) {
    for (const node of document.querySelectorAll(selector)) {
      const [one, two] = [light(parse(getComputedStyle(node).color).slice(0, 3)), light(ground(node))];
      const ratio = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
      found[selector] = Math.min(found[selector] ?? 99, ratio);
    }
  }
  return found;
}"""
