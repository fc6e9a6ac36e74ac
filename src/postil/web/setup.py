"""`/setup`: how this service becomes a GitHub App, for as long as it isn't one."""

from dataclasses import dataclass
from urllib.parse import urlencode

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from postil.web.pages import page


@dataclass(frozen=True, slots=True)
class Need:
    """A permission (`level` is read or write) or an event (no level) that the App asks for, and the reason."""

    name: str
    level: str
    why: str


@dataclass(frozen=True, slots=True)
class Variable:
    """An environment variable: its name, what to give, and whether it is set."""

    name: str
    cure: str
    given: bool


PERMISSIONS = (
    Need("metadata", "read", "Every App has it; Postil asks with it who may give commands."),
    Need("contents", "read", "To read the files that a pull request changes, and the project's configuration."),
    Need("pull_requests", "write", "To read a pull request's changes and post the review with its comments."),
    Need("checks", "write", "To show the verdict as a check run, and to be told when somebody presses “Re-run”."),
    Need("issues", "read", "Commands are written as comments on the conversation, which GitHub counts among issues."),
    Need("merge_queues", "read", "To be told of merge queues, which wait for the check on a commit of their own."),
)
OPTIONAL = (
    Need("issues", "write", "To answer a command with an 👀 reaction on its comment."),
    Need("contents", "write", "To resolve the threads of what has been fixed; without it Postil hides or edits them."),
)
EVENTS = (
    Need("pull_request", "", "A pull request was opened, changed, or made ready for review."),
    Need("issue_comment", "", "Somebody may have written a command in the conversation."),
    Need("pull_request_review", "", "Somebody may have written a command in the words of a review."),
    Need("pull_request_review_comment", "", "Somebody may have written a command in an answer to a comment."),
    Need("merge_group", "", "A merge queue waits for the check."),
)
WEBHOOK_PATH = "/webhooks/github"


def register_url(web_url: str, public_url: str, organisation: str = "") -> str:
    """Make the address of GitHub's form for a new App, filled in.

    The parameters are those of GitHub's page "Registering a GitHub App using URL parameters".
    """
    owner = f"/organizations/{organisation}" if organisation else ""
    values = [
        ("name", "Postil"),
        ("description", "Reviews pull requests of Python services against a written guideline."),
        ("url", public_url),
        ("public", "false"),
        ("webhook_active", "true"),
        ("webhook_url", public_url + WEBHOOK_PATH),
        *((need.name, need.level) for need in PERMISSIONS),
        *(("events[]", need.name) for need in EVENTS),
    ]
    return f"{web_url}{owner}/settings/apps/new?{urlencode(values)}"


def router(variables: tuple[Variable, ...], *, web_url: str, public_url: str, configured: bool) -> APIRouter:
    """Make the route. `public_url` is "" while nobody has said it; `configured` says that all is done already."""
    routes = APIRouter()

    @routes.get("/setup", response_class=HTMLResponse)
    def show() -> HTMLResponse:
        address = public_url or "https://postil.example.com"
        made = page(
            "setup.html",
            {
                "title": "Set-up",
                "configured": configured,
                "variables": variables,
                "permissions": PERMISSIONS,
                "optional": OPTIONAL,
                "events": EVENTS,
                "web_url": web_url,
                "public_url": public_url,
                "register": register_url(web_url, address),
                "register_for_organisation": register_url(web_url, address, "ORGANIZATION"),
            },
        )
        made.headers["cache-control"] = "no-store"
        return made

    return routes
