"""Settings and credentials: what a user may get wrong, and the way to worker processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainer.core.errors import ConfigError
from trainer.serving.background_training import TrainingPlan
from trainer.serving.credentials import read_credentials
from trainer.serving.limits import Limits
from trainer.serving.settings import ServeSettings


def test_settings_survive_the_way_to_a_worker() -> None:
    settings = ServeSettings(
        model=Path("models/x"),
        api_keys=Path("keys"),
        limits=Limits(seconds=3),
        training=TrainingPlan(5, "arabert", Path("runs"), pull=False),
        state=Path("state"),
    )
    assert ServeSettings.from_json(settings.to_json()) == settings


@pytest.mark.parametrize("wrong", [{"workers": 0}, {"port": 70_000}])
def test_settings_out_of_range_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigError):
        ServeSettings(model=Path("m"), **wrong)  # type: ignore[arg-type]


def test_a_queue_smaller_than_a_request_is_refused() -> None:
    with pytest.raises(ConfigError, match="queue"):
        Limits(queue_articles=10, request_articles=20)
    with pytest.raises(ConfigError, match="body_bytes"):
        Limits(body_bytes=0)


def test_a_negative_threshold_is_refused() -> None:
    with pytest.raises(ConfigError):
        TrainingPlan(threshold=-1)


@pytest.mark.parametrize("content", ["", "# only a comment\n", "short\n"])
def test_a_file_without_a_proper_key_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "keys"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_credentials(path, None)
    assert "short\n" not in str(caught.value)


def test_a_line_that_is_no_user_and_password_is_refused_without_being_shown(tmp_path: Path) -> None:
    path = tmp_path / "users"
    path.write_text("a-password-alone\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="user:password") as caught:
        read_credentials(None, path)
    assert "alone" not in str(caught.value)


def test_a_missing_credentials_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="FileNotFoundError"):
        read_credentials(tmp_path / "none", None)
