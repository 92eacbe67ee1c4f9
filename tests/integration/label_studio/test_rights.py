"""Accounts without rights to a project, on a real server: of another organisation, removed, with a token withdrawn."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.label_studio_articles import make_article, ordinary_articles, write_manifest
from tests.label_studio_server import SCRIPT, RunningServer, copy_home, run_server
from trainer.annotation.server.client import Server
from trainer.annotation.server.credentials import Credentials
from trainer.annotation.server.pull import pull_annotations
from trainer.annotation.server.push import push_articles
from trainer.core.errors import ServerError
from trainer.core.schema import EventSchema

pytestmark = [pytest.mark.server, pytest.mark.timeout(1200)]
TITLE = "Not for everyone"
STUDIO = SCRIPT.parents[1] / ".label-studio" / "venv"
# The community edition has no page for a second organisation; its database knows them all the same.
ACCOUNTS = """
import os, sys
from importlib.util import find_spec
sys.path.insert(0, os.path.dirname(find_spec("label_studio").origin))
os.environ["DJANGO_SETTINGS_MODULE"] = "core.settings.label_studio"
import django
django.setup()
from organizations.models import Organization
from rest_framework.authtoken.models import Token
from users.models import User
first = Organization.objects.first()
stranger = User.objects.create(email="stranger@example.com", username="stranger")
other = Organization.create_organization(created_by=stranger, title="Elsewhere", legacy_api_tokens_enabled=True)
member = User.objects.create(email="member@example.com", username="member")
first.add_user(member)
for user, organisation in ((stranger, other), (member, first)):
    user.active_organization = organisation
    user.save()
    print("account", user.id, organisation.id, Token.objects.get_or_create(user=user)[0].key)
"""


class Account:
    """An account on the server: its id, its organisation's id, its token."""

    def __init__(self, user: str, organisation: str, token: str) -> None:
        self.user, self.organisation, self.token = int(user), int(organisation), token


@pytest.fixture
def studio(prepared_home: Path, tmp_path: Path) -> Iterator[RunningServer]:
    with run_server(copy_home(prepared_home, tmp_path / "home")) as running:
        yield running


@pytest.fixture
def accounts(studio: RunningServer) -> tuple[Account, Account]:
    """A member of another organisation, and one of the administrator's."""
    done = subprocess.run(
        [STUDIO / "bin" / "python", "-c", ACCOUNTS],
        env={
            **os.environ,
            "LABEL_STUDIO_BASE_DATA_DIR": str(studio.home / "data"),
            "LABEL_STUDIO_LATEST_VERSION_CHECK": "false",
        },
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line.split()[1:] for line in done.stdout.splitlines() if line.startswith("account ")]
    stranger, member = (Account(*line) for line in lines)
    return stranger, member


def refused(act: Callable[[], object], token: str) -> str:
    with pytest.raises(ServerError) as failure:
        act()
    text = str(failure.value)
    assert "remedy" in text
    assert token not in text and "sessionid" not in text
    return text


def test_accounts_without_rights_get_a_clear_error_and_change_nothing(
    studio: RunningServer, accounts: tuple[Account, Account], schema: EventSchema, tmp_path: Path
) -> None:
    stranger, member = accounts
    articles, manifest = ordinary_articles(3), write_manifest(tmp_path / "manifest.json", [make_article("gold", "س ")])
    out = tmp_path / "annotations"
    with studio.connect() as owner:
        project = push_articles(owner, articles, TITLE, schema, manifest).project

        with Server(Credentials(studio.url, stranger.token)) as session:
            text = refused(lambda: pull_annotations(session, TITLE, schema, out), stranger.token)
            assert "account's organisation 'Elsewhere'" in text and "another organisation" in text
            text = refused(lambda: session.get(f"api/projects/{project.id}/export"), stranger.token)
            assert "may not see it" in text

        with Server(Credentials(studio.url, member.token)) as session:
            assert pull_annotations(session, TITLE, schema, out).articles == 0
            owner.delete(f"api/organizations/{member.organisation}/memberships/{member.user}/")
            text = refused(lambda: pull_annotations(session, TITLE, schema, out), member.token)
            assert "no project" in text
        text = refused(lambda: Server(Credentials(studio.url, member.token)), member.token)
        assert "belongs to no organisation" in text

        owner.post("api/current-user/reset-token/", {})
        text = refused(lambda: pull_annotations(owner, TITLE, schema, out), studio.values()["LABEL_STUDIO_API_KEY"])
        assert "does not accept the token" in text
