"""The rules of reviews: what is refused, what is stored, and what a push does to comments that stand.

GitHub describes few of these rules. They, and the words of its refusals, are as its users report them; the words for a
blank body, for a path outside of the diff and for a foreign commit are not confirmed, so nobody should read them.
"""

from typing import TYPE_CHECKING, Any

from postil.demo import anchors
from postil.demo.anchors import Anchor
from postil.demo.exchange import Json, failed, invalid, one_of, require, text, unprocessable
from postil.demo.state import Account, FakePull, Review, ReviewComment, Thread

if TYPE_CHECKING:
    from postil.demo.fake_github import FakeGitHub

LONGEST_BODY = 65_536
TOO_LONG = f"body is too long (maximum is {LONGEST_BODY} characters)"
SIDES = ("LEFT", "RIGHT")
EVENTS = {"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED"}


def create_review(fake: "FakeGitHub", pull: FakePull, author: Account, body: Json) -> Review:
    """Post a review with all its comments, or refuse it whole with GitHub's words (`Refused`)."""
    one_of(body, "event", tuple(EVENTS))
    event, words = body.get("event"), text(body, "body")
    comments = body.get("comments") or []
    if not isinstance(comments, list) or not all(isinstance(one, dict) for one in comments):
        raise invalid("For 'properties/comments', it is not an array of objects.")
    if any(review.state == "PENDING" and review.user == author for review in pull.reviews):
        raise unprocessable("User can only have one pending review per pull request")
    if author == pull.author and event in ("APPROVE", "REQUEST_CHANGES"):
        what = "approve" if event == "APPROVE" else "request changes on"
        raise unprocessable(f"Can not {what} your own pull request")
    if event in ("COMMENT", "REQUEST_CHANGES") and not words.strip():
        raise unprocessable("Review body can't be blank")
    if len(words) > LONGEST_BODY:
        raise unprocessable(TOO_LONG)
    commit = commit_of(pull, text(body, "commit_id") or pull.head_sha)
    placed = [_placed(pull, commit, one) for one in comments]
    errors = [error for _, _, refusals in placed for error in refusals]
    if errors:
        raise unprocessable(*errors)
    state = EVENTS[event] if event else "PENDING"
    now = fake.clock()
    review = Review(fake.next_id(), pull, author, words, state, commit, commit, now if event else None)
    pull.reviews.append(review)
    for (anchor, patch, _), one in zip(placed, comments, strict=True):
        _store(fake, pull, review, author, one["body"], anchor, patch, commit)
    return review


def create_comment(fake: "FakeGitHub", pull: FakePull, author: Account, body: Json) -> ReviewComment:
    """Post one comment on a line or on a file, outside of a review that one sees; GitHub makes a review around it."""
    if body.get("in_reply_to") is not None:
        return reply(fake, pull, author, body["in_reply_to"], text(body, "body"))
    require(body, "body", "commit_id", "path")
    _check_length(body, "PullRequestReviewComment")
    one_of(body, "side", SIDES)
    one_of(body, "subject_type", ("line", "file"))
    commit = commit_of(pull, text(body, "commit_id"))
    if body.get("subject_type") == "file":
        patch = _patch(pull, commit, body["path"])
        if patch is None:
            raise failed("PullRequestReviewComment", "pull_request_review_thread.path", anchors.PATH)
        anchor = None
    else:
        anchor, patch, errors = _placed(pull, commit, body)
        if errors:
            raise failed("PullRequestReviewComment", "pull_request_review_thread.line", f"{errors[0]}")
    now = fake.clock()
    review = Review(fake.next_id(), pull, author, "", "COMMENTED", commit, commit, now)
    pull.reviews.append(review)
    return _store(fake, pull, review, author, body["body"], anchor, patch or "", commit, path=body["path"])


def reply(fake: "FakeGitHub", pull: FakePull, author: Account, to: int, words: str) -> ReviewComment:
    """Answer below a comment that starts a thread; a reply takes no reply of its own."""
    root = next((one for one in pull.comments if one.id == to and one.in_reply_to is None), None)
    if root is None:
        raise failed("PullRequestReviewComment", "in_reply_to", "is not a top-level comment of this pull request")
    if not words.strip():
        raise failed("PullRequestReviewComment", "body", "body can't be blank", "missing_field")
    _check_length({"body": words}, "PullRequestReviewComment")
    now = fake.clock()
    review = Review(fake.next_id(), pull, author, "", "COMMENTED", pull.head_sha, pull.head_sha, now)
    pull.reviews.append(review)
    made = ReviewComment(
        fake.next_id(), pull, review, author, words, root.path, root.side, root.line, root.start_line, root.start_side,
        root.original_line, root.original_start_line, root.commit_id, root.original_commit_id, root.diff_hunk,
        root.position, root.original_position, root.subject_type, now, now, in_reply_to=root.id,
    )  # fmt: skip
    pull.comments.append(made)
    return made


def submit(fake: "FakeGitHub", review: Review, event: str, words: str | None) -> None:
    """Turn a pending review into one that everybody sees."""
    if review.state != "PENDING":
        raise unprocessable("Could not submit review: it is not pending")
    if words is not None:
        review.body = words
    if event != "APPROVE" and not review.body.strip():
        raise unprocessable("Review body can't be blank")
    review.state, review.submitted_at = EVENTS[event], fake.clock()


def delete_comment(pull: FakePull, comment: ReviewComment) -> None:
    """Take a comment away; a thread goes with its last comment."""
    pull.comments.remove(comment)
    root = comment.in_reply_to or comment.id
    thread = pull.threads.get(root)
    if thread and not thread.comments:
        del pull.threads[root]


def head_moved(pull: FakePull, old: str, *, forced: bool) -> None:
    """Carry every comment over to the new head, or let it become outdated, as GitHub does after a push."""
    for comment in pull.comments:
        _settle(comment)
    for review in pull.reviews:
        if forced and review.commit_id == old:
            review.commit_id = pull.head_sha


def commit_of(pull: FakePull, sha: str) -> str:
    """The commit a review is for, which must belong to the pull request."""
    history = pull.repository.history
    known = history.commit_of(sha)
    if known is None or not history.is_ancestor(known, pull.head_sha):
        raise unprocessable("Commit oid is not part of the pull request")
    return known


def _check_length(body: Json, resource: str) -> None:
    if len(text(body, "body")) > LONGEST_BODY:
        raise failed(resource, "body", TOO_LONG)


def _patch(pull: FakePull, commit: str, path: Any) -> str | None:
    """The patch of a file of the pull request; "" for a file without one, None for a file that is not in the diff."""
    files = pull.repository.history.files_between(pull.merge_base_of(commit), commit)
    file = next((file for file in files if file.path == path), None)
    return None if file is None else file.patch or ""


def _placed(pull: FakePull, commit: str, body: Json) -> tuple[Anchor, str, list[str]]:
    """Where a comment wants to be, the patch it is in, and what GitHub has against it."""
    path = body.get("path")
    if not isinstance(path, str) or not isinstance(body.get("body"), str):
        raise invalid('"path" and "body" must be supplied for each comment.')
    patch = _patch(pull, commit, path)
    line, side = body.get("line"), body.get("side") or "RIGHT"
    if line is None and isinstance(body.get("position"), int):
        line, side = anchors.at_position(patch, body["position"]) or (None, side)
    start = body.get("start_line")
    start_side = body.get("start_side") or (side if start is not None else None)
    anchor = Anchor(path, line if isinstance(line, int) else 0, side, start, start_side)
    if patch is None:
        return anchor, "", [anchors.PATH]
    refused = anchors.refusals(anchor, patch) if side in SIDES and start_side in (*SIDES, None) else [anchors.LINE]
    if not body["body"].strip():
        refused = [*refused, "Pull request review comment body can't be blank"]
    if len(body["body"]) > LONGEST_BODY:
        refused = [*refused, TOO_LONG]
    return anchor, patch, refused


def _store(
    fake: "FakeGitHub",
    pull: FakePull,
    review: Review,
    author: Account,
    words: str,
    anchor: Anchor | None,
    patch: str,
    commit: str,
    path: str = "",
) -> ReviewComment:
    now = fake.clock()
    line = anchor.line if anchor else None
    side = anchor.side if anchor else "RIGHT"
    position = anchors.position_of(patch, side, line) if line else None
    made = ReviewComment(
        id=fake.next_id(),
        pull=pull,
        review=review,
        user=author,
        body=words,
        path=anchor.path if anchor else path,
        side=side,
        line=line,
        start_line=anchor.start_line if anchor else None,
        start_side=anchor.start_side if anchor else None,
        original_line=line,
        original_start_line=anchor.start_line if anchor else None,
        commit_id=commit,
        original_commit_id=commit,
        diff_hunk=anchors.excerpt(patch, side, line) if line else "",
        position=position,
        original_position=position or 1,
        subject_type="line" if anchor else "file",
        created_at=now,
        updated_at=now,
    )
    pull.comments.append(made)
    pull.threads[made.id] = Thread(made.id, pull)
    _settle(made)
    return made


def _settle(comment: ReviewComment) -> None:
    """Find where a comment stands in the present diff. It is outdated when its lines changed or left the diff."""
    pull = comment.pull
    if comment.subject_type == "file" or comment.commit_id == pull.head_sha or comment.line is None:
        return
    patch = _patch(pull, pull.head_sha, comment.path)
    line, start = comment.line, comment.start_line
    if comment.side == "RIGHT":
        moved = pull.repository.history.line_map(comment.commit_id, pull.head_sha, comment.path)
        line = moved.now(line)
        start = moved.now(start) if start is not None else None
    lost = comment.start_line is not None and start is None
    position = anchors.position_of(patch, comment.side, line) if line is not None and not lost else None
    if position is None:
        comment.line = comment.start_line = comment.position = None
        return
    comment.line, comment.start_line, comment.position = line, start, position
    comment.commit_id = pull.head_sha
