"""Projects on the server: found by title, made from the schema, checked against it."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from trainer.annotation.labelling_config import render_labelling_config
from trainer.annotation.server.client import Server
from trainer.annotation.tasks import SPAN_CONTROL, TEXT_KEY, TYPE_CONTROL
from trainer.core.errors import ServerError
from trainer.core.schema import EventSchema

_PAGE = 100
_TITLE_LENGTH = (3, 50)  # the server's own limits


@dataclass(frozen=True, slots=True)
class Project:
    """A project as far as the loop needs it."""

    id: int
    title: str
    config: str
    server: str

    def link(self, task: int | str) -> str:
        """Address at which a task opens in the labelling interface."""
        return f"{self.server}/projects/{self.id}/data?task={task}"


def find_project(server: Server, title: str) -> Project | None:
    """The project of exactly that title.

    Raises:
        ServerError: Two projects have it.
    """
    found = [project for project in _iterate_projects(server) if project["title"] == title]
    if len(found) > 1:
        raise ServerError(
            f"{len(found)} projects are called {title!r} (ids {', '.join(str(project['id']) for project in found)})",
            file=server.url,
            remedy="give each its own title",
        )
    return _parse_project(found[0], server) if found else None


def require_project(server: Server, title: str) -> Project:
    """The project of exactly that title.

    Raises:
        ServerError: There is none; lists those that there are.
    """
    project = find_project(server, title)
    if project is None:
        titles = ", ".join(sorted(str(other["title"]) for other in _iterate_projects(server))) or "none"
        raise ServerError(
            f"no project of this account's organisation {server.organisation!r} is called {title!r} "
            f"(there are: {titles})",
            file=server.url,
            remedy="correct --project, make the project with `python -m trainer annotations push`, "
            "or, if it is another organisation's, use the token of one of its members",
        )
    return project


def open_project(server: Server, title: str, schema: EventSchema) -> tuple[Project, bool]:
    """The project of that title, made if need be, and whether it was made.

    Raises:
        ServerError: The title is too short or long, or the project's labelling config does not fit the schema.
    """
    existing = find_project(server, title)
    if existing is not None:
        check_config(existing, schema)
        return existing, False
    shortest, longest = _TITLE_LENGTH
    if not shortest <= len(title) <= longest:
        raise ServerError(
            f"a project title has {shortest} to {longest} characters, this one {len(title)}",
            record=title,
            remedy="choose another title",
        )
    answer = server.post("api/projects/", {"title": title, "label_config": render_labelling_config(schema)})
    return _parse_project(answer, server), True


def check_config(project: Project, schema: EventSchema) -> None:
    """Refuse a project whose annotations would not fit the schema; looks may differ.

    Raises:
        ServerError: Says what differs.
    """
    differences = list(compare_config(project.config, schema))
    if differences:
        raise ServerError(
            "its labelling config does not fit the schema: " + "; ".join(differences),
            file=project.server,
            record=f"project {project.title!r}",
            remedy="paste the output of `python -m trainer annotations config` into Settings → Labeling Interface, "
            "or choose another project",
        )


def compare_config(config: str, schema: EventSchema) -> Iterator[str]:
    """What a labelling config has otherwise than the schema: controls, labels, types, roles."""
    try:
        root = ElementTree.fromstring(config)
    except ElementTree.ParseError as error:
        yield f"not XML ({error})"
        return
    if not any(tag.get("name") == TEXT_KEY and tag.get("value") == f"${TEXT_KEY}" for tag in root.iter("Text")):
        yield f'no <Text name="{TEXT_KEY}" value="${TEXT_KEY}">'
    labels = _values(root, "Labels", SPAN_CONTROL, "Label")
    types = _values(root, "Choices", TYPE_CONTROL, "Choice")
    roles = {tag.get("value", "") for tag in root.iter("Relation")}
    yield from _compare("labels", labels, set(schema.label_names))
    yield from _compare("operation types", types, set(schema.type_names))
    yield from _compare("relations", roles, {role.name for role in schema.roles})


def _compare(name: str, found: set[str], wanted: set[str]) -> Iterator[str]:
    if missing := sorted(wanted - found):
        yield f"{name} missing: {', '.join(missing)}"
    if unknown := sorted(found - wanted):
        yield f"{name} that the schema does not have: {', '.join(unknown)}"


def _values(root: ElementTree.Element, control: str, name: str, member: str) -> set[str]:
    controls = (tag for tag in root.iter(control) if tag.get("name") == name)
    return {tag.get("value", "") for found in controls for tag in found.iter(member)}


def _iterate_projects(server: Server) -> Iterator[Mapping[str, Any]]:
    page = 1
    while True:
        answer = server.get("api/projects/", page=page, page_size=_PAGE, include="id,title,label_config")
        yield from answer["results"]
        if not answer.get("next"):
            return
        page += 1


def _parse_project(answer: Mapping[str, Any], server: Server) -> Project:
    return Project(int(answer["id"]), str(answer["title"]), str(answer["label_config"]), server.url)
