"""A person at the labelling interface: signs in, marks words with the mouse, submits, skips."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, Playwright

CHROMIUM = "/usr/bin/chromium"
_TEXT = ".lsf-htx-richtext"
_TRIES = 40
_DRAGS = 3
# The rectangle of the n-th occurrence of some text in the article, in the page's coordinates.
_FIND = """
([root, wanted, number]) => {
  const article = document.querySelector(root);
  if (article === null) return null;
  const walker = document.createTreeWalker(article, NodeFilter.SHOW_TEXT);
  let seen = 0;
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    for (let at = node.data.indexOf(wanted); at >= 0; at = node.data.indexOf(wanted, at + 1)) {
      if (seen++ !== number) continue;
      const range = document.createRange();
      range.setStart(node, at);
      range.setEnd(node, at + wanted.length);
      node.parentElement.scrollIntoView({block: 'center'});
      const box = range.getBoundingClientRect();
      return {left: box.left, right: box.right, top: box.top, bottom: box.bottom};
    }
  }
  return null;
}
"""


def open_browser(playwright: Playwright) -> Browser:
    """Debian's Chromium, without a window."""
    return playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])


class Labeller:
    """One signed-in annotator in one page."""

    def __init__(self, browser: Browser, url: str, email: str, password: str) -> None:
        self.url = url
        self.page: Page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
        self.page.set_default_timeout(60_000)
        self.requests: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(f"{url}/user/login/")
        self.page.fill("input[name=email]", email)
        self.page.fill("input[name=password]", password)
        self.page.press("input[name=password]", "Enter")
        self.page.wait_for_url(lambda address: "/user/login" not in address)

    def open_task(self, project: int, task: int) -> None:
        """Show one task's labelling view."""
        self.page.goto(f"{self.url}/projects/{project}/data?task={task}")
        self.page.wait_for_selector(_TEXT)
        self.page.wait_for_timeout(500)  # the editor attaches its listeners after the text appears

    def open_stream(self, project: int) -> None:
        """Show the next task of the project's labelling stream (where tasks can be skipped)."""
        self.page.goto(f"{self.url}/projects/{project}/data?labeling=1")
        self.page.wait_for_selector(_TEXT)
        self.page.wait_for_timeout(500)

    def mark(self, surface: str, label_key: str, type_key: str | None = None, number: int = 0) -> None:
        """Drag over the n-th occurrence of a surface after pressing the label's hotkey; choose its type."""
        for _ in range(_DRAGS):  # a page that is still loading takes no notice of the first
            before = self.regions()
            self._drag(surface, label_key, number)
            if self._wait_for_regions(before + 1):
                break
        else:
            raise LookupError(f"no region appeared on {surface!r}")
        if type_key is not None:
            self.choose_type(surface, type_key, number)
        self.page.keyboard.press("Escape")

    def choose_type(self, surface: str, type_key: str, number: int = 0) -> None:
        """Select an operation and press the hotkey of its type."""
        self.click(surface, number)
        self.page.keyboard.press(type_key)
        self.page.wait_for_timeout(200)
        self.page.keyboard.press("Escape")

    def regions(self) -> int:
        """How many highlighted stretches the article shows."""
        return int(self.page.locator(f"{_TEXT} .htx-highlight").count())

    def click(self, surface: str, number: int = 0) -> None:
        """Select the region that covers a surface."""
        box = self._find(surface, number)
        self.page.mouse.click((box["left"] + box["right"]) / 2, (box["top"] + box["bottom"]) / 2)
        self.page.wait_for_timeout(200)

    def new_annotation(self) -> None:
        """Begin an annotation of one's own on a task that a colleague has annotated."""
        self.page.locator('button[aria-label*="reate"]').first.click()
        self.page.wait_for_timeout(1500)

    def relate(self, source: str, target: str) -> None:
        """Draw an arrow from one region to another (its role is chosen in the Relations tab)."""
        self.click(source)
        self.page.keyboard.press("Alt+r")
        self.click(target)

    def submit(self) -> None:
        """Press Submit and wait until the server has the annotation."""
        with self.page.expect_response(lambda answer: "/annotations" in answer.url and answer.request.method == "POST"):
            self.page.get_by_role("button", name="submit").click()

    def skip(self) -> None:
        """Press Skip and wait until the server knows."""
        with self.page.expect_response(lambda answer: "/annotations" in answer.url and answer.request.method == "POST"):
            self.page.get_by_role("button", name="skip").click()

    def screenshot(self, path: Path) -> None:
        """The page as it is."""
        self.page.screenshot(path=path)

    def _drag(self, surface: str, label_key: str, number: int) -> None:
        box = self._find(surface, number)
        self.page.keyboard.press(label_key)
        middle = (box["top"] + box["bottom"]) / 2
        self.page.mouse.move(box["right"] - 2, middle)
        self.page.mouse.down()
        self.page.mouse.move((box["left"] + box["right"]) / 2, middle, steps=4)
        self.page.mouse.move(box["left"] + 2, middle, steps=4)
        self.page.mouse.up()

    def _wait_for_regions(self, count: int) -> bool:
        for _ in range(_TRIES):
            if self.regions() >= count:
                return True
            self.page.wait_for_timeout(200)
        return False

    def _find(self, surface: str, number: int) -> dict[str, Any]:
        for _ in range(_TRIES):  # the editor draws itself anew now and then
            box = self.page.evaluate(_FIND, [_TEXT, surface, number])
            if box is not None:
                return dict(box)
            self.page.wait_for_timeout(500)
        raise LookupError(f"{surface!r} is not shown")
