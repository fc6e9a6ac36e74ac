"""The REST operations of the stand-in. Importing this module fills `ROUTES`."""

from functools import partial
from typing import Any, TypeVar
from urllib.parse import unquote, urlencode

from postil.demo import registration, reviews
from postil.demo.deliveries import Sent
from postil.demo.exchange import (
    ROUTES,
    Answer,
    Call,
    Json,
    Refused,
    failed,
    invalid,
    not_found,
    one_of,
    require,
    route,
    text,
    unprocessable,
)
from postil.demo.history import Commit
from postil.demo.shapes import EMOJI, stamp
from postil.demo.state import CheckRun, CheckSuite, IssueComment, Reaction, Review, ReviewComment

# Its routes are among those of this module.
__all__ = ["ROUTES", "registration"]

Comment = TypeVar("Comment", ReviewComment, IssueComment)

REPO = "/repos/{owner}/{repo}"
PULL = f"{REPO}/pulls/{{pull_number:int}}"
MOST_FILES = 3_000
MOST_COMPARED_FILES = 300
LONGEST_DIFF = 20_000
MOST_ANNOTATIONS = 50
LONGEST_SUMMARY = 65_535
LONGEST_TITLE = 255
LARGEST_CONTENT = 1_000_000
CONCLUSIONS = ("success", "failure", "neutral", "cancelled", "skipped", "timed_out", "action_required")
STATUSES = ("queued", "in_progress", "completed")
ACTION_LENGTHS = {"label": 20, "description": 40, "identifier": 20}
READS_CONVERSATION = ("issues=read", "pull_requests=read")
WRITES_CONVERSATION = ("issues=write", "pull_requests=write")


# ------------------------------------------------------------------------------------------- the App and its tokens


@route("GET", "/app", auth="app")
def get_app(call: Call) -> Answer:
    """The App itself."""
    return Answer(200, call.fake.shapes.app())


@route("GET", "/app/installations", auth="app")
def list_installations(call: Call) -> Answer:
    """Where the App is installed."""
    there = [one for one in call.fake.installations if not one.removed]
    return call.page([call.fake.shapes.installation(one) for one in there])


@route("GET", "/app/installations/{installation_id:int}", auth="app")
def get_installation(call: Call) -> Answer:
    """One installation."""
    for one in call.fake.installations:
        if one.id == call.params["installation_id"] and not one.removed:
            return Answer(200, call.fake.shapes.installation(one))
    raise not_found()


@route("GET", f"{REPO}/installation", auth="app")
def get_repository_installation(call: Call) -> Answer:
    """The installation that reaches a repository."""
    wanted = f"{call.params['owner']}/{call.params['repo']}"
    for one in call.fake.installations:
        if not one.removed and any(repository.full_name == wanted for repository in one.repositories):
            return Answer(200, call.fake.shapes.installation(one))
    raise not_found()


@route("POST", "/app/installations/{installation_id:int}/access_tokens", auth="app")
def create_token(call: Call) -> Answer:
    """A token for one hour, for the repositories and permissions asked for, which must have been granted."""
    fake, body = call.fake, call.json
    found = next((one for one in fake.installations if one.id == call.params["installation_id"]), None)
    if found is None or found.removed:
        raise not_found()
    if found.suspended:
        raise Refused(403, "This installation has been suspended")
    granted = {repository.id: repository for repository in found.repositories}
    wanted = body.get("repository_ids")
    if body.get("repositories") is not None:
        by_name = {repository.name: repository.id for repository in found.repositories}
        wanted = [by_name.get(name, 0) for name in body["repositories"]]
    if wanted is not None and any(number not in granted for number in wanted):
        raise Refused(
            422, "There is at least one repository that does not exist or is not accessible to the parent installation."
        )
    asked = body.get("permissions") or dict(found.permissions)
    rank = {"read": 1, "write": 2, "admin": 3}
    for name, level in asked.items():
        if rank.get(found.permissions.get(name, ""), 0) < rank.get(level, 9):
            raise Refused(422, "The permissions requested are not granted to this installation.")
    token = fake.mint(found, {"metadata": "read", **asked}, None if wanted is None else tuple(wanted))
    answer: Json = {
        "token": token.value,
        "expires_at": stamp(token.expires_at),
        "permissions": token.permissions,
        "repository_selection": "selected",
    }
    if wanted is not None:
        answer["repositories"] = [fake.shapes.repository(granted[number]) for number in wanted]
    return Answer(201, answer)


@route("GET", "/installation/repositories")
def list_repositories(call: Call) -> Answer:
    """The repositories that the token reaches."""
    token = call.token
    there = [one for one in call.installation.repositories if token and call.fake.may_see(token, one)]
    shown, headers = call.window([call.fake.shapes.repository(one) for one in there])
    body = {"total_count": len(there), "repositories": shown, "repository_selection": "selected"}
    return Answer(200, body, headers)


@route("GET", "/app/hook/deliveries", auth="app")
def list_deliveries(call: Call) -> Answer:
    """The log of deliveries, newest first, all or those with one outcome; by a cursor, as its pages move on."""
    there = list(reversed(call.fake.deliveries.log))
    wanted = call.query.get("status")
    if wanted:
        there = [one for one in there if one.succeeded == (wanted == "success")]
    cursor = int(call.query.get("cursor") or 0)
    there = [one for one in there if not cursor or one.id <= cursor]
    size = min(int(call.query.get("per_page") or 30), 100)
    links = {}
    if len(there) > size:
        query = urlencode({"per_page": size, "cursor": there[size].id, **({"status": wanted} if wanted else {})})
        links = {"link": f'<{call.origin}{call.path}?{query}>; rel="next"'}
    return Answer(200, [call.fake.deliveries.item(one) for one in there[:size]], links)


def _sent(call: Call) -> Sent:
    for sent in call.fake.deliveries.log:
        if sent.id == call.params["delivery_id"]:
            return sent
    raise not_found()


@route("GET", "/app/hook/deliveries/{delivery_id:int}", auth="app")
def get_delivery(call: Call) -> Answer:
    """One delivery with what was sent and what came back."""
    return Answer(200, call.fake.deliveries.whole(_sent(call)))


@route("POST", "/app/hook/deliveries/{delivery_id:int}/attempts", auth="app")
def redeliver(call: Call) -> Answer:
    """Send it once more, under the same id."""
    sent = _sent(call)
    return Answer(202, {}, then=partial(call.fake.deliveries.send, sent.delivery, redelivery=True))


@route("GET", "/app/hook/config", auth="app")
def get_hook_config(call: Call) -> Answer:
    """Where deliveries go, and how."""
    hook = call.fake.webhook
    return Answer(200, {"content_type": "json", "insecure_ssl": "0", "secret": "********", "url": hook.url})


@route("GET", "/meta", auth="none")
def get_meta(call: Call) -> Answer:
    """What anybody may know of a GitHub."""
    return Answer(200, {"verifiable_password_authentication": False})


# ------------------------------------------------------------------------------------------------- pull requests


@route("GET", REPO, "metadata=read")
def get_repository(call: Call) -> Answer:
    """The repository."""
    return Answer(200, call.fake.shapes.repository(call.repository))


@route("GET", f"{REPO}/pulls", "pull_requests=read")
def list_pulls(call: Call) -> Answer:
    """Pull requests, newest first; open ones unless asked otherwise."""
    state = call.query.get("state", "open")
    there = [pull for pull in call.repository.pulls.values() if state in ("all", pull.state)]
    if call.query.get("sort") == "updated":
        there.sort(key=lambda pull: pull.updated_at)
    return call.page([call.fake.shapes.pull(pull, whole=False) for pull in reversed(there)])


@route("GET", PULL, "pull_requests=read")
def get_pull(call: Call) -> Answer:
    """One pull request; with the diff media type its diff, which GitHub refuses beyond 300 files or 20,000 lines."""
    pull = call.pull
    if not call.accepts("diff"):
        return Answer(200, call.fake.shapes.pull(pull))
    files = pull.repository.history.files_between(pull.merge_base, pull.head_sha)
    if len(files) > MOST_COMPARED_FILES:
        raise Refused(
            406, f"Sorry, the diff exceeded the maximum number of files ({MOST_COMPARED_FILES}).",
            [{"resource": "PullRequest", "field": "diff", "code": "too_large"}],
        )  # fmt: skip
    if sum(file.additions + file.deletions for file in files) > LONGEST_DIFF:
        raise Refused(
            406, f"Sorry, the diff exceeded the maximum number of lines ({LONGEST_DIFF})",
            [{"resource": "PullRequest", "field": "diff", "code": "too_large"}],
        )  # fmt: skip
    diff = pull.repository.history.unified_diff(pull.merge_base, pull.head_sha)
    return Answer(200, diff.encode(), {}, "application/vnd.github.diff; charset=utf-8")


@route("GET", f"{PULL}/files", "pull_requests=read")
def list_files(call: Call) -> Answer:
    """The changed files in pages, at most 3,000; large ones without patch."""
    pull, fake = call.pull, call.fake
    files = pull.repository.history.files_between(pull.merge_base, pull.head_sha)[:MOST_FILES]
    shown, headers = call.window(list(files))
    entries = [
        fake.shapes.file(
            pull.repository, file, pull.head_sha, patch=file.additions + file.deletions <= fake.patch_lines
        )
        for file in shown
    ]
    return Answer(200, entries, headers)


@route("GET", f"{PULL}/commits", "pull_requests=read")
def list_pull_commits(call: Call) -> Answer:
    """The pull request's commits, oldest first, at most 250."""
    pull = call.pull
    commits = pull.repository.history.commits_between(pull.merge_base, pull.head_sha)[:250]
    return call.page([call.fake.shapes.commit(pull.repository, commit) for commit in commits])


# ------------------------------------------------------------------------------------------------------- reviews


def _review(call: Call) -> Review:
    for review in call.pull.reviews:
        if review.id == call.params["review_id"] and (review.state != "PENDING" or review.user == call.fake.bot):
            return review
    raise not_found()


@route("GET", f"{PULL}/reviews", "pull_requests=read")
def list_reviews(call: Call) -> Answer:
    """The reviews, oldest first; of pending ones only the App's own."""
    seen = [one for one in call.pull.reviews if one.state != "PENDING" or one.user == call.fake.bot]
    return call.page([call.fake.shapes.review(one) for one in seen])


@route("POST", f"{PULL}/reviews", "pull_requests=write", content=True)
def create_review(call: Call) -> Answer:
    """Post a review: 200, not 201; everything or nothing."""
    return Answer(200, call.fake.shapes.review(reviews.create_review(call.fake, call.pull, call.fake.bot, call.json)))


@route("GET", f"{PULL}/reviews/{{review_id:int}}", "pull_requests=read")
def get_review(call: Call) -> Answer:
    """One review."""
    return Answer(200, call.fake.shapes.review(_review(call)))


@route("PUT", f"{PULL}/reviews/{{review_id:int}}", "pull_requests=write")
def update_review(call: Call) -> Answer:
    """Change a review's own text."""
    review = _review(call)
    require(call.json, "body")
    review.body = text(call.json, "body")
    return Answer(200, call.fake.shapes.review(review))


@route("DELETE", f"{PULL}/reviews/{{review_id:int}}", "pull_requests=write")
def delete_review(call: Call) -> Answer:
    """Take back a pending review; a submitted one stays."""
    review = _review(call)
    if review.state != "PENDING":
        raise unprocessable("Can not delete a non-pending pull request review")
    shape = call.fake.shapes.review(review)
    for comment in review.comments:
        reviews.delete_comment(call.pull, comment)
    call.pull.reviews.remove(review)
    return Answer(200, shape)


@route("GET", f"{PULL}/reviews/{{review_id:int}}/comments", "pull_requests=read")
def list_comments_of_review(call: Call) -> Answer:
    """The line comments of one review."""
    return call.page([call.fake.shapes.review_comment(one) for one in _review(call).comments])


@route("POST", f"{PULL}/reviews/{{review_id:int}}/events", "pull_requests=write", content=True)
def submit_review(call: Call) -> Answer:
    """Submit a pending review."""
    review = _review(call)
    require(call.json, "event")
    one_of(call.json, "event", tuple(reviews.EVENTS))
    reviews.submit(call.fake, review, call.json["event"], call.json.get("body"))
    return Answer(200, call.fake.shapes.review(review))


@route("PUT", f"{PULL}/reviews/{{review_id:int}}/dismissals", "pull_requests=write")
def dismiss_review(call: Call) -> Answer:
    """Dismiss an approval or a request for changes."""
    review = _review(call)
    require(call.json, "message")
    if review.state not in ("APPROVED", "CHANGES_REQUESTED"):
        raise unprocessable("Can not dismiss a commented pull request review")
    review.state = "DISMISSED"
    return Answer(200, call.fake.shapes.review(review))


# --------------------------------------------------------------------------------------------------- line comments


def _review_comment(call: Call) -> ReviewComment:
    for pull in call.repository.pulls.values():
        for comment in pull.comments:
            if comment.id == call.params["comment_id"]:
                return comment
    raise not_found()


@route("GET", f"{PULL}/comments", "pull_requests=read")
def list_review_comments(call: Call) -> Answer:
    """All line comments of a pull request, without those of pending reviews of others."""
    seen = [one for one in call.pull.comments if one.review is None or one.review.state != "PENDING"]
    since = call.query.get("since")
    if since:
        seen = [one for one in seen if stamp(one.updated_at) >= since]
    if call.query.get("direction") == "desc" or (call.query.get("sort") and not call.query.get("direction")):
        seen.reverse()
    return call.page([call.fake.shapes.review_comment(one) for one in seen])


@route("POST", f"{PULL}/comments", "pull_requests=write", content=True)
def create_review_comment(call: Call) -> Answer:
    """Post one line or file comment."""
    made = reviews.create_comment(call.fake, call.pull, call.fake.bot, call.json)
    return Answer(201, call.fake.shapes.review_comment(made))


@route("POST", f"{PULL}/comments/{{comment_id:int}}/replies", "pull_requests=write", content=True)
def create_reply(call: Call) -> Answer:
    """Answer below a line comment."""
    if not any(one.id == call.params["comment_id"] for one in call.pull.comments):
        raise not_found()
    require(call.json, "body")
    made = reviews.reply(call.fake, call.pull, call.fake.bot, call.params["comment_id"], text(call.json, "body"))
    return Answer(201, call.fake.shapes.review_comment(made))


@route("GET", f"{REPO}/pulls/comments/{{comment_id:int}}", "pull_requests=read")
def get_review_comment(call: Call) -> Answer:
    """One line comment."""
    return Answer(200, call.fake.shapes.review_comment(_review_comment(call)))


@route("PATCH", f"{REPO}/pulls/comments/{{comment_id:int}}", "pull_requests=write")
def update_review_comment(call: Call) -> Answer:
    """Change the text of the App's own line comment."""
    comment = _own(call, _review_comment(call))
    comment.body, comment.updated_at = _body(call, "PullRequestReviewComment"), call.fake.clock()
    return Answer(200, call.fake.shapes.review_comment(comment))


@route("DELETE", f"{REPO}/pulls/comments/{{comment_id:int}}", "pull_requests=write")
def delete_review_comment(call: Call) -> Answer:
    """Delete the App's own line comment."""
    comment = _own(call, _review_comment(call))
    reviews.delete_comment(comment.pull, comment)
    return Answer(204)


def _own(call: Call, comment: Comment) -> Comment:
    """Only the author of a comment may change it through an installation."""
    if comment.user != call.fake.bot:
        raise Refused(403, "Resource not accessible by integration")
    return comment


def _body(call: Call, resource: str) -> str:
    require(call.json, "body")
    words = text(call.json, "body")
    if not words.strip():
        raise failed(resource, "body", "body can't be blank", "missing_field")
    if len(words) > reviews.LONGEST_BODY:
        raise failed(resource, "body", reviews.TOO_LONG)
    return words


# --------------------------------------------------------------------------------------------------- conversation


def _issue_comment(call: Call) -> IssueComment:
    for pull in call.repository.pulls.values():
        for comment in pull.issue_comments:
            if comment.id == call.params["comment_id"]:
                return comment
    raise not_found()


@route("GET", f"{REPO}/issues/{{issue_number:int}}/comments", *READS_CONVERSATION)
def list_issue_comments(call: Call) -> Answer:
    """The conversation, oldest first."""
    return call.page([call.fake.shapes.issue_comment(one) for one in call.pull.issue_comments])


@route("POST", f"{REPO}/issues/{{issue_number:int}}/comments", *WRITES_CONVERSATION, content=True)
def create_issue_comment(call: Call) -> Answer:
    """Write into the conversation."""
    made = call.fake.write_comment(call.pull, _body(call, "IssueComment"), by=call.fake.bot.login)
    return Answer(201, call.fake.shapes.issue_comment(made))


@route("GET", f"{REPO}/issues/comments/{{comment_id:int}}", *READS_CONVERSATION)
def get_issue_comment(call: Call) -> Answer:
    """One comment of the conversation."""
    return Answer(200, call.fake.shapes.issue_comment(_issue_comment(call)))


@route("PATCH", f"{REPO}/issues/comments/{{comment_id:int}}", *WRITES_CONVERSATION)
def update_issue_comment(call: Call) -> Answer:
    """Change the text of the App's own comment."""
    comment = _own(call, _issue_comment(call))
    comment.body, comment.updated_at = _body(call, "IssueComment"), call.fake.clock()
    return Answer(200, call.fake.shapes.issue_comment(comment))


@route("DELETE", f"{REPO}/issues/comments/{{comment_id:int}}", *WRITES_CONVERSATION)
def delete_issue_comment(call: Call) -> Answer:
    """Delete the App's own comment."""
    comment = _own(call, _issue_comment(call))
    comment.pull.issue_comments.remove(comment)
    return Answer(204)


# ------------------------------------------------------------------------------------------------------- reactions


def _react(call: Call, reactions: list[Reaction]) -> Answer:
    """Add the App's reaction once: 201 when it is new, 200 when it was there."""
    require(call.json, "content")
    one_of(call.json, "content", EMOJI)
    content, bot = call.json["content"], call.fake.bot
    for one in reactions:
        if one.user == bot and one.content == content:
            return Answer(200, call.fake.shapes.reaction(one))
    made = Reaction(call.fake.next_id(), bot, content, call.fake.clock())
    reactions.append(made)
    return Answer(201, call.fake.shapes.reaction(made))


def _reactions(call: Call, reactions: list[Reaction]) -> Answer:
    return call.page([call.fake.shapes.reaction(one) for one in reactions])


@route("GET", f"{REPO}/issues/{{issue_number:int}}/reactions", *READS_CONVERSATION)
def list_issue_reactions(call: Call) -> Answer:
    """Reactions to the pull request's first text."""
    return _reactions(call, call.pull.reactions)


@route("POST", f"{REPO}/issues/{{issue_number:int}}/reactions", "issues=write", content=True)
def react_to_issue(call: Call) -> Answer:
    """React to the pull request's first text."""
    return _react(call, call.pull.reactions)


@route("GET", f"{REPO}/issues/comments/{{comment_id:int}}/reactions", "issues=read")
def list_issue_comment_reactions(call: Call) -> Answer:
    """Reactions to a comment of the conversation."""
    return _reactions(call, _issue_comment(call).reactions)


@route("POST", f"{REPO}/issues/comments/{{comment_id:int}}/reactions", "issues=write", content=True)
def react_to_issue_comment(call: Call) -> Answer:
    """React to a comment of the conversation, which needs `issues: write`, on pull requests too."""
    return _react(call, _issue_comment(call).reactions)


@route("GET", f"{REPO}/pulls/comments/{{comment_id:int}}/reactions", "pull_requests=read")
def list_review_comment_reactions(call: Call) -> Answer:
    """Reactions to a line comment."""
    return _reactions(call, _review_comment(call).reactions)


@route("POST", f"{REPO}/pulls/comments/{{comment_id:int}}/reactions", "pull_requests=write", content=True)
def react_to_review_comment(call: Call) -> Answer:
    """React to a line comment."""
    return _react(call, _review_comment(call).reactions)


# ------------------------------------------------------------------------------------------------------ check runs


def _check_run(call: Call) -> CheckRun:
    for run in call.repository.check_runs:
        if run.id == call.params["check_run_id"]:
            return run
    raise not_found()


def _suite(call: Call) -> CheckSuite:
    for suite in call.repository.suites:
        if suite.id == call.params["check_suite_id"]:
            return suite
    raise not_found()


@route("POST", f"{REPO}/check-runs", "checks=write", content=True)
def create_check_run(call: Call) -> Answer:
    """Start a check run on a commit of the repository."""
    body, fake, repository = call.json, call.fake, call.repository
    require(body, "name", "head_sha")
    sha = repository.history.commit_of(text(body, "head_sha"))
    if sha is None:
        raise Refused(422, f"No commit found for SHA: {body['head_sha']}")
    _check_output(body)
    suite = next((one for one in repository.suites if one.head_sha == sha), None)
    if suite is None:
        suite = CheckSuite(fake.next_id(), repository, sha, fake.clock())
        repository.suites.append(suite)
    run = CheckRun(fake.next_id(), suite, text(body, "name"), sha)
    if body.get("status") != "queued":
        run.started_at = fake.clock()
    _update(run, body, call)
    repository.check_runs.append(run)
    return Answer(201, fake.shapes.check_run(run))


@route("GET", f"{REPO}/check-runs/{{check_run_id:int}}", "checks=read")
def get_check_run(call: Call) -> Answer:
    """One check run."""
    return Answer(200, call.fake.shapes.check_run(_check_run(call)))


@route("PATCH", f"{REPO}/check-runs/{{check_run_id:int}}", "checks=write", content=True)
def update_check_run(call: Call) -> Answer:
    """Change a check run; annotations are added to those it has."""
    run = _check_run(call)
    _check_output(call.json)
    _update(run, call.json, call)
    return Answer(200, call.fake.shapes.check_run(run))


@route("GET", f"{REPO}/check-runs/{{check_run_id:int}}/annotations", "checks=read")
def list_annotations(call: Call) -> Answer:
    """A check run's annotations."""
    run = _check_run(call)
    return call.page([call.fake.shapes.annotation(run, one) for one in run.annotations])


@route("POST", f"{REPO}/check-runs/{{check_run_id:int}}/rerequest", "checks=write")
def rerequest_check_run(call: Call) -> Answer:
    """Ask for the run once more (GitHub then sends `check_run.rerequested`)."""
    _check_run(call)
    return Answer(201, {})


@route("GET", f"{REPO}/check-suites/{{check_suite_id:int}}", "checks=read")
def get_check_suite(call: Call) -> Answer:
    """One check suite."""
    return Answer(200, call.fake.shapes.check_suite(_suite(call)))


@route("GET", f"{REPO}/check-suites/{{check_suite_id:int}}/check-runs", "checks=read")
def list_runs_of_suite(call: Call) -> Answer:
    """The runs of a suite."""
    return _runs(call, _suite(call).runs)


@route("POST", f"{REPO}/check-suites/{{check_suite_id:int}}/rerequest", "checks=write")
def rerequest_check_suite(call: Call) -> Answer:
    """Ask for the whole suite once more (GitHub then sends `check_suite.rerequested`)."""
    _suite(call)
    return Answer(201, {})


@route("GET", f"{REPO}/commits/{{ref:path}}/check-runs", "checks=read")
def list_runs_of_commit(call: Call) -> Answer:
    """The check runs on a commit; of several with one name only the last, unless `filter=all`."""
    sha = call.repository.history.commit_of(call.params["ref"])
    runs = [run for run in call.repository.check_runs if run.head_sha == sha]
    if call.query.get("filter", "latest") == "latest":
        runs = list({run.name: run for run in runs}.values())
    if call.query.get("check_name"):
        runs = [run for run in runs if run.name == call.query["check_name"]]
    return _runs(call, runs)


@route("GET", f"{REPO}/commits/{{ref:path}}/check-suites", "checks=read")
def list_suites_of_commit(call: Call) -> Answer:
    """The check suites on a commit."""
    sha = call.repository.history.commit_of(call.params["ref"])
    suites = [suite for suite in call.repository.suites if suite.head_sha == sha]
    shown, headers = call.window([call.fake.shapes.check_suite(suite) for suite in suites])
    return Answer(200, {"total_count": len(suites), "check_suites": shown}, headers)


def _runs(call: Call, runs: list[CheckRun]) -> Answer:
    shown, headers = call.window([call.fake.shapes.check_run(run) for run in runs])
    return Answer(200, {"total_count": len(runs), "check_runs": shown}, headers)


def _check_output(body: Json) -> None:
    """Refuse what GitHub refuses of a check run's fields, before anything is stored."""
    one_of(body, "status", STATUSES)
    one_of(body, "conclusion", CONCLUSIONS)
    if body.get("status") == "completed" and body.get("conclusion") is None:
        raise invalid('"conclusion" wasn\'t supplied.')
    actions = body.get("actions") or []
    if len(actions) > 3:
        raise invalid(f"No more than 3 items are allowed; {len(actions)} were supplied.")
    for action in actions:
        require(action, *ACTION_LENGTHS)
        for name, longest in ACTION_LENGTHS.items():
            if len(action[name]) > longest:
                raise invalid(f"Only {longest} characters are allowed; {len(action[name])} were supplied.")
    output = body.get("output")
    if output is None:
        return
    require(output, "title", "summary") if "name" in body else require(output, "summary")
    for name, longest in (("title", LONGEST_TITLE), ("summary", LONGEST_SUMMARY), ("text", LONGEST_SUMMARY)):
        words = text(output, name)
        if len(words) > longest:
            raise invalid(f"Only {longest} characters are allowed; {len(words)} were supplied.")
        if name != "title" and len(words.encode()) > longest:
            raise failed("CheckRun", name, f"{name} exceeds a maximum bytesize of {longest}")
    annotations = output.get("annotations") or []
    if len(annotations) > MOST_ANNOTATIONS:
        raise invalid(f"No more than {MOST_ANNOTATIONS} items are allowed; {len(annotations)} were supplied.")
    for annotation in annotations:
        _check_annotation(annotation)


def _check_annotation(annotation: Json) -> None:
    require(annotation, "path", "start_line", "end_line", "annotation_level", "message")
    one_of(annotation, "annotation_level", ("notice", "warning", "failure"))
    if len(text(annotation, "title")) > LONGEST_TITLE:
        raise invalid(f"Only {LONGEST_TITLE} characters are allowed; {len(annotation['title'])} were supplied.")
    for name in ("message", "raw_details"):
        if len(text(annotation, name).encode()) > 64 * 1024:
            raise failed("CheckRun", f"annotations.{name}", f"{name} exceeds a maximum bytesize of 65536")
    columns = annotation.get("start_column") is not None or annotation.get("end_column") is not None
    if columns and annotation["start_line"] != annotation["end_line"]:
        raise failed("CheckRun", "annotations", "columns are only allowed when start_line and end_line are the same")


def _update(run: CheckRun, body: Json, call: Call) -> None:
    for name in ("name", "external_id", "details_url", "status", "conclusion", "actions"):
        if body.get(name) is not None:
            setattr(run, name, body[name])
    if body.get("conclusion") is not None:
        run.status, run.completed_at = "completed", call.fake.clock()
    elif body.get("status") in ("queued", "in_progress"):
        run.conclusion = run.completed_at = None
        run.started_at = run.started_at or call.fake.clock()
    output = body.get("output") or {}
    for name in ("title", "summary", "text"):
        if name in output:
            setattr(run, name, output[name])
    run.annotations += output.get("annotations") or []


# ----------------------------------------------------------------------------------------------- people and content


@route("GET", f"{REPO}/collaborators/{{username}}/permission", "metadata=read")
def get_permission(call: Call) -> Answer:
    """What an account may do in the repository. 404 for one that does not exist."""
    account = call.fake.accounts.get(call.params["username"])
    if account is None:
        raise not_found()
    permission, role = call.fake.permission(call.repository, account)
    level = {"none": 0, "read": 1, "triage": 2, "write": 3, "maintain": 4, "admin": 5}[role]
    names = ("pull", "triage", "push", "maintain", "admin")
    flags = {name: level > number for number, name in enumerate(names)}
    user = {**call.fake.shapes.user(account), "permissions": flags, "role_name": role}
    return Answer(200, {"permission": permission, "role_name": role, "user": user})


def _commit(call: Call, name: str) -> Commit:
    found = call.repository.history.describe(name)
    if found is None:
        raise Refused(422, f"No commit found for SHA: {name}")
    return found


@route("GET", f"{REPO}/contents/{{path:path}}", "contents=read")
def get_content(call: Call) -> Answer:
    """A file (base64 up to 1 MB, raw with its media type) or the entries of a folder."""
    repository, history = call.repository, call.repository.history
    path = unquote(call.params["path"]).strip("/")
    ref = call.query.get("ref") or repository.default_branch
    sha = history.resolve(f"{ref}:{path}")
    kind = history.kind(sha) if sha else None
    if sha is None or kind not in ("blob", "tree"):
        raise not_found()
    if kind == "tree":
        entries = [
            call.fake.shapes.content(
                repository,
                f"{path}/{entry.path}".strip("/"),
                ref,
                entry.sha,
                {"blob": "file", "tree": "dir", "commit": "submodule"}[entry.kind],
                entry.size or 0,
            )
            for entry in history.tree(sha)
        ]
        return Answer(200, entries[:1000])
    content = history.blob(sha) or b""
    if call.accepts("raw"):
        return Answer(200, content, {}, "application/vnd.github.raw+json; charset=utf-8")
    shape = call.fake.shapes.content(repository, path, ref, sha, "file", len(content))
    if len(content) > LARGEST_CONTENT:
        return Answer(200, {**shape, "content": "", "encoding": "none"})
    blob = call.fake.shapes.blob(repository, sha, content)
    return Answer(200, {**shape, "content": blob["content"], "encoding": "base64"})


@route("GET", f"{REPO}/git/blobs/{{file_sha}}", "contents=read")
def get_blob(call: Call) -> Answer:
    """A blob by its id, in base64 or raw."""
    sha = call.params["file_sha"]
    content = call.repository.history.blob(sha)
    if content is None:
        raise not_found()
    if call.accepts("raw"):
        return Answer(200, content, {}, "application/vnd.github.raw+json; charset=utf-8")
    return Answer(200, call.fake.shapes.blob(call.repository, sha, content))


@route("GET", f"{REPO}/git/trees/{{tree_sha:path}}", "contents=read")
def get_tree(call: Call) -> Answer:
    """A tree, with `recursive` all that is below it."""
    history = call.repository.history
    sha = history.resolve(f"{call.params['tree_sha']}^{{tree}}")
    if sha is None:
        raise not_found()
    url = f"{call.fake.url}/repos/{call.repository.full_name}/git"
    entries: list[Json] = []
    for entry in history.tree(sha, recursive="recursive" in call.query):
        shape: Json = {"path": entry.path, "mode": entry.mode, "type": entry.kind, "sha": entry.sha}
        if entry.kind != "commit":
            shape["url"] = f"{url}/{entry.kind}s/{entry.sha}"
        entries.append(shape if entry.size is None else {**shape, "size": entry.size})
    return Answer(200, {"sha": sha, "url": f"{url}/trees/{sha}", "tree": entries, "truncated": False})


@route("GET", f"{REPO}/compare/{{basehead:path}}", "contents=read")
def compare(call: Call) -> Answer:
    """Two commits compared from their merge base; up to 300 files, on the first page only."""
    repository, history, shapes = call.repository, call.repository.history, call.fake.shapes
    base, dots, head = unquote(call.params["basehead"]).partition("...")
    if not dots or history.commit_of(base) is None or history.commit_of(head) is None:
        raise not_found()
    start, end = _commit(call, base), _commit(call, head)
    shared = history.merge_base(start.sha, end.sha)
    if shared is None:
        raise Refused(404, f"No common ancestor between {base} and {head}.")
    ahead, behind = history.commits_between(start.sha, end.sha), history.commits_between(end.sha, start.sha)
    commits, headers = call.window(ahead[-250:])
    first = call.query.get("page", "1") == "1"
    files = history.files_between(shared, end.sha)[:MOST_COMPARED_FILES] if first else ()
    states = {(False, False): "identical", (True, False): "ahead", (False, True): "behind", (True, True): "diverged"}
    url = f"{call.fake.url}/repos/{repository.full_name}/compare/{start.sha}...{end.sha}"
    html = f"{call.fake.url}/{repository.full_name}/compare/{start.sha}...{end.sha}"
    shape: dict[str, Any] = {
        "url": url,
        "html_url": html,
        "permalink_url": html,
        "diff_url": f"{html}.diff",
        "patch_url": f"{html}.patch",
        "base_commit": shapes.commit(repository, start),
        "merge_base_commit": shapes.commit(repository, _commit(call, shared)),
        "status": states[bool(ahead), bool(behind)],
        "ahead_by": len(ahead),
        "behind_by": len(behind),
        "total_commits": len(ahead),
        "commits": [shapes.commit(repository, one) for one in commits],
    }
    if first:
        limit = call.fake.patch_lines
        shape["files"] = [
            shapes.file(repository, file, end.sha, patch=file.additions + file.deletions <= limit) for file in files
        ]
    return Answer(200, shape, headers)


@route("GET", f"{REPO}/commits/{{ref:path}}", "contents=read")
def get_commit(call: Call) -> Answer:
    """One commit."""
    return Answer(200, call.fake.shapes.commit(call.repository, _commit(call, call.params["ref"])))


@route("GET", "/rate_limit")
def get_rate_limit(call: Call) -> Answer:
    """What is left in each bucket; asking is free."""
    if call.fake.limits is None:
        raise Refused(404, "Rate limiting is not enabled.")
    return Answer(200, call.fake.rate_limit(call.installation))


# --------------------------------------------------------------------------------------------------------- GraphQL


@route("POST", "/graphql")
def graphql(call: Call) -> Answer:
    """Execute a query or mutation; errors come with status 200."""
    if call.token is None:
        raise Refused(401, "Bad credentials")
    return Answer(200, call.fake.graph.execute(call.token, call.json))
