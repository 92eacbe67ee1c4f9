"""What a user reads when the server is wrong, absent, unknown or unwilling; a tiny fake stands in for it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.label_studio_server import free_port
from trainer.annotation.labelling_config import render_labelling_config
from trainer.annotation.server.client import Server
from trainer.annotation.server.credentials import Credentials, find_credentials
from trainer.annotation.server.projects import compare_config, find_project
from trainer.core.errors import ServerError
from trainer.core.schema import EventSchema

TOKEN = "0123456789abcdef0123456789abcdef01234567"
WHOAMI = {"id": 1}


class Fake:
    """Answers by path: a status and a body, and a session cookie as the real one sets."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, object]] = {
            "/api/version": (200, {"release": "1.23.2"}),
            "/api/current-user/whoami": (200, WHOAMI),
        }
        self.posts = 0
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer()

            def do_POST(self) -> None:
                fake.posts += 1
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self._answer()

            def _answer(self) -> None:
                status, body = fake.answers.get(self.path.split("?")[0], (404, {"detail": "Not found."}))
                content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Set-Cookie", "sessionid=secret-session")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def fake() -> Iterator[Fake]:
    fake = Fake()
    yield fake
    fake.server.shutdown()


def connect(fake: Fake) -> Server:
    return Server(Credentials(fake.url, TOKEN))


def test_a_known_server_with_a_valid_token_is_accepted(fake: Fake) -> None:
    assert connect(fake).user_id == 1


def test_an_account_that_was_removed_is_told_so_and_makes_nothing(fake: Fake) -> None:
    fake.answers["/api/current-user/whoami"] = (200, {"id": 1, "active_organization": None})
    with pytest.raises(ServerError, match="belongs to no organisation") as failure:
        connect(fake)
    assert "remedy" in str(failure.value)
    assert fake.posts == 0


@pytest.mark.parametrize("release", ["2.0.0", "1.4.1", "3.1.0.dev0"])
def test_a_server_of_an_unknown_version_is_refused_by_name(fake: Fake, release: str) -> None:
    fake.answers["/api/version"] = (200, {"release": release})
    with pytest.raises(ServerError, match=release) as failure:
        connect(fake)
    assert "1.23.2" in str(failure.value)


@pytest.mark.parametrize("answer", [(200, {}), (200, {"release": "nightly"}), (200, [1]), (200, "<html>hello</html>")])
def test_something_that_is_no_label_studio_is_said_to_be_none(fake: Fake, answer: tuple[int, object]) -> None:
    fake.answers["/api/version"] = answer
    with pytest.raises(ServerError, match="Label Studio"):
        connect(fake)


def test_a_wrong_token_is_explained_and_neither_it_nor_the_cookie_is_shown(fake: Fake) -> None:
    fake.answers["/api/current-user/whoami"] = (401, {"detail": "Invalid token."})
    with pytest.raises(ServerError, match="token") as failure:
        connect(fake)
    assert "LABEL_STUDIO_API_KEY" in (failure.value.remedy or "")
    assert TOKEN not in str(failure.value) and "secret-session" not in str(failure.value)


def test_a_project_without_rights_names_the_right_and_who_gives_it(fake: Fake) -> None:
    fake.answers["/api/projects/"] = (403, {"detail": "You do not have permission to perform this action."})
    with pytest.raises(ServerError, match="no right") as failure:
        find_project(connect(fake), "events")
    assert "owner" in (failure.value.remedy or "")
    assert "secret-session" not in str(failure.value)


def test_a_failing_import_is_sent_once_only_since_a_second_would_double_the_tasks(fake: Fake) -> None:
    fake.answers["/api/projects/1/import"] = (503, {"detail": "busy"})
    with pytest.raises(ServerError, match="503"):
        connect(fake).post("api/projects/1/import", [])
    assert fake.posts == 1


def test_a_server_that_is_not_there_is_said_to_be_unreachable_with_a_way_to_start_one() -> None:
    with pytest.raises(ServerError, match="not reachable") as failure:
        Server(Credentials(f"http://127.0.0.1:{free_port()}", TOKEN))
    assert "make label-studio" in (failure.value.remedy or "")


def test_two_projects_of_one_title_are_not_guessed_between(fake: Fake) -> None:
    project = {"title": "events", "label_config": "<View/>"}
    fake.answers["/api/projects/"] = (200, {"results": [{"id": 1, **project}, {"id": 2, **project}], "next": None})
    with pytest.raises(ServerError, match="ids 1, 2"):
        find_project(connect(fake), "events")


def test_an_expired_personal_token_is_refused_before_anything_is_sent(fake: Fake) -> None:
    import jwt

    expired = jwt.encode({"exp": 1_000_000_000}, "k" * 32, algorithm="HS256")
    with pytest.raises(ServerError, match="token") as failure:
        Server(Credentials(fake.url, expired))
    assert expired not in str(failure.value)


def test_credentials_come_from_the_environment_before_the_file(tmp_path: Path) -> None:
    path = tmp_path / "credentials"
    path.write_text("# mine\nLABEL_STUDIO_URL=http://127.0.0.1:1\nLABEL_STUDIO_API_KEY=from-file\n", encoding="utf-8")
    path.chmod(0o600)
    environment = {"LABEL_STUDIO_CREDENTIALS": str(path)}
    assert find_credentials(environment) == Credentials("http://127.0.0.1:1", "from-file")
    environment |= {"LABEL_STUDIO_URL": "https://labels.example/", "LABEL_STUDIO_API_KEY": "from-environment"}
    assert find_credentials(environment) == Credentials("https://labels.example", "from-environment")


def test_the_token_never_shows_in_a_representation() -> None:
    assert TOKEN not in repr(Credentials("http://127.0.0.1:1", TOKEN))


def test_a_credentials_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "credentials"
    path.write_text("LABEL_STUDIO_URL=http://127.0.0.1:1\nLABEL_STUDIO_API_KEY=x\n", encoding="utf-8")
    path.chmod(0o644)
    with pytest.raises(ServerError, match="other users"):
        find_credentials({"LABEL_STUDIO_CREDENTIALS": str(path)})


@pytest.mark.parametrize("given", [{}, {"LABEL_STUDIO_URL": "http://127.0.0.1:1"}])
def test_missing_credentials_name_what_is_missing(given: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "credentials"
    path.write_text("", encoding="utf-8")
    path.chmod(0o600)
    with pytest.raises(ServerError, match="LABEL_STUDIO_API_KEY"):
        find_credentials({**given, "LABEL_STUDIO_CREDENTIALS": str(path)})


def test_an_address_without_a_scheme_is_refused() -> None:
    with pytest.raises(ServerError, match="no web address"):
        find_credentials({"LABEL_STUDIO_URL": "127.0.0.1:8080", "LABEL_STUDIO_API_KEY": "x"})


def test_our_own_config_fits_and_looks_do_not_matter(schema: EventSchema) -> None:
    config = render_labelling_config(schema)
    assert list(compare_config(config, schema)) == []
    assert list(compare_config(config.replace("#1f77b4", "#000000").replace('hotkey="1"', ""), schema)) == []


def test_every_kind_of_difference_of_a_config_is_told(schema: EventSchema) -> None:
    config = render_labelling_config(schema)
    assert list(compare_config(config.replace('value="ACTOR"', 'value="PERSON"'), schema)) == [
        "labels missing: ACTOR",
        "labels that the schema does not have: PERSON",
    ]
    assert "relations missing: agent" in list(compare_config(config.replace('value="agent"', 'value="who"'), schema))
    assert any("no <Text" in line for line in compare_config(config.replace("$text", "$body"), schema))
    assert any("not XML" in line for line in compare_config("<View>", schema))
