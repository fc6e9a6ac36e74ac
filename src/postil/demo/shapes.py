"""How GitHub's REST API writes things down as JSON. Field names and nullability follow its OpenAPI description."""

import base64
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from postil.demo.history import Commit, FileDiff
from postil.demo.state import (
    LEVELS,
    Account,
    CheckRun,
    CheckSuite,
    FakePull,
    FakeRepository,
    Installation,
    IssueComment,
    Reaction,
    Review,
    ReviewComment,
    node_id,
)

Json = dict[str, Any]

USER_LINKS = {
    "followers_url": "/followers",
    "following_url": "/following{/other_user}",
    "gists_url": "/gists{/gist_id}",
    "starred_url": "/starred{/owner}{/repo}",
    "subscriptions_url": "/subscriptions",
    "organizations_url": "/orgs",
    "repos_url": "/repos",
    "events_url": "/events{/privacy}",
    "received_events_url": "/received_events",
}
REPOSITORY_LINKS = {
    "archive_url": "/{archive_format}{/ref}",
    "assignees_url": "/assignees{/user}",
    "blobs_url": "/git/blobs{/sha}",
    "branches_url": "/branches{/branch}",
    "collaborators_url": "/collaborators{/collaborator}",
    "comments_url": "/comments{/number}",
    "commits_url": "/commits{/sha}",
    "compare_url": "/compare/{base}...{head}",
    "contents_url": "/contents/{+path}",
    "contributors_url": "/contributors",
    "deployments_url": "/deployments",
    "downloads_url": "/downloads",
    "events_url": "/events",
    "forks_url": "/forks",
    "git_commits_url": "/git/commits{/sha}",
    "git_refs_url": "/git/refs{/sha}",
    "git_tags_url": "/git/tags{/sha}",
    "hooks_url": "/hooks",
    "issue_comment_url": "/issues/comments{/number}",
    "issue_events_url": "/issues/events{/number}",
    "issues_url": "/issues{/number}",
    "keys_url": "/keys{/key_id}",
    "labels_url": "/labels{/name}",
    "languages_url": "/languages",
    "merges_url": "/merges",
    "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}",
    "pulls_url": "/pulls{/number}",
    "releases_url": "/releases{/id}",
    "stargazers_url": "/stargazers",
    "statuses_url": "/statuses/{sha}",
    "subscribers_url": "/subscribers",
    "subscription_url": "/subscription",
    "tags_url": "/tags",
    "teams_url": "/teams",
    "trees_url": "/git/trees{/sha}",
}
EMOJI = ("+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes")


def stamp(moment: datetime) -> str:
    """A time as GitHub writes it: UTC, whole seconds, `Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def maybe_stamp(moment: datetime | None) -> str | None:
    """Like `stamp`, where there may be no time."""
    return None if moment is None else stamp(moment)


class Shapes:
    """Turns what the stand-in remembers into answers. `api` and `web` are the base URLs that answers contain."""

    def __init__(
        self,
        api: str,
        web: str,
        app_id: int,
        app_slug: str,
        bot: Account,
        owner: Account,
        permissions: dict[str, str],
        events: tuple[str, ...],
    ) -> None:
        self.api, self.web = api, web
        self.app_permissions, self.app_events = permissions, events
        self.app_id, self.app_slug, self.bot, self.app_owner = app_id, app_slug, bot, owner

    def user(self, account: Account) -> Json:
        """A `simple-user`."""
        url = f"{self.api}/users/{quote(account.login)}"
        is_bot = account.type == "Bot"
        path = f"apps/{account.graphql_login}" if is_bot else account.login
        return {
            "login": account.login,
            "id": account.id,
            "node_id": node_id("BOT" if is_bot else "U", account.id),
            "avatar_url": f"{self.web}/avatars/{account.id}",
            "gravatar_id": "",
            "url": url,
            "html_url": f"{self.web}/{path}",
            **{name: url + rest for name, rest in USER_LINKS.items()},
            "type": account.type,
            "user_view_type": "public",
            "site_admin": False,
        }

    def app(self) -> Json:
        """An `integration`: the App itself."""
        return {
            "id": self.app_id,
            "slug": self.app_slug,
            "node_id": node_id("A", self.app_id),
            "owner": self.user(self.app_owner),
            "name": self.app_slug.capitalize(),
            "description": "",
            "external_url": self.web,
            "html_url": f"{self.web}/apps/{self.app_slug}",
            "created_at": "2025-01-01T00:00:00Z",
            "updated_at": "2025-01-01T00:00:00Z",
            "permissions": self.app_permissions,
            "events": list(self.app_events),
        }

    def repository(self, repository: FakeRepository) -> Json:
        """A repository with the fields of every flavour (minimal, whole, in a pull request)."""
        url, html = f"{self.api}/repos/{repository.full_name}", f"{self.web}/{repository.full_name}"
        return {
            "id": repository.id,
            "node_id": node_id("R", repository.id),
            "name": repository.name,
            "full_name": repository.full_name,
            "private": repository.private,
            "owner": self.user(repository.owner),
            "html_url": html,
            "description": None,
            "fork": False,
            "url": url,
            **{name: url + rest for name, rest in REPOSITORY_LINKS.items()},
            "created_at": "2025-01-01T00:00:00Z",
            "updated_at": "2025-01-01T00:00:00Z",
            "pushed_at": "2025-01-01T00:00:00Z",
            "git_url": f"git://{html.split('://', 1)[-1]}.git",
            "ssh_url": f"git@example:{repository.full_name}.git",
            "clone_url": f"{html}.git",
            "svn_url": html,
            "homepage": None,
            "size": 1,
            "stargazers_count": 0,
            "watchers_count": 0,
            "watchers": 0,
            "language": "Python",
            "has_issues": True,
            "has_projects": False,
            "has_downloads": False,
            "has_wiki": False,
            "has_pages": False,
            "has_discussions": False,
            "forks_count": 0,
            "forks": 0,
            "mirror_url": None,
            "archived": False,
            "disabled": False,
            "open_issues_count": len(repository.pulls),
            "open_issues": len(repository.pulls),
            "license": None,
            "allow_forking": True,
            "is_template": False,
            "topics": [],
            "visibility": "private" if repository.private else "public",
            "default_branch": repository.default_branch,
            "subscribers_count": 0,
            "network_count": 0,
        }

    def fork(self, pull: FakePull) -> Json | None:
        """The head repository of a pull request from a fork; None when it was deleted."""
        if pull.fork_gone:
            return None
        if pull.fork is None:
            return self.repository(pull.repository)
        owner = pull.fork
        shape = self.repository(pull.repository)
        old, new = pull.repository.full_name, f"{owner}/{pull.repository.name}"
        shape = {
            key: value.replace(f"/{old}", f"/{new}") if isinstance(value, str) else value
            for key, value in shape.items()
        }
        return {
            **shape,
            "id": pull.repository.id + 500_000,
            "full_name": new,
            "owner": self.user(pull.author),
            "fork": True,
        }

    def pull(self, pull: FakePull, *, whole: bool = True) -> Json:
        """A `pull-request`, or a `pull-request-simple` as lists and reviews have it."""
        url = f"{self.api}/repos/{pull.repository.full_name}/pulls/{pull.number}"
        issue = f"{self.api}/repos/{pull.repository.full_name}/issues/{pull.number}"
        html = f"{self.web}/{pull.repository.full_name}/pull/{pull.number}"
        statuses = f"{self.api}/repos/{pull.repository.full_name}/statuses/{pull.head_sha}"
        head_owner = pull.fork or pull.repository.owner.login
        shape: Json = {
            "url": url,
            "id": pull.id,
            "node_id": pull.node_id,
            "html_url": html,
            "diff_url": f"{html}.diff",
            "patch_url": f"{html}.patch",
            "issue_url": issue,
            "number": pull.number,
            "state": pull.state,
            "locked": False,
            "title": pull.title,
            "user": self.user(pull.author),
            "body": pull.body or None,
            "created_at": stamp(pull.created_at),
            "updated_at": stamp(pull.updated_at),
            "closed_at": maybe_stamp(pull.closed_at),
            "merged_at": maybe_stamp(pull.closed_at) if pull.merged else None,
            "merge_commit_sha": None,
            "assignee": None,
            "assignees": [],
            "requested_reviewers": [],
            "requested_teams": [],
            "labels": [self.label(pull, name) for name in pull.labels],
            "milestone": None,
            "draft": pull.draft,
            "commits_url": f"{url}/commits",
            "review_comments_url": f"{url}/comments",
            "review_comment_url": f"{self.api}/repos/{pull.repository.full_name}/pulls/comments{{/number}}",
            "comments_url": f"{issue}/comments",
            "statuses_url": statuses,
            "head": {
                "label": f"{head_owner}:{pull.head_ref}",
                "ref": pull.head_ref,
                "sha": pull.head_sha,
                "user": self.user(pull.author if pull.fork else pull.repository.owner),
                "repo": self.fork(pull),
            },
            "base": {
                "label": f"{pull.repository.owner.login}:{pull.base_ref}",
                "ref": pull.base_ref,
                "sha": pull.base_sha,
                "user": self.user(pull.repository.owner),
                "repo": self.repository(pull.repository),
            },
            "_links": {
                "self": {"href": url},
                "html": {"href": html},
                "issue": {"href": issue},
                "comments": {"href": f"{issue}/comments"},
                "review_comments": {"href": f"{url}/comments"},
                "review_comment": {"href": f"{self.api}/repos/{pull.repository.full_name}/pulls/comments{{/number}}"},
                "commits": {"href": f"{url}/commits"},
                "statuses": {"href": statuses},
            },
            "author_association": self.association(pull.repository, pull.author),
            "auto_merge": None,
            "active_lock_reason": None,
        }
        if not whole:
            return shape
        files = pull.repository.history.files_between(pull.merge_base, pull.head_sha)
        return {
            **shape,
            "merged": pull.merged,
            "mergeable": None,
            "rebaseable": None,
            "mergeable_state": "draft" if pull.draft else "unknown",
            "merged_by": None,
            "comments": len(pull.issue_comments),
            "review_comments": len(pull.comments),
            "maintainer_can_modify": False,
            "commits": len(pull.repository.history.commits_between(pull.merge_base, pull.head_sha)),
            "additions": sum(file.additions for file in files),
            "deletions": sum(file.deletions for file in files),
            "changed_files": len(files),
        }

    def label(self, pull: FakePull, name: str) -> Json:
        """A label as it is on a pull request."""
        number = sum(map(ord, name))
        url = f"{self.api}/repos/{pull.repository.full_name}/labels/{quote(name)}"
        node = node_id("LA", number)
        return {
            "id": number, "node_id": node, "url": url, "name": name,
            "color": "ededed", "default": False, "description": None,
        }  # fmt: skip

    def association(self, repository: FakeRepository, account: Account) -> str:
        """OWNER, COLLABORATOR or NONE (which on GitHub is also what private members get)."""
        if account.login == repository.owner.login:
            return "OWNER"
        return "COLLABORATOR" if LEVELS.get(repository.roles.get(account.login, "none")) == "write" else "NONE"

    def file(self, repository: FakeRepository, file: FileDiff, head: str, *, patch: bool) -> Json:
        """A `diff-entry`; without `patch` where GitHub leaves it out."""
        path = quote(file.path)
        shape: Json = {
            "sha": file.sha,
            "filename": file.path,
            "status": file.status,
            "additions": file.additions,
            "deletions": file.deletions,
            "changes": file.additions + file.deletions,
            "blob_url": f"{self.web}/{repository.full_name}/blob/{head}/{path}",
            "raw_url": f"{self.web}/{repository.full_name}/raw/{head}/{path}",
            "contents_url": f"{self.api}/repos/{repository.full_name}/contents/{path}?ref={head}",
        }
        if file.previous_path is not None:
            shape["previous_filename"] = file.previous_path
        if patch and file.patch is not None:
            shape["patch"] = file.patch
        return shape

    def review(self, review: Review) -> Json:
        """A `pull-request-review`."""
        pull = review.pull
        html = f"{self.web}/{pull.repository.full_name}/pull/{pull.number}#pullrequestreview-{review.id}"
        url = f"{self.api}/repos/{pull.repository.full_name}/pulls/{pull.number}"
        shape: Json = {
            "id": review.id,
            "node_id": review.node_id,
            "user": self.user(review.user),
            "body": review.body,
            "state": review.state,
            "html_url": html,
            "pull_request_url": url,
            "author_association": self.association(pull.repository, review.user),
            "_links": {"html": {"href": html}, "pull_request": {"href": url}},
            "commit_id": review.commit_id,
        }
        if review.submitted_at is not None:
            shape["submitted_at"] = stamp(review.submitted_at)
        return shape

    def review_comment(self, comment: ReviewComment) -> Json:
        """A `pull-request-review-comment`."""
        pull = comment.pull
        html = f"{self.web}/{pull.repository.full_name}/pull/{pull.number}#discussion_r{comment.id}"
        url = f"{self.api}/repos/{pull.repository.full_name}/pulls/comments/{comment.id}"
        pull_url = f"{self.api}/repos/{pull.repository.full_name}/pulls/{pull.number}"
        shape: Json = {
            "url": url,
            "id": comment.id,
            "node_id": comment.node_id,
            "pull_request_review_id": comment.review.id if comment.review else None,
            "diff_hunk": comment.diff_hunk,
            "path": comment.path,
            "position": comment.position,
            "original_position": comment.original_position,
            "commit_id": comment.commit_id,
            "original_commit_id": comment.original_commit_id,
            "user": self.user(comment.user),
            "body": comment.body,
            "created_at": stamp(comment.created_at),
            "updated_at": stamp(comment.updated_at),
            "html_url": html,
            "pull_request_url": pull_url,
            "author_association": self.association(pull.repository, comment.user),
            "_links": {"self": {"href": url}, "html": {"href": html}, "pull_request": {"href": pull_url}},
            "start_line": comment.start_line,
            "original_start_line": comment.original_start_line,
            "start_side": comment.start_side,
            "line": comment.line,
            "original_line": comment.original_line,
            "side": comment.side,
            "subject_type": comment.subject_type,
            "reactions": self.rollup(url, comment.reactions),
        }
        if comment.subject_type == "file":
            shape = {key: shape[key] for key in shape if key not in ("line", "original_line", "side")}
        if comment.in_reply_to is not None:
            shape["in_reply_to_id"] = comment.in_reply_to
        return shape

    def issue_comment(self, comment: IssueComment) -> Json:
        """An `issue-comment`."""
        pull = comment.pull
        html = f"{self.web}/{pull.repository.full_name}/pull/{pull.number}#issuecomment-{comment.id}"
        url = f"{self.api}/repos/{pull.repository.full_name}/issues/comments/{comment.id}"
        return {
            "url": url,
            "html_url": html,
            "issue_url": f"{self.api}/repos/{pull.repository.full_name}/issues/{pull.number}",
            "id": comment.id,
            "node_id": comment.node_id,
            "user": self.user(comment.user),
            "created_at": stamp(comment.created_at),
            "updated_at": stamp(comment.updated_at),
            "author_association": self.association(pull.repository, comment.user),
            "body": comment.body,
            "reactions": self.rollup(url, comment.reactions),
            "performed_via_github_app": self.app() if comment.user == self.bot else None,
        }

    def rollup(self, url: str, reactions: list[Reaction]) -> Json:
        """The counts of reactions under a comment."""
        counts = {emoji: sum(one.content == emoji for one in reactions) for emoji in EMOJI}
        return {"url": f"{url}/reactions", "total_count": len(reactions), **counts}

    def reaction(self, reaction: Reaction) -> Json:
        """A `reaction`."""
        return {
            "id": reaction.id,
            "node_id": node_id("REA", reaction.id),
            "user": self.user(reaction.user),
            "content": reaction.content,
            "created_at": stamp(reaction.created_at),
        }

    def pull_minimal(self, pull: FakePull) -> Json:
        """A `pull-request-minimal`, as check runs name the pull requests they belong to."""
        url = f"{self.api}/repos/{pull.repository.full_name}"
        repository = {"id": pull.repository.id, "url": url, "name": pull.repository.name}
        return {
            "id": pull.id,
            "number": pull.number,
            "url": f"{url}/pulls/{pull.number}",
            "head": {"ref": pull.head_ref, "sha": pull.head_sha, "repo": repository},
            "base": {"ref": pull.base_ref, "sha": pull.base_sha, "repo": repository},
        }

    def pulls_at(self, repository: FakeRepository, sha: str) -> list[Json]:
        """The open pull requests with this head. Those from forks are left out, as GitHub leaves them out."""
        found = (pull for pull in repository.pulls.values() if pull.head_sha == sha and pull.state == "open")
        return [self.pull_minimal(pull) for pull in found if pull.fork is None]

    def check_run(self, run: CheckRun) -> Json:
        """A `check-run`."""
        repository = run.suite.repository
        url = f"{self.api}/repos/{repository.full_name}/check-runs/{run.id}"
        html = f"{self.web}/{repository.full_name}/runs/{run.id}"
        return {
            "id": run.id,
            "name": run.name,
            "node_id": node_id("CR", run.id),
            "head_sha": run.head_sha,
            "external_id": run.external_id or "",
            "url": url,
            "html_url": html,
            "details_url": run.details_url or html,
            "status": run.status,
            "conclusion": run.conclusion,
            "started_at": maybe_stamp(run.started_at),
            "completed_at": maybe_stamp(run.completed_at),
            "output": {
                "title": run.title,
                "summary": run.summary,
                "text": run.text,
                "annotations_count": len(run.annotations),
                "annotations_url": f"{url}/annotations",
            },
            "check_suite": {"id": run.suite.id},
            "app": self.app(),
            "pull_requests": self.pulls_at(repository, run.head_sha),
        }

    def annotation(self, run: CheckRun, annotation: Json) -> Json:
        """A `check-annotation`."""
        repository = run.suite.repository
        return {
            "path": annotation["path"],
            "blob_href": f"{self.web}/{repository.full_name}/blob/{run.head_sha}/{quote(annotation['path'])}",
            "start_line": annotation["start_line"],
            "start_column": annotation.get("start_column"),
            "end_line": annotation["end_line"],
            "end_column": annotation.get("end_column"),
            "annotation_level": annotation["annotation_level"],
            "title": annotation.get("title"),
            "message": annotation["message"],
            "raw_details": annotation.get("raw_details"),
        }

    def check_suite(self, suite: CheckSuite) -> Json:
        """A `check-suite`."""
        repository = suite.repository
        url = f"{self.api}/repos/{repository.full_name}/check-suites/{suite.id}"
        runs = suite.runs
        done = bool(runs) and all(run.status == "completed" for run in runs)
        commit = repository.history.describe(suite.head_sha)
        if commit is None:
            raise LookupError(f"the commit {suite.head_sha} of a check suite is gone")
        branch = next(
            (p.head_ref for p in repository.pulls.values() if p.head_sha == suite.head_sha and not p.fork), None
        )
        return {
            "id": suite.id,
            "node_id": node_id("CS", suite.id),
            "head_branch": branch,
            "head_sha": suite.head_sha,
            "status": "completed" if done else "queued",
            "conclusion": runs[-1].conclusion if done else None,
            "url": url,
            "before": None,
            "after": suite.head_sha,
            "pull_requests": self.pulls_at(repository, suite.head_sha),
            "app": self.app(),
            "created_at": stamp(suite.created_at),
            "updated_at": stamp(suite.created_at),
            "rerequestable": True,
            "runs_rerequestable": True,
            "latest_check_runs_count": len(runs),
            "check_runs_url": f"{url}/check-runs",
            "head_commit": self.simple_commit(commit),
            "repository": self.repository(repository),
        }

    def simple_commit(self, commit: Commit) -> Json:
        """A `simple-commit`."""
        person = {"name": commit.author, "email": commit.email}
        return {
            "id": commit.sha,
            "tree_id": commit.tree,
            "message": commit.message,
            "timestamp": stamp(commit.at),
            "author": person,
            "committer": person,
        }

    def commit(self, repository: FakeRepository, commit: Commit) -> Json:
        """A `commit`."""
        url = f"{self.api}/repos/{repository.full_name}"
        html = f"{self.web}/{repository.full_name}/commit"
        person = {"name": commit.author, "email": commit.email, "date": stamp(commit.at)}
        return {
            "url": f"{url}/commits/{commit.sha}",
            "sha": commit.sha,
            "node_id": node_id("C", int(commit.sha[:8], 16)),
            "html_url": f"{html}/{commit.sha}",
            "comments_url": f"{url}/commits/{commit.sha}/comments",
            "commit": {
                "url": f"{url}/git/commits/{commit.sha}",
                "author": person,
                "committer": person,
                "message": commit.message,
                "comment_count": 0,
                "tree": {"sha": commit.tree, "url": f"{url}/git/trees/{commit.tree}"},
                "verification": {
                    "verified": False, "reason": "unsigned", "payload": None, "signature": None, "verified_at": None,
                },
            },
            "author": None,
            "committer": None,
            "parents": [
                {"sha": sha, "url": f"{url}/commits/{sha}", "html_url": f"{html}/{sha}"} for sha in commit.parents
            ],
        }  # fmt: skip

    def blob(self, repository: FakeRepository, sha: str, content: bytes) -> Json:
        """A `blob`, in base64."""
        return {
            "sha": sha,
            "node_id": node_id("B", int(sha[:8], 16)),
            "size": len(content),
            "url": f"{self.api}/repos/{repository.full_name}/git/blobs/{sha}",
            "content": base64.encodebytes(content).decode(),
            "encoding": "base64",
        }

    def content(self, repository: FakeRepository, path: str, ref: str, sha: str, kind: str, size: int) -> Json:
        """The part that a file and a directory entry have in common in `contents`."""
        url = f"{self.api}/repos/{repository.full_name}/contents/{quote(path)}?ref={quote(ref)}"
        git = f"{self.api}/repos/{repository.full_name}/git/{'trees' if kind == 'dir' else 'blobs'}/{sha}"
        html = f"{self.web}/{repository.full_name}/{'tree' if kind == 'dir' else 'blob'}/{quote(ref)}/{quote(path)}"
        raw = None if kind == "dir" else f"{self.web}/{repository.full_name}/raw/{quote(ref)}/{quote(path)}"
        return {
            "type": kind,
            "name": path.rsplit("/", 1)[-1],
            "path": path,
            "sha": sha,
            "size": size,
            "url": url,
            "git_url": git,
            "html_url": html,
            "download_url": raw,
            "_links": {"self": url, "git": git, "html": html},
        }

    def installation(self, installation: Installation) -> Json:
        """An `installation`."""
        url = f"{self.api}/app/installations/{installation.id}"
        return {
            "id": installation.id,
            "account": self.user(installation.account),
            "access_tokens_url": f"{url}/access_tokens",
            "repositories_url": f"{self.api}/installation/repositories",
            "html_url": f"{self.web}/settings/installations/{installation.id}",
            "app_id": self.app_id,
            "app_slug": self.app_slug,
            "target_id": installation.account.id,
            "target_type": installation.account.type,
            "repository_selection": "selected",
            "permissions": installation.permissions,
            "events": ["pull_request", "issue_comment"],
            "single_file_name": None,
            "has_multiple_single_files": False,
            "single_file_paths": [],
            "created_at": "2025-01-01T00:00:00Z",
            "updated_at": "2025-01-01T00:00:00Z",
            "suspended_by": self.user(installation.account) if installation.suspended else None,
            "suspended_at": "2025-01-02T00:00:00Z" if installation.suspended else None,
        }
