"""The GraphQL side of the stand-in: resolvers over its state, executed by graphql-core on a schema.

The package's own `schema.graphql` has the part of GitHub's schema that reviewing needs; the tests execute the same
resolvers on GitHub's whole schema and hold the small one to it.
"""

from datetime import UTC, datetime
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from graphql import (
    ExecutionResult,
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    StringValueNode,
    VariableNode,
    Visitor,
    build_schema,
    execute_sync,
    parse,
    validate,
    visit,
)

from postil.demo.exchange import Json, Refused
from postil.demo.shapes import maybe_stamp, stamp
from postil.demo.state import (
    Account,
    FakePull,
    FakeRepository,
    IssueComment,
    Reaction,
    Review,
    ReviewComment,
    Thread,
    Token,
    node_id,
)

if TYPE_CHECKING:
    from postil.demo.fake_github import FakeGitHub

LARGEST_TEXT = 512_000
REACTIONS = {
    "THUMBS_UP": "+1", "THUMBS_DOWN": "-1", "LAUGH": "laugh", "HOORAY": "hooray",
    "CONFUSED": "confused", "HEART": "heart", "ROCKET": "rocket", "EYES": "eyes",
}  # fmt: skip
CLASSIFIERS = {"OFF_TOPIC": "off-topic"}


@cache
def own_schema() -> GraphQLSchema:
    """The schema that the package carries."""
    return build_schema(resources.files("postil.demo").joinpath("schema.graphql").read_text(encoding="utf-8"))


def refused(kind: str, message: str) -> GraphQLError:
    """An error as GitHub gives it: with a `type` beside the message."""
    return GraphQLError(message, extensions={"type": kind})


def forbidden() -> GraphQLError:
    """The token lacks a permission."""
    return refused("FORBIDDEN", "Resource not accessible by integration")


class _ObjectNames(Visitor):
    """Collects what a query's `object` fields ask for, so that all of it is read from git at once."""

    def __init__(self, variables: Json) -> None:
        super().__init__()
        self.variables = variables
        self.names: list[str] = []

    def enter_field(self, node: FieldNode, *_: object) -> None:
        """Note the `oid` or `expression` of one `object` field."""
        if node.name.value != "object":
            return
        for argument in node.arguments or ():
            value = argument.value
            if isinstance(value, StringValueNode):
                self.names.append(value.value)
            elif isinstance(value, VariableNode):
                self.names.append(str(self.variables.get(value.name.value)))


class Graph:
    """Executes queries for one stand-in."""

    def __init__(self, fake: "FakeGitHub") -> None:
        self.fake = fake
        self.schema = fake.schema or own_schema()

    def execute(self, token: Token, body: Json) -> Json:
        """Answer one GraphQL request. A wrong query is an answer with errors, and a complaint."""
        query, variables = body.get("query"), body.get("variables") or {}
        if not isinstance(query, str) or not query.strip():
            raise Refused(400, "A query attribute must be specified and must be a string.")
        try:
            document = parse(query)
        except GraphQLError as problem:
            self.fake.complaints.append(f"GraphQL does not parse: {problem.message}")
            return {"errors": [problem.formatted]}
        wrong = validate(self.schema, document)
        if wrong:
            self.fake.complaints += [f"GraphQL is not valid: {problem.message}" for problem in wrong]
            return {"errors": [problem.formatted for problem in wrong]}
        names = _ObjectNames(variables)
        visit(document, names)
        root = Resolvers(self.fake, token, names.names)
        result = execute_sync(self.schema, document, root.operations(), variable_values=variables)
        return self._answer(result)

    def _answer(self, result: ExecutionResult) -> Json:
        answer: Json = {}
        if result.data is not None or not result.errors:
            answer["data"] = result.data
        if result.errors:
            answer["errors"] = []
            for problem in result.errors:
                shape = dict(problem.formatted)
                kind = (problem.extensions or {}).get("type")
                if kind is None:
                    self.fake.complaints.append(f"GraphQL could not be executed: {problem.message} at {problem.path}")
                else:
                    shape.pop("extensions", None)
                answer["errors"].append({"type": kind, **shape} if kind else shape)
        return answer


class Resolvers:
    """The values behind the fields, for one request: dictionaries whose entries are values or functions."""

    def __init__(self, fake: "FakeGitHub", token: Token, objects: list[str]) -> None:
        self.fake, self.token, self.objects = fake, token, objects

    def operations(self) -> Json:
        """The fields of Query and Mutation."""
        return {
            "repository": self.repository,
            "node": lambda _, **given: self.node(given["id"]),
            "viewer": lambda _: self.actor(self.fake.bot),
            "rateLimit": self.rate_limit,
            "resolveReviewThread": lambda _, **given: self.set_resolved(given["input"], resolved=True),
            "unresolveReviewThread": lambda _, **given: self.set_resolved(given["input"], resolved=False),
            "minimizeComment": lambda _, **given: self.minimize(given["input"]),
            "unminimizeComment": lambda _, **given: self.set_minimized(given["input"], None),
            "updatePullRequestReviewComment": lambda _, **given: self.edit(given["input"]),
            "addReaction": lambda _, **given: self.add_reaction(given["input"]),
            "addPullRequestReviewThreadReply": lambda _, **given: self.add_reply(given["input"]),
        }

    def needs(self, *alternatives: str) -> None:
        """Refuse unless the token has one of these permissions."""
        if not any(self.fake.allows(self.token, need) for need in alternatives):
            raise forbidden()

    def rate_limit(self, _info: object, dryRun: bool = False) -> Json:  # noqa: N803
        """The GraphQL budget."""
        left = self.fake.rate_limit(self.token.installation)["resources"]["graphql"]
        reset = stamp(datetime.fromtimestamp(left["reset"], UTC))
        return {**left, "cost": 1, "nodeCount": 0, "resetAt": reset}

    # -------------------------------------------------------------------------------------------------- queries

    def repository(self, _info: object, owner: str, name: str, followRenames: bool = True) -> Json:  # noqa: N803
        """A repository that the token reaches."""
        for repository in self.fake.repositories:
            asked = f"{owner}/{name}"
            named = repository.is_called(asked) if followRenames else repository.full_name == asked
            if named and self.fake.may_see(self.token, repository):
                repository.history.fetch(self.objects)
                return self.repository_value(repository)
        raise refused("NOT_FOUND", f"Could not resolve to a Repository with the name '{owner}/{name}'.")

    def repository_value(self, repository: FakeRepository) -> Json:
        """The fields of a Repository."""

        def object_(_info: object, oid: str | None = None, expression: str | None = None) -> Json | None:
            self.needs("contents=read")
            return self.git_object(repository, oid or expression or "")

        def pull_request(_info: object, number: int) -> Json:
            self.needs("pull_requests=read")
            pull = repository.pulls.get(number)
            if pull is None:
                raise refused("NOT_FOUND", f"Could not resolve to a PullRequest with the number of {number}.")
            return self.pull(pull)

        return {
            "__typename": "Repository",
            "id": node_id("R", repository.id),
            "databaseId": repository.id,
            "name": repository.name,
            "nameWithOwner": repository.full_name,
            "owner": self.actor(repository.owner),
            "url": f"{self.fake.url}/{repository.full_name}",
            "isPrivate": repository.private,
            "isFork": False,
            "isArchived": False,
            "defaultBranchRef": lambda _: self.ref(repository, repository.default_branch),
            "object": object_,
            "pullRequest": pull_request,
        }

    def ref(self, repository: FakeRepository, name: str) -> Json | None:
        """A branch."""
        sha = repository.branch(name)
        if sha is None:
            return None
        return {
            "__typename": "Ref",
            "id": f"REF_{name}",
            "name": name,
            "prefix": "refs/heads/",
            "target": lambda _: self.git_object(repository, sha),
        }

    def git_object(self, repository: FakeRepository, name: str) -> Json | None:
        """A git object by id or expression: a blob with its text, a tree with its entries, or a commit."""
        history = repository.history
        content = history.blob(name) if name else None
        sha = name if content is not None and ":" not in name and len(name) == 40 else history.resolve(name)
        kind = "blob" if content is not None else history.kind(sha) if sha else None
        if sha is None or kind is None:
            return None
        shape: Json = {"id": f"OBJ_{sha}", "oid": sha, "abbreviatedOid": sha[:7]}
        if kind == "blob":
            data = content if content is not None else history.blob(sha) or b""
            return {"__typename": "Blob", **shape, **blob_text(data)}
        if kind == "tree":
            return {"__typename": "Tree", **shape, "entries": lambda _: self.entries(repository, sha)}
        commit = history.describe(sha)
        if commit is None:
            return None
        message = commit.message
        return {
            "__typename": "Commit", **shape, "message": message, "messageHeadline": message.split("\n", 1)[0],
            "committedDate": stamp(commit.at), "authoredDate": stamp(commit.at),
            "tree": lambda _: self.git_object(repository, commit.tree),
            "file": lambda _, path: self.entry_at(repository, sha, path),
        }  # fmt: skip

    def entry_at(self, repository: FakeRepository, commit: str, path: str) -> Json | None:
        """The tree entry at a path of a commit."""
        folder, _, name = path.rpartition("/")
        tree = repository.history.resolve(f"{commit}:{folder}")
        entries = self.entries(repository, tree) if tree else []
        return next(({**entry, "path": path} for entry in entries if entry["name"] == name), None)

    def entries(self, repository: FakeRepository, sha: str) -> list[Json]:
        """The entries of a tree."""
        return [
            {
                "__typename": "TreeEntry",
                "name": entry.path,
                "path": entry.path,
                "oid": entry.sha,
                "type": entry.kind,
                "mode": int(entry.mode, 8),
                "size": entry.size or 0,
                "object": lambda _, sha=entry.sha: self.git_object(repository, sha),
            }
            for entry in repository.history.tree(sha)
        ]

    def actor(self, account: Account) -> Json:
        """An account; a bot without the `[bot]` of its REST login."""
        kind = {"User": "User", "Bot": "Bot", "Organization": "Organization"}[account.type]
        return {
            "__typename": kind,
            "id": node_id("BOT" if kind == "Bot" else "U", account.id),
            "databaseId": account.id,
            "login": account.graphql_login,
            "url": f"{self.fake.url}/{account.graphql_login}",
            "avatarUrl": f"{self.fake.url}/avatars/{account.id}",
            "resourcePath": f"/{account.graphql_login}",
        }

    def pull(self, pull: FakePull) -> Json:
        """The fields of a PullRequest."""
        repository = pull.repository
        files = repository.history.files_between(pull.merge_base, pull.head_sha)
        own = pull.author == self.fake.bot
        seen = [one for one in pull.reviews if one.state != "PENDING" or one.user == self.fake.bot]
        seen_threads = [one for one in pull.threads.values() if one.comments]

        def reviews(_info: object, author: str | None = None, states: list[str] | None = None, **window: Any) -> Json:
            chosen = [one for one in seen if author is None or author in (one.user.login, one.user.graphql_login)]
            chosen = [one for one in chosen if states is None or one.state in states]
            return connection("reviews", [self.review(one) for one in chosen], **window)

        return {
            "__typename": "PullRequest",
            "id": pull.node_id,
            "databaseId": pull.id,
            "fullDatabaseId": str(pull.id),
            "number": pull.number,
            "title": pull.title,
            "body": pull.body,
            "state": "MERGED" if pull.merged else pull.state.upper(),
            "closed": pull.state == "closed",
            "merged": pull.merged,
            "isDraft": pull.draft,
            "isCrossRepository": pull.fork is not None,
            "locked": False,
            "url": f"{self.fake.url}/{repository.full_name}/pull/{pull.number}",
            "author": self.actor(pull.author),
            "authorAssociation": self.fake.shapes.association(repository, pull.author),
            "viewerDidAuthor": own,
            "headRefName": pull.head_ref,
            "headRefOid": pull.head_sha,
            "headRepository": None if pull.fork_gone else self.repository_value(repository),
            "baseRefName": pull.base_ref,
            "baseRefOid": pull.base_sha,
            "baseRef": lambda _: self.ref(repository, pull.base_ref),
            "baseRepository": lambda _: self.repository_value(repository),
            "changedFiles": len(files),
            "additions": sum(file.additions for file in files),
            "deletions": sum(file.deletions for file in files),
            "createdAt": stamp(pull.created_at),
            "updatedAt": stamp(pull.updated_at),
            "closedAt": maybe_stamp(pull.closed_at),
            "maintainerCanModify": False,
            "labels": lambda _, **window: connection(
                "labels", [self.label(name) for name in pull.labels], **without(window, "orderBy")
            ),
            "reviews": reviews,
            "reviewThreads": lambda _, **window: connection(
                "reviewThreads", [self.thread(one) for one in seen_threads], **window
            ),
            "comments": lambda _, **window: connection(
                "comments", [self.issue_comment(one) for one in pull.issue_comments], **without(window, "orderBy")
            ),
            "files": lambda _, **window: connection("files", [changed_file(file) for file in files], **window),
        }

    @staticmethod
    def label(name: str) -> Json:
        """A label."""
        return {"__typename": "Label", "id": f"LA_{name}", "name": name, "color": "ededed"}

    def comment_fields(self, thing: Review | ReviewComment | IssueComment, repository: FakeRepository) -> Json:
        """What everything with a text has in common."""
        return {
            "id": thing.node_id,
            "databaseId": thing.id,
            "fullDatabaseId": str(thing.id),
            "body": thing.body,
            "author": self.actor(thing.user),
            "authorAssociation": self.fake.shapes.association(repository, thing.user),
            "viewerDidAuthor": thing.user == self.fake.bot,
            "isMinimized": thing.minimized is not None,
            "minimizedReason": thing.minimized,
        }

    def review(self, review: Review) -> Json:
        """The fields of a PullRequestReview."""
        pull = review.pull
        at = maybe_stamp(review.submitted_at)
        return {
            "__typename": "PullRequestReview",
            **self.comment_fields(review, pull.repository),
            "state": review.state,
            "submittedAt": at,
            "createdAt": at or stamp(self.fake.clock()),
            "updatedAt": at or stamp(self.fake.clock()),
            "url": f"{self.fake.url}/{pull.repository.full_name}/pull/{pull.number}#pullrequestreview-{review.id}",
            "commit": lambda _: self.git_object(pull.repository, review.commit_id),
            "comments": lambda _, **window: connection(
                "comments", [self.review_comment(one) for one in review.comments], **window
            ),
        }

    def thread(self, thread: Thread) -> Json:
        """The fields of a PullRequestReviewThread."""
        first = thread.comments[0]
        return {
            "__typename": "PullRequestReviewThread",
            "id": thread.node_id,
            "isResolved": thread.resolved_by is not None,
            "isOutdated": first.is_outdated,
            "isCollapsed": thread.resolved_by is not None,
            "resolvedBy": self.actor(thread.resolved_by) if thread.resolved_by else None,
            "path": first.path,
            "line": first.line,
            "startLine": first.start_line,
            "originalLine": first.original_line,
            "originalStartLine": first.original_start_line,
            "diffSide": first.side,
            "startDiffSide": first.start_side,
            "subjectType": first.subject_type.upper(),
            "viewerCanResolve": self.fake.allows(self.token, "contents=write"),
            "viewerCanUnresolve": self.fake.allows(self.token, "contents=write"),
            "viewerCanReply": True,
            "pullRequest": lambda _: self.pull(thread.pull),
            "comments": lambda _, skip=None, **window: connection(
                "comments", [self.review_comment(one) for one in thread.comments], **window
            ),
        }

    def review_comment(self, comment: ReviewComment) -> Json:
        """The fields of a PullRequestReviewComment."""
        pull = comment.pull
        parent = next((one for one in pull.comments if one.id == comment.in_reply_to), None)
        return {
            "__typename": "PullRequestReviewComment",
            **self.comment_fields(comment, pull.repository),
            "path": comment.path,
            "line": comment.line,
            "startLine": comment.start_line,
            "originalLine": comment.original_line,
            "originalStartLine": comment.original_start_line,
            "outdated": comment.is_outdated,
            "diffHunk": comment.diff_hunk,
            "position": comment.position,
            "subjectType": comment.subject_type.upper(),
            "state": "PENDING" if comment.review and comment.review.state == "PENDING" else "SUBMITTED",
            "createdAt": stamp(comment.created_at),
            "updatedAt": stamp(comment.updated_at),
            "reactionGroups": reaction_groups(comment.reactions),
            "url": f"{self.fake.url}/{pull.repository.full_name}/pull/{pull.number}#discussion_r{comment.id}",
            "replyTo": lambda _: self.review_comment(parent) if parent else None,
            "pullRequestReview": lambda _: self.review(comment.review) if comment.review else None,
            "commit": lambda _: self.git_object(pull.repository, comment.commit_id),
            "originalCommit": lambda _: self.git_object(pull.repository, comment.original_commit_id),
        }

    def issue_comment(self, comment: IssueComment) -> Json:
        """The fields of an IssueComment."""
        pull = comment.pull
        return {
            "__typename": "IssueComment",
            **self.comment_fields(comment, pull.repository),
            "createdAt": stamp(comment.created_at),
            "updatedAt": stamp(comment.updated_at),
            "url": f"{self.fake.url}/{pull.repository.full_name}/pull/{pull.number}#issuecomment-{comment.id}",
        }

    # ------------------------------------------------------------------------------------------------ mutations

    def found(self, wanted: str) -> FakePull | Review | ReviewComment | IssueComment | Thread:
        """What an id means, where the token reaches it."""
        thing = self.fake.by_node_id(wanted)
        pull = thing if isinstance(thing, FakePull) or thing is None else thing.pull
        if thing is None or pull is None or not self.fake.may_see(self.token, pull.repository):
            raise refused("NOT_FOUND", f"Could not resolve to a node with the global id of '{wanted}'")
        return thing

    def node(self, wanted: str) -> Json:
        """Any node by its id."""
        return self.value(self.found(wanted))

    def value(self, thing: FakePull | Review | ReviewComment | IssueComment | Thread) -> Json:
        """The fields of whatever it is."""
        if isinstance(thing, FakePull):
            return self.pull(thing)
        if isinstance(thing, Review):
            return self.review(thing)
        if isinstance(thing, ReviewComment):
            return self.review_comment(thing)
        return self.thread(thing) if isinstance(thing, Thread) else self.issue_comment(thing)

    def set_resolved(self, given: Json, *, resolved: bool) -> Json:
        """Resolve a thread or open it again; for an App that takes `contents: write` beside `pull_requests: write`."""
        thread = self.found(given["threadId"])
        self.needs("contents=write")
        self.needs("pull_requests=write")
        if not isinstance(thread, Thread):
            raise refused("NOT_FOUND", f"Could not resolve to a PullRequestReviewThread with '{given['threadId']}'")
        thread.resolved_by = self.fake.bot if resolved else None
        return {"clientMutationId": given.get("clientMutationId"), "thread": self.thread(thread)}

    def edit(self, given: Json) -> Json:
        """Change the text of one of the App's own line comments."""
        comment = self.found(given["pullRequestReviewCommentId"])
        self.needs("pull_requests=write")
        if not isinstance(comment, ReviewComment) or comment.user != self.fake.bot:
            raise forbidden()
        comment.body, comment.updated_at = given["body"], self.fake.clock()
        return {
            "clientMutationId": given.get("clientMutationId"),
            "pullRequestReviewComment": self.review_comment(comment),
        }

    def minimize(self, given: Json) -> Json:
        """Fold a comment away, with a reason."""
        return self.set_minimized(given, CLASSIFIERS.get(given["classifier"], given["classifier"].lower()))

    def set_minimized(self, given: Json, reason: str | None) -> Json:
        """Fold or unfold."""
        thing = self.found(given["subjectId"])
        self.needs("issues=write", "pull_requests=write")
        if isinstance(thing, FakePull | Thread):
            raise refused("UNPROCESSABLE", "This can not be minimized.")
        thing.minimized = reason
        key = "minimizedComment" if reason else "unminimizedComment"
        return {"clientMutationId": given.get("clientMutationId"), key: self.value(thing)}

    def add_reaction(self, given: Json) -> Json:
        """React to something."""
        thing = self.found(given["subjectId"])
        self.needs("pull_requests=write" if isinstance(thing, ReviewComment | Review) else "issues=write")
        if isinstance(thing, Review | Thread):
            raise refused("UNPROCESSABLE", "The stand-in keeps no reactions to reviews.")
        content = REACTIONS[given["content"]]
        known = [one for one in thing.reactions if one.user == self.fake.bot and one.content == content]
        if not known:
            known = [Reaction(self.fake.next_id(), self.fake.bot, content, self.fake.clock())]
            thing.reactions += known
        reaction = {
            "__typename": "Reaction",
            "id": node_id("REA", known[0].id),
            "databaseId": known[0].id,
            "content": given["content"],
            "createdAt": stamp(known[0].created_at),
            "user": self.actor(self.fake.bot),
        }
        subject = {**self.value(thing), "viewerCanReact": True}
        return {"clientMutationId": given.get("clientMutationId"), "reaction": reaction, "subject": subject}

    def add_reply(self, given: Json) -> Json:
        """Answer in a thread."""
        thread = self.found(given["pullRequestReviewThreadId"])
        self.needs("pull_requests=write")
        if not isinstance(thread, Thread):
            raise refused("NOT_FOUND", "Could not resolve to a PullRequestReviewThread")
        made = self.fake.write_reply(thread.pull, thread.comments[0], given["body"], by=self.fake.bot.login)
        return {"clientMutationId": given.get("clientMutationId"), "comment": self.review_comment(made)}


def reaction_groups(reactions: list[Reaction]) -> list[Json]:
    """How many reacted with each emoji; GitHub lists those that nobody used as well."""

    def group(name: str, content: str) -> Json:
        count = sum(one.content == content for one in reactions)
        return {"content": name, "reactors": {"totalCount": count, "pageInfo": {"hasNextPage": False}}}

    return [group(name, content) for name, content in REACTIONS.items()]


def blob_text(data: bytes) -> Json:
    """The fields of a Blob that tell of its content: no text for binary, a truncated one for large."""
    is_binary = b"\0" in data[:8000]
    shape: Json = {"byteSize": len(data), "isBinary": is_binary, "isTruncated": len(data) > LARGEST_TEXT, "text": None}
    if not is_binary:
        shape["text"] = data[:LARGEST_TEXT].decode(errors="replace")
    return shape


def changed_file(file: Any) -> Json:
    """The fields of a PullRequestChangedFile, which has no patch and no blob."""
    kinds = {"added": "ADDED", "removed": "DELETED", "renamed": "RENAMED", "copied": "COPIED", "changed": "CHANGED"}
    return {
        "__typename": "PullRequestChangedFile",
        "path": file.path,
        "additions": file.additions,
        "deletions": file.deletions,
        "changeType": kinds.get(file.status, "MODIFIED"),
    }


def without(arguments: Json, *names: str) -> Json:
    """Arguments without some that make no difference here."""
    return {name: value for name, value in arguments.items() if name not in names}


def connection(
    name: str,
    items: list[Json],
    first: int | None = None,
    last: int | None = None,
    after: str | None = None,
    before: str | None = None,
) -> Json:
    """A page of a list as GraphQL connections have it; a cursor is a count. One must say how many, at most 100."""
    if first is None and last is None:
        raise refused(
            "MISSING_PAGINATION_BOUNDARIES",
            f"You must provide a `first` or `last` value to properly paginate the `{name}` connection.",
        )
    asked = first if first is not None else last or 0
    if asked > 100 or asked < 1:
        raise refused(
            "EXCESSIVE_PAGINATION",
            f"Requesting {asked} records on the `{name}` connection exceeds the `first` limit of 100 records.",
        )
    low, high = int(after) if after else 0, int(before) - 1 if before else len(items)
    start, end = (low, min(low + asked, high)) if first is not None else (max(high - asked, low), high)
    edges: list[Json] = [{"cursor": str(number + 1), "node": items[number]} for number in range(start, end)]
    return {
        "totalCount": len(items),
        "nodes": [edge["node"] for edge in edges],
        "edges": edges,
        "pageInfo": {
            "hasNextPage": end < len(items),
            "hasPreviousPage": start > 0,
            "startCursor": edges[0]["cursor"] if edges else None,
            "endCursor": edges[-1]["cursor"] if edges else None,
        },
    }
