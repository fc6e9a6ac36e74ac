"""Make `tests/vendor/` anew from GitHub's own descriptions, as npm publishes them, and print what changed.

Run it by hand when GitHub's API has moved on: `uv run python scripts/refresh_vendor.py [VERSION…]`, where a version is
`openapi=23.0.2`, `graphql-schema=15.26.1` or `webhooks-examples=7.6.1`; without one the newest is taken. It needs `npm`
(for `npm pack` only: nothing is installed, no package script runs). The tests read the result and need no npm.

Three packages, all MIT:

- `@octokit/openapi`: the OpenAPI description, from which only the operations in `OPERATIONS` are kept, with the schemas
  that they reach and without prose and examples. A field that GitHub is seen to send as null is made
  nullable (`NULLS`, `WITH_HEAD`), and there are two patches for what validators can't do with it: what is `nullable`
  and a list of alternatives (`enum`, `oneOf`, `anyOf`) gets null as one of them, and discriminators go (one of them
  tells an array from objects by a property, which an array has not).
- `@octokit/graphql-schema`: the GraphQL schema, whole.
- `@octokit/webhooks-examples`: the example deliveries of api.github.com for the events in `EVENTS`.
"""

import argparse
import gzip
import hashlib
import json
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Any

VENDOR = Path(__file__).resolve().parent.parent / "tests" / "vendor"
METHODS = ("get", "put", "post", "patch", "delete")
LEFT_OUT = frozenset({
    "description", "summary", "example", "examples", "externalDocs", "tags", "title", "discriminator",
})  # fmt: skip
NPM_TIMEOUT = 600.0

# An outdated comment stands on no line, whatever the description says.
NULLS = {"pull-request-review-comment": ("position", "line"), "review-comment": ("line",)}
# The head of a pull request is in no repository once the fork is gone.
WITH_HEAD = ("pull-request", "pull-request-simple")
NO_REPOSITORY = "#/components/schemas/nullable-repository"

REPO = "/repos/{owner}/{repo}"
OPERATIONS: dict[str, tuple[str, ...]] = {
    "/app": ("get",),
    "/app-manifests/{code}/conversions": ("post",),
    "/app/hook/config": ("get",),
    "/app/hook/deliveries": ("get",),
    "/app/hook/deliveries/{delivery_id}": ("get",),
    "/app/hook/deliveries/{delivery_id}/attempts": ("post",),
    "/app/installations": ("get",),
    "/app/installations/{installation_id}": ("get",),
    "/app/installations/{installation_id}/access_tokens": ("post",),
    "/installation/repositories": ("get",),
    "/meta": ("get",),
    "/rate_limit": ("get",),
    REPO: ("get",),
    f"{REPO}/check-runs": ("post",),
    f"{REPO}/check-runs/{{check_run_id}}": ("get", "patch"),
    f"{REPO}/check-runs/{{check_run_id}}/annotations": ("get",),
    f"{REPO}/check-runs/{{check_run_id}}/rerequest": ("post",),
    f"{REPO}/check-suites/{{check_suite_id}}": ("get",),
    f"{REPO}/check-suites/{{check_suite_id}}/check-runs": ("get",),
    f"{REPO}/check-suites/{{check_suite_id}}/rerequest": ("post",),
    f"{REPO}/collaborators/{{username}}/permission": ("get",),
    f"{REPO}/commits/{{ref}}": ("get",),
    f"{REPO}/commits/{{ref}}/check-runs": ("get",),
    f"{REPO}/commits/{{ref}}/check-suites": ("get",),
    f"{REPO}/compare/{{basehead}}": ("get",),
    f"{REPO}/contents/{{path}}": ("get",),
    f"{REPO}/git/blobs/{{file_sha}}": ("get",),
    f"{REPO}/git/trees/{{tree_sha}}": ("get",),
    f"{REPO}/installation": ("get",),
    f"{REPO}/issues/comments/{{comment_id}}": ("get", "patch", "delete"),
    f"{REPO}/issues/comments/{{comment_id}}/reactions": ("get", "post"),
    f"{REPO}/issues/{{issue_number}}/comments": ("get", "post"),
    f"{REPO}/issues/{{issue_number}}/reactions": ("get", "post"),
    f"{REPO}/pulls": ("get",),
    f"{REPO}/pulls/comments/{{comment_id}}": ("get", "patch", "delete"),
    f"{REPO}/pulls/comments/{{comment_id}}/reactions": ("get", "post"),
    f"{REPO}/pulls/{{pull_number}}": ("get",),
    f"{REPO}/pulls/{{pull_number}}/comments": ("get", "post"),
    f"{REPO}/pulls/{{pull_number}}/comments/{{comment_id}}/replies": ("post",),
    f"{REPO}/pulls/{{pull_number}}/commits": ("get",),
    f"{REPO}/pulls/{{pull_number}}/files": ("get",),
    f"{REPO}/pulls/{{pull_number}}/reviews": ("get", "post"),
    f"{REPO}/pulls/{{pull_number}}/reviews/{{review_id}}": ("get", "put", "delete"),
    f"{REPO}/pulls/{{pull_number}}/reviews/{{review_id}}/comments": ("get",),
    f"{REPO}/pulls/{{pull_number}}/reviews/{{review_id}}/dismissals": ("put",),
    f"{REPO}/pulls/{{pull_number}}/reviews/{{review_id}}/events": ("post",),
}

# For a package that names its licence and its author, but does not contain the text.
MIT = """MIT License

Copyright (c) {author}

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""

EVENTS = frozenset({
    "check_run",
    "check_suite",
    "installation",
    "installation_repositories",
    "issue_comment",
    "merge_group",
    "ping",
    "pull_request",
    "pull_request_review",
    "pull_request_review_comment",
    "pull_request_review_thread",
})  # fmt: skip


def without_prose(node: Any) -> Any:
    """The same description without words for people; properties that happen to be called `title` and so on stay."""
    if isinstance(node, list):
        return [without_prose(item) for item in node]
    if not isinstance(node, dict):
        return node
    kept: dict[str, Any] = {}
    for key, value in node.items():
        if key == "properties":
            kept[key] = {name: without_prose(schema) for name, schema in value.items()}
        elif key not in LEFT_OUT and not (key.startswith("x-") and key != "x-multi-segment"):
            kept[key] = without_prose(value)
    return kept


def with_null_as_alternative(node: Any) -> Any:
    """The same description where whatever is nullable and lists its alternatives has null among them."""
    if isinstance(node, list):
        return [with_null_as_alternative(item) for item in node]
    if not isinstance(node, dict):
        return node
    patched = {key: with_null_as_alternative(value) for key, value in node.items()}
    if patched.get("nullable") is not True:
        return patched
    if isinstance(patched.get("enum"), list) and None not in patched["enum"]:
        patched["enum"] = [*patched["enum"], None]
    for name in ("oneOf", "anyOf"):
        if name in patched:
            patched[name] = [*patched[name], {"nullable": True, "enum": [None]}]
    return patched


def references(node: Any) -> set[str]:
    """Every `$ref` below a node."""
    if isinstance(node, list):
        return set().union(*map(references, node)) if node else set()
    if not isinstance(node, dict):
        return set()
    own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
    return own.union(*map(references, node.values()))


def openapi_subset(whole: dict[str, Any]) -> dict[str, Any]:
    """The operations that we use, and every component that they reach. A missing operation is a KeyError."""
    paths = {
        path: {key: value for key, value in whole["paths"][path].items() if key in methods or key == "parameters"}
        for path, methods in OPERATIONS.items()
    }
    for path, methods in OPERATIONS.items():
        for method in methods:
            paths[path][method] = {**paths[path][method], "description": ""}
    paths = with_null_as_alternative(without_prose(paths))
    components: dict[str, dict[str, Any]] = {}
    waiting = sorted(references(paths))
    while waiting:
        _, _, kind, name = waiting.pop().split("/", 3)
        if name not in components.setdefault(kind, {}):
            part = with_null_as_alternative(without_prose(whole["components"][kind][name]))
            components[kind][name] = part
            waiting += sorted(references(part))
    for schema, names in NULLS.items():
        for name in names:
            components["schemas"][schema]["properties"][name]["nullable"] = True
    for schema in WITH_HEAD:
        components["schemas"][schema]["properties"]["head"]["properties"]["repo"] = {"$ref": NO_REPOSITORY}
    for response in [*components.get("responses", {}).values(), *responses_of(paths)]:
        response.setdefault("description", "")
    return {
        "openapi": whole["openapi"],
        "info": {"title": "A part of GitHub's REST API", "version": whole["info"]["version"]},
        "servers": whole["servers"],
        "paths": paths,
        "components": components,
    }


def responses_of(paths: dict[str, Any]) -> list[dict[str, Any]]:
    """The responses written in place (a response must keep a description to be valid, if an empty one)."""
    return [
        response
        for item in paths.values()
        for method in METHODS
        if method in item
        for response in item[method]["responses"].values()
        if "$ref" not in response
    ]


def packed(package: str, version: str, folder: Path) -> Path:
    """Fetch one package's archive with `npm pack` and give its path back."""
    wanted = f"@octokit/{package}@{version}"
    done = subprocess.run(  # noqa: S603 - no shell; the arguments are a package name and a folder of ours
        [shutil.which("npm") or "npm", "pack", wanted, "--json", "--ignore-scripts", "--pack-destination", str(folder)],
        check=True,
        capture_output=True,
        text=True,
        timeout=NPM_TIMEOUT,
    )
    return folder / json.loads(done.stdout)[0]["filename"]


def member(archive: Path, name: str) -> bytes | None:
    """One file of a package's archive; None where the package has no such file."""
    with tarfile.open(archive) as tar:
        try:
            handle = tar.extractfile(f"package/{name}")
        except KeyError:
            return None
        return handle.read() if handle else None


def needed(archive: Path, name: str) -> bytes:
    """Like `member`, where the file must be there."""
    content = member(archive, name)
    if content is None:
        raise SystemExit(f"{archive.name} has no {name}: the package's layout has changed")
    return content


def unpacked(path: Path) -> str:
    """What a vendored file held until now; nothing where there was none."""
    return gzip.decompress(path.read_bytes()).decode() if path.exists() else ""


def outline(name: str, text: str) -> set[str]:
    """What to compare two versions of a file by: operations and schemas, types and fields, or example deliveries."""
    if not text:
        return set()
    if name == "schema.graphql.gz":
        return {line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith(('"', "#"))}
    data = json.loads(text)
    if name == "webhooks.json.gz":
        return {
            f"{event}.{one.get('action', '-')}#{number}"
            for event, examples in data.items()
            for number, one in enumerate(examples)
        }
    operations = {f"{method.upper()} {path}" for path, item in data["paths"].items() for method in item}
    schemas = {
        f"{schema}: {field} {json.dumps(value, sort_keys=True)}"
        for schema, body in data["components"]["schemas"].items()
        for field, value in {**body.get("properties", {}), "(required)": body.get("required", [])}.items()
    }
    return operations | schemas


def store(name: str, text: str) -> str:
    """Write one vendored file, print how it differs from what was there, and give its checksum back."""
    path = VENDOR / name
    before, after = outline(name, unpacked(path)), outline(name, text)
    print(f"{name}: {len(after)} entries, {len(after - before)} new, {len(before - after)} gone")
    for sign, lines in (("-", sorted(before - after)), ("+", sorted(after - before) if before else [])):
        for line in lines[:200]:
            print(f"  {sign} {line}")
    packed_text = gzip.compress(text.encode(), compresslevel=9, mtime=0)
    path.write_bytes(packed_text)
    return hashlib.sha256(packed_text).hexdigest()


def main() -> None:
    """Fetch, extract, write, and print the differences."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("versions", nargs="*", metavar="PACKAGE=VERSION")
    asked = dict(word.split("=", 1) for word in parser.parse_args().versions)
    VENDOR.mkdir(parents=True, exist_ok=True)
    record: dict[str, dict[str, str]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        for package in ("openapi", "graphql-schema", "webhooks-examples"):
            archive = packed(package, asked.get(package, "latest"), Path(temporary))
            about = json.loads(needed(archive, "package.json"))
            if package == "openapi":
                name = "openapi.json.gz"
                whole = json.loads(needed(archive, "generated/api.github.com.json"))
                text = json.dumps(openapi_subset(whole), separators=(",", ":"), sort_keys=True)
            elif package == "graphql-schema":
                name, text = "schema.graphql.gz", needed(archive, "schema.graphql").decode()
            else:
                name = "webhooks.json.gz"
                events = json.loads(needed(archive, "api.github.com/index.json"))
                chosen = {event["name"]: event["examples"] for event in events if event["name"] in EVENTS}
                text = json.dumps(chosen, separators=(",", ":"), sort_keys=True)
            licence = member(archive, "LICENSE") or member(archive, "LICENSE.md")
            words = licence.decode() if licence else MIT.format(author=about["author"])
            (VENDOR / f"LICENSE.{package}").write_text(words.rstrip() + "\n")
            record[name] = {
                "package": about["name"],
                "version": about["version"],
                "licence": about["license"],
                "archive_sha256": hashlib.sha256(archive.read_bytes()).hexdigest(),
                "sha256": store(name, text),
            }
    (VENDOR / "versions.json").write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
