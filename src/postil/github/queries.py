"""The GraphQL texts. They are checked against GitHub's published schema in the tests."""

from collections.abc import Sequence

PROJECT_FILES = (
    "pyproject.toml", ".github/postil.toml", ".gitattributes", "uv.lock", "pytest.ini", "tox.ini", "setup.cfg",
    "mypy.ini", "ruff.toml", ".ruff.toml", ".flake8", ".coveragerc", ".gitignore", ".pre-commit-config.yaml",
)  # fmt: skip
"""The files of the base branch that come with the context of a pull request."""

_TEXT = """
fragment Text on GitObject { oid ... on Blob { byteSize isBinary isTruncated text } }
"""

_REVIEWS = """
fragment Reviews on PullRequestReviewConnection {
  pageInfo { hasPreviousPage startCursor }
  nodes { id fullDatabaseId state body viewerDidAuthor }
}
"""

_THREADS = """
fragment Threads on PullRequestReviewThreadConnection {
  pageInfo { hasNextPage endCursor }
  nodes {
    id isResolved resolvedBy { login } isOutdated path line
    reacted: comments(first: 1) { nodes { reactionGroups { content reactors { totalCount } } } }
    comments(first: 20) { nodes { id fullDatabaseId body viewerDidAuthor isMinimized author { login } } }
  }
}
"""

_COMMENTS = """
fragment Comments on IssueCommentConnection {
  pageInfo { hasPreviousPage startCursor }
  nodes { id fullDatabaseId body viewerDidAuthor }
}
"""

_PULL = "query($owner: String!, $name: String!, $number: Int!%s) { repository(owner: $owner, name: $name) { %s } }"

_BASE_FILES = " ".join(
    f'f{index}: file(path: "{path}") {{ object {{ ...Text }} }}' for index, path in enumerate(PROJECT_FILES)
)

CONTEXT = (
    _PULL
    % (
        "",
        f"""
        databaseId nameWithOwner
        pullRequest(number: $number) {{
          number title state isDraft changedFiles headRefOid baseRefOid baseRefName
          author {{ login __typename }}
          baseRef {{ target {{ oid ... on Commit {{ {_BASE_FILES} }} }} }}
          reviews(last: 100) {{ ...Reviews }}
          reviewThreads(first: 100) {{ ...Threads }}
          comments(last: 100) {{ ...Comments }}
        }}""",
    )
    + _REVIEWS
    + _COMMENTS
    + _THREADS
    + _TEXT
)
"""One pull request with what was said on it and the project files of its base branch: a few of 5,000 points an hour."""

REVIEWS = (
    _PULL % (", $before: String", "pullRequest(number: $number) { reviews(last: 100, before: $before) { ...Reviews } }")
    + _REVIEWS
)
"""The reviews before a cursor, newest page first."""

COMMENTS = (
    _PULL
    % (", $before: String", "pullRequest(number: $number) { comments(last: 100, before: $before) { ...Comments } }")
    + _COMMENTS
)
"""The comments of the conversation before a cursor, newest page first."""

THREADS = (
    _PULL
    % (
        ", $after: String!",
        "pullRequest(number: $number) { reviewThreads(first: 100, after: $after) { ...Threads } }",
    )
    + _THREADS
)
"""The review threads after a cursor."""


_EDIT = "updatePullRequestReviewComment(input: {pullRequestReviewCommentId: $%s, body: $%s}) { clientMutationId }"
_CHANGES = {
    "resolved": "resolveReviewThread(input: {threadId: $%s}) { clientMutationId }",
    "reopened": "unresolveReviewThread(input: {threadId: $%s}) { clientMutationId }",
    "minimised": "minimizeComment(input: {subjectId: $%s, classifier: RESOLVED}) { clientMutationId }",
}


def change(way: str, changed: int, edited: int) -> str:
    """The mutation that edits comments, `$e0` with the text `$t0` and on, and changes `$i0` and on, in one request.

    `way` says what becomes of the latter: threads are "resolved" or "reopened", comments are "minimised".
    """
    declared = [f"$e{number}: ID!, $t{number}: String!" for number in range(edited)]
    declared += [f"$i{number}: ID!" for number in range(changed)]
    asked = [f"e{number}: {_EDIT % (f'e{number}', f't{number}')}" for number in range(edited)]
    asked += [f"i{number}: {_CHANGES[way] % f'i{number}'}" for number in range(changed)]
    return f"mutation({', '.join(declared)}) {{ {' '.join(asked)} }}"


def objects(aliases: Sequence[str]) -> str:
    """The query for blobs under `aliases`, each its own variable: "o…" by object id, "x…" by "commit:path".

    Paths of a pull request are hostile text: they travel as variables and never become part of a query.
    """
    declared = [f"${alias}: {'GitObjectID!' if alias.startswith('o') else 'String!'}" for alias in aliases]
    asked = [
        f"{alias}: object({'oid' if alias.startswith('o') else 'expression'}: ${alias}) {{ ...Text }}"
        for alias in aliases
    ]
    return (
        f"query($owner: String!, $name: String!, {', '.join(declared)}) "
        f"{{ repository(owner: $owner, name: $name) {{ {' '.join(asked)} }} }}" + _TEXT
    )
