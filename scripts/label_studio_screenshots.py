"""The screenshots of docs/label-studio.md: a real server, a real browser, the articles of the tests.

    python scripts/label_studio_screenshots.py

Starts a server on a fresh data directory, pushes two articles, labels one by mouse and
hotkeys, draws a relation, and shows the pre-annotated other one. Needs Chromium
(scripts/browser_packages.sh) and writes docs/images/label-studio-*.png.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from playwright.sync_api import sync_playwright  # noqa: E402

from tests.browser.labeller import Labeller, open_browser  # noqa: E402
from tests.label_studio_articles import known_model, make_article, write_manifest  # noqa: E402
from tests.label_studio_server import copy_home, prepare_home, run_server  # noqa: E402
from trainer.annotation.server.push import push_articles  # noqa: E402
from trainer.annotation.server.task_map import read_task_map  # noqa: E402
from trainer.core.paths import default_schema_path  # noqa: E402
from trainer.core.schema import load_schema  # noqa: E402

IMAGES = ROOT / "docs" / "images"
OPENING = "غارات على الموصل\n\nأفاد مصدر أمني بأن التحالف "
CLOSING = "فجر اليوم، فيما أعلنت السلطات المحلية فتح ممرات آمنة للمدنيين."


def main() -> None:
    """Take every picture."""
    schema = load_schema(default_schema_path())
    articles = [make_article("demo-1", OPENING, CLOSING), make_article("demo-2", "عاجل: ", CLOSING)]
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name, run_server(copy_home(prepare_home(), Path(name) / "home")) as server:
        manifest = write_manifest(Path(name) / "manifest.json", [make_article("other", "نص آخر لا صلة له بما سبق: ")])
        with server.connect() as session:
            project = push_articles(session, articles[:1], "News", schema, manifest).project
            push_articles(session, articles[1:], "News", schema, manifest, known_model(articles))
            tasks = {task.article: task.id for task in read_task_map(session, project).tasks}
        values = server.values()
        with sync_playwright() as playwright:
            browser = open_browser(playwright)
            person = Labeller(browser, server.url, values["LABEL_STUDIO_USERNAME"], values["LABEL_STUDIO_PASSWORD"])
            page = person.page
            page.set_viewport_size({"width": 1280, "height": 720})
            page.goto(f"{server.url}/projects/{project.id}/data")
            page.get_by_text("فجر اليوم").first.wait_for()
            person.screenshot(IMAGES / "label-studio-tasks.png")
            person.open_task(project.id, tasks["demo-1"])
            for span, key in zip(articles[0].spans, ("3", "1", "2"), strict=True):
                person.mark(articles[0].surface(span), key, "q" if span.type else None)
            person.click(articles[0].surface(articles[0].spans[0]))
            person.screenshot(IMAGES / "label-studio-labels.png")
            page.keyboard.press("Escape")
            person.relate(*(articles[0].surface(span) for span in articles[0].spans[:2]))
            page.locator("#Relations-draggable").click()
            page.wait_for_timeout(500)
            page.locator(".lsf-relations__item").first.hover()
            page.locator(".lsf-relations__item button").first.click()
            page.wait_for_timeout(700)
            person.screenshot(IMAGES / "label-studio-relation.png")
            person.open_task(project.id, tasks["demo-2"])
            person.screenshot(IMAGES / "label-studio-prediction.png")
            browser.close()


if __name__ == "__main__":
    main()
