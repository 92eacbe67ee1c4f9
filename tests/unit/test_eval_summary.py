"""The images that version control of experiments shows."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from eval.summary import draw_images
from trainer.reporting.plots import draw_bars, draw_reliability

SVG = "{http://www.w3.org/2000/svg}"


def test_each_image_stands_alone_with_a_size_and_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    bars = draw_bars([("missed", 3.0, "3"), ("a < b", 1.0, "1")], "Errors & kinds")
    plots = {
        "scores": bars,
        "errors": bars,
        "reliability": draw_reliability([(0.5, 0.6, 9)], "Scores"),
        "behaviour": "",
    }
    monkeypatch.setattr("eval.summary.draw_plots", lambda _: plots)
    images = draw_images({})
    assert set(images) == {"scores.svg", "errors.svg", "reliability.svg"}
    for image in images.values():
        root = ElementTree.fromstring(image)
        assert root.tag == f"{SVG}svg"
        assert root.attrib["viewBox"] == f"0 0 {root.attrib['width']} {root.attrib['height']}"
        assert root.attrib["aria-label"] in ("Errors & kinds", "Scores")
        (style,) = root.findall(f"{SVG}style")
        assert "fill" in (style.text or "")
