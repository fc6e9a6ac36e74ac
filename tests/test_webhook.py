"""What a delivery means: the signature, GitHub's own example payloads, and payloads that nobody has sent yet."""

import copy
import gzip
import hashlib
import hmac
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from inline_snapshot import snapshot

from postil.review.command import Command
from postil.webhook import (
    Cancel,
    Commanded,
    Delivery,
    Forget,
    Ignored,
    Queued,
    Refusal,
    Repository,
    Rerun,
    Review,
    decide,
    read,
    verify,
)

SECRET = "It's a Secret to Everybody"
EXAMPLES: dict[str, list[dict[str, Any]]] = json.loads(
    gzip.decompress((Path(__file__).parent / "vendor" / "webhooks.json.gz").read_bytes())
)
HELLO_WORLD = Repository(installation=42, id=186853002, owner="Codertocat", name="Hello-World")
HEAD = "ec26c3e57ca3a959ca5aad62de7213c562f8c821"


def of_app(payload: dict[str, Any]) -> dict[str, Any]:
    """Name the installation, as every delivery of an App does; most examples are of a repository's webhook."""
    return {"installation": {"id": 42}} | payload


def example(event: str, action: str, /, **changes: Any) -> dict[str, Any]:
    """Take GitHub's example of an event and set some of its fields, named by their path with "__" between the parts."""
    payload = of_app(copy.deepcopy(next(each for each in EXAMPLES[event] if each.get("action") == action)))
    for path, value in changes.items():
        *parents, last = path.split("__")
        place = payload
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    return payload


def sign(body: bytes, secret: str = SECRET) -> str:
    """Sign as GitHub does."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def request(body: bytes, *, signature: str | None = None, event: str = "ping", delivery: str = "72d3162e") -> Any:
    """Read a request that is in order but for what is given."""
    return read([SECRET], body, event=event, delivery=delivery, signature=signature or sign(body))


def test_the_signature_of_githubs_documentation_is_accepted() -> None:
    """The vector of GitHub's page "Validating webhook deliveries"."""
    signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"

    assert verify([SECRET], b"Hello, World!", signature)
    assert not verify([SECRET], b"Hello, World?", signature)
    assert not verify(["another secret of ours"], b"Hello, World!", signature)
    assert not verify([], b"Hello, World!", signature)


def test_both_secrets_are_accepted_while_one_replaces_the_other() -> None:
    """GitHub switches at a moment that nobody knows."""
    body = b"{}"

    assert verify(["new secret", SECRET], body, sign(body))
    assert verify([SECRET, "old secret"], body, sign(body))


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "sha256=",
        sign(b"{}").removeprefix("sha256="),
        sign(b"{}").replace("sha256", "sha1"),
        "sha1=" + hmac.new(SECRET.encode(), b"{}", hashlib.sha1).hexdigest(),
        sign(b"{}").upper(),
        sign(b"{}") + " ",
        "sha256=ü",
        "sha256=\udcff",
    ],
    ids=["none", "empty", "no prefix", "wrong prefix", "SHA-1", "upper case", "space", "not ASCII", "not UTF-8"],
)
def test_anything_but_the_one_form_of_the_signature_is_refused(signature: str) -> None:
    """SHA-1 is not a fallback, and a header that isn't ASCII is no crash."""
    assert not verify([SECRET], b"{}", signature)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"payload=%7B%7D", 400),
        (b"{", 400),
        (b'"text"', 400),
        (b"[]", 400),
        (b"null", 400),
        (b"\xff\xfe", 400),
        (b"[" * 200_000, 400),
        (b'{"action": ' + b"9" * 10_000 + b"}", 400),
    ],
    ids=["nothing", "a form", "cut off", "text", "list", "null", "no UTF-8", "nested too deep", "number too long"],
)
def test_a_body_that_is_no_json_object_is_refused_and_never_a_crash(body: bytes, status: int) -> None:
    """It is signed, so somebody has set the wrong content type, or plays with our secret."""
    answer = request(body)

    assert isinstance(answer, Refusal)
    assert answer.status == status


def test_what_is_not_signed_is_not_even_parsed() -> None:
    """Otherwise the answer would tell a stranger something about his body."""
    assert request(b"{", signature="sha256=00") == Refusal(401, "The signature is missing or wrong.")
    assert request(b"{}", signature="sha256=00") == Refusal(401, "The signature is missing or wrong.")


@pytest.mark.parametrize(
    ("event", "delivery"), [("", "72d3162e"), ("ping", ""), ("Ping!", "72d3162e"), ("ping", "a b")]
)
def test_a_request_without_githubs_headers_is_refused(event: str, delivery: str) -> None:
    """The id is a key of our tables and a field of our log."""
    answer = request(b"{}", event=event, delivery=delivery)

    assert isinstance(answer, Refusal)
    assert answer.status == 400


def test_every_example_of_github_leads_to_the_decision_that_the_table_says() -> None:
    """The examples are of all ages and shapes, and no published schema accepts all of them."""
    decisions = Counter(
        f"{event} {payload.get('action', '')}: {type(decide(event, of_app(payload))).__name__}"
        for event, payloads in EXAMPLES.items()
        for payload in payloads
    )

    assert dict(sorted(decisions.items())) == snapshot(
        {
            "check_run completed: Ignored": 3,
            "check_run created: Ignored": 3,
            "check_run requested_action: Ignored": 1,
            "check_run rerequested: Rerun": 2,
            "check_suite completed: Ignored": 4,
            "check_suite requested: Ignored": 3,
            "check_suite rerequested: Rerun": 2,
            "installation created: Forget": 2,
            "installation deleted: Forget": 2,
            "installation new_permissions_accepted: Forget": 1,
            "installation suspend: Forget": 1,
            "installation unsuspend: Forget": 1,
            "installation_repositories added: Forget": 2,
            "installation_repositories removed: Forget": 1,
            "issue_comment created: Ignored": 5,
            "issue_comment deleted: Ignored": 2,
            "issue_comment edited: Ignored": 2,
            "merge_group checks_requested: Queued": 2,
            "ping : Ignored": 4,
            "pull_request assigned: Ignored": 2,
            "pull_request closed: Cancel": 2,
            "pull_request converted_to_draft: Cancel": 3,
            "pull_request labeled: Ignored": 2,
            "pull_request locked: Ignored": 2,
            "pull_request opened: Review": 4,
            "pull_request ready_for_review: Review": 3,
            "pull_request reopened: Review": 2,
            "pull_request review_request_removed: Ignored": 1,
            "pull_request review_requested: Ignored": 1,
            "pull_request synchronize: Review": 1,
            "pull_request unassigned: Ignored": 2,
            "pull_request unlabeled: Ignored": 2,
            "pull_request unlocked: Ignored": 2,
            "pull_request_review dismissed: Ignored": 1,
            "pull_request_review submitted: Ignored": 3,
            "pull_request_review_comment created: Ignored": 3,
            "pull_request_review_comment deleted: Ignored": 1,
            "pull_request_review_comment edited: Ignored": 1,
            "pull_request_review_thread resolved: Ignored": 2,
            "pull_request_review_thread unresolved: Ignored": 1,
        }
    )


def test_an_example_of_a_repositorys_own_webhook_is_no_work_for_an_app() -> None:
    """Without an installation there is no token to answer with."""
    payload = example("pull_request", "opened")
    del payload["installation"]

    assert decide("pull_request", payload) == Ignored("the payload names no repository or no installation")


@pytest.mark.parametrize(
    ("action", "outdates"),
    [("opened", False), ("reopened", False), ("ready_for_review", False), ("synchronize", True)],
)
def test_a_pull_request_is_reviewed_when_its_diff_is_new(action: str, outdates: bool) -> None:
    """Only a push makes a review under way pointless."""
    payload = example(
        "pull_request", action, pull_request__head__sha=HEAD, pull_request__updated_at="2026-01-02T03:04:05Z"
    )
    decision = decide("pull_request", payload)

    assert isinstance(decision, Review)
    assert (decision.number, decision.head, decision.at, decision.outdates, decision.why) == (
        payload["pull_request"]["number"],
        HEAD,
        1767323045.0,
        outdates,
        f"pull_request {action}",
    )
    assert decision.repository.installation == payload["installation"]["id"]


def test_a_new_base_is_a_new_diff_and_a_new_title_is_not() -> None:
    """Both come as `edited`."""
    payload = example("pull_request", "opened", action="edited", pull_request__head__sha=HEAD)
    new_base = payload | {"changes": {"base": {"ref": {"from": "main"}, "sha": {"from": HEAD}}}}
    new_title = payload | {"changes": {"title": {"from": "Update"}}}

    assert isinstance(decide("pull_request", new_base), Review)
    assert decide("pull_request", new_title) == Ignored("the pull request's base is the same, and so is its diff")


def test_a_pull_request_from_a_fork_that_is_gone_is_reviewed_all_the_same() -> None:
    """Everything is read through the base repository; `head.repo` is null then."""
    payload = example("pull_request", "opened", pull_request__head__repo=None, pull_request__head__user=None)

    assert isinstance(decide("pull_request", payload), Review)


@pytest.mark.parametrize("action", ["closed", "converted_to_draft"])
def test_a_closed_pull_request_and_a_new_draft_cancel_what_waits(action: str) -> None:
    """Nobody reads that review."""
    decided = decide("pull_request", example("pull_request", action))

    assert isinstance(decided, Cancel)
    assert decided.for_good is (action == "closed")


def commented(body: str, **changes: Any) -> dict[str, Any]:
    """Make a comment of a person on a pull request's conversation; GitHub's package has only those on plain issues."""
    pull = {"url": "https://api.github.com/repos/Codertocat/Hello-World/pulls/1"}
    return example("issue_comment", "created", issue__pull_request=pull, comment__body=body, **changes)


def test_a_command_on_a_line_of_its_own_asks_for_a_recheck() -> None:
    """With who gave it, as GitHub is asked later whether they may."""
    decision = decide("issue_comment", commented("Thanks!\r\n/recheck\r\n"))

    assert decision == Commanded(
        HELLO_WORLD,
        number=1,
        commands=(Command("recheck", "/recheck"),),
        where="issue_comment",
        id=492700400,
        login="Codertocat",
    )


def test_a_command_in_an_answer_to_a_review_comment_counts_too() -> None:
    """That is where people read what the bot said."""
    decision = decide(
        "pull_request_review_comment", example("pull_request_review_comment", "created", comment__body="/recheck")
    )

    assert isinstance(decision, Commanded)
    assert decision.where == "pull_request_review_comment"
    assert decision.number == 2


def test_a_command_in_the_words_of_a_review_counts_too() -> None:
    """Whoever reviews a pull request writes there; a review without words has none."""
    said = example("pull_request_review", "submitted", review__body="Nearly.\n\n/postil config")
    decision = decide("pull_request_review", said)

    assert isinstance(decision, Commanded)
    assert (decision.where, [command.name for command in decision.commands]) == ("pull_request_review", ["config"])
    assert isinstance(
        decide("pull_request_review", example("pull_request_review", "submitted", review__body=None)), Ignored
    )


def test_a_merge_queue_is_told_from_pull_requests() -> None:
    """Its commit belongs to none, and "Re-run" on its check leads back to it."""
    queued = decide("merge_group", example("merge_group", "checks_requested"))
    assert isinstance(queued, Queued)
    rerun = example("check_run", "rerequested", check_run__external_id="github/hello-world#0 abc")

    assert queued.why == "merge_group checks_requested"
    assert isinstance(decide("check_run", rerun), Queued)
    assert isinstance(decide("merge_group", example("merge_group", "checks_requested", action="destroyed")), Ignored)


@pytest.mark.parametrize(
    ("changes", "decision"),
    [
        ({}, "Commanded"),
        ({"sender__type": "Bot"}, "buttons are for people, not for bots"),
        ({"requested_action__identifier": "fix"}, "the button is none of ours"),
        ({"check_run__external_id": "something"}, "the check run belongs to no pull request of ours"),
    ],
    ids=["ours", "a bot", "another button", "another check"],
)
def test_the_button_on_a_check_run_is_a_command(changes: dict[str, Any], decision: str) -> None:
    """Whoever presses it is asked for their rights like anybody who writes `/recheck`."""
    ours = {"requested_action__identifier": "recheck", "check_run__external_id": "github/hello-world#7@run 1 abc"}
    decided = decide("check_run", example("check_run", "requested_action", **ours | changes))

    assert (decided.why if isinstance(decided, Ignored) else type(decided).__name__) == decision


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"body": "please /recheck this"}, "the comment gives no command"),
        ({"body": "/recheck", "sender__type": "Bot"}, "commands are for people, not for bots"),
        ({"body": "/recheck", "comment__user__type": "Bot"}, "commands are for people, not for bots"),
        ({"body": "/recheck", "issue__pull_request": None}, "the comment stands on no pull request"),
        ({"body": "/recheck", "action": "edited"}, "issue_comment edited asks for nothing"),
        ({"body": "/recheck", "action": "deleted"}, "issue_comment deleted asks for nothing"),
    ],
    ids=["in a sentence", "sent by a bot", "written by a bot", "on an issue", "edited", "deleted"],
)
def test_what_is_no_command_of_a_person_on_a_pull_request_is_ignored(changes: dict[str, Any], why: str) -> None:
    """Our own comments come back to us as deliveries, and an edit is no second command."""
    changes = {"issue__pull_request": {"url": "x"}} | changes
    payload = example("issue_comment", "created", comment__body=changes.pop("body"), **changes)

    assert decide("issue_comment", payload) == Ignored(why)


def test_a_body_of_more_values_than_github_sends_is_not_even_parsed() -> None:
    """Memory goes by them: in 25 MB there is room for eight million empty lists, which take half a gigabyte."""
    values = b"[" + b"[]," * 900_000 + b"1]"

    assert isinstance(request(b'{"padding": ' + values + b"}"), Delivery)
    assert request(b'{"padding": [' + values + b"," + values + b"]}") == Refusal(
        413, "The body holds more values than anything that GitHub sends."
    )


def test_a_rerun_knows_the_pull_request_of_a_fork_by_our_own_id() -> None:
    """For forks GitHub lists no pull requests in check events; the external id that we gave the run does."""
    fork = example("check_run", "rerequested", check_run__pull_requests=[], check_run__head_sha=HEAD)
    repository = Repository(installation=1, id=526, owner="github", name="hello-world")
    ours = copy.deepcopy(fork)
    ours["check_run"]["external_id"] = f"github/hello-world#7@{HEAD}"

    assert decide("check_run", ours) == Rerun(repository, (7,), HEAD, "check_run rerequested")
    assert decide("check_run", fork) == Rerun(repository, (), HEAD, "check_run rerequested")


def test_a_rerun_of_all_checks_means_every_pull_request_of_the_commit() -> None:
    """One commit can be the head of several."""
    payload = example(
        "check_suite", "rerequested", check_suite__pull_requests=[{"number": 2}, None, {"number": 3}, {"id": 1}]
    )
    decision = decide("check_suite", payload)

    assert isinstance(decision, Rerun)
    assert decision.numbers == (2, 3)


def test_a_change_of_an_installation_makes_its_tokens_forgotten() -> None:
    """Tokens carry the old permissions and repositories."""
    assert decide("installation", example("installation", "deleted")) == Forget(2, "installation deleted")
    removed = decide("installation_repositories", example("installation_repositories", "removed"))
    assert removed == Forget(2, "installation_repositories removed")


@pytest.mark.parametrize("action", ["unsuspend", "new_permissions_accepted"])
def test_an_app_that_may_do_more_tries_again_what_failed(action: str) -> None:
    """GitHub doesn't send again what came in before."""
    decision = decide("installation", example("installation", action))

    assert isinstance(decision, Forget)
    assert decision.revives

    assert decision.repositories == ()


def test_repositories_that_the_app_sees_now_are_named() -> None:
    """What was asked for under another installation is done under this one; what is listed oddly is passed over."""
    listed = [{"id": 7, "full_name": "globex/shop"}, {"id": "x", "full_name": "globex/shop"}, None, {"id": 8}]
    odd = [*listed, {"id": 9, "full_name": "globex/../shop"}, {"id": 10, "full_name": "shop"}]
    added = decide(
        "installation_repositories",
        example("installation_repositories", "added", installation__id=2, repositories_added=odd),
    )
    created = decide("installation", example("installation", "created", repositories=listed, installation__id=5))
    none = decide("installation", example("installation", "created", repositories="all", installation__id=5))

    shop = Repository(installation=5, id=7, owner="globex", name="shop")
    assert added == Forget(2, "installation_repositories added", True, (replace(shop, installation=2),))
    assert created == Forget(5, "installation created", True, (shop,))
    assert none == Forget(5, "installation created")


@pytest.mark.parametrize(
    "changes",
    [
        {"pull_request__number": 2**63},
        {"pull_request__number": 0},
        {"pull_request__head__sha": "../../etc/passwd"},
        {"pull_request__head__sha": "A" * 40},
        {"repository__name": "a/b"},
        {"repository__name": "a\x00b"},
        {"repository__name": "\ud800"},
        {"repository__owner__login": ""},
        {"repository__id": "one"},
        {"installation__id": -1},
    ],
    ids=[
        "number-too-large",
        "number-zero",
        "sha-a-path",
        "sha-too-short",
        "name-a-path",
        "name-with-null",
        "name-a-surrogate",
        "owner-empty",
        "repository-a-text",
        "installation-negative",
    ],
)
def test_a_value_that_no_address_and_no_column_could_take_is_as_good_as_missing(changes: dict[str, Any]) -> None:
    """They become parts of addresses and keys of tables later, and there it would be too late."""
    assert isinstance(decide("pull_request", example("pull_request", "opened", **changes)), Ignored)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.data())
def test_a_payload_with_anything_anywhere_is_decided_on_without_a_crash(data: st.DataObject) -> None:
    """A field that changes its type tomorrow must not take the service down."""
    event = data.draw(st.sampled_from(sorted(EXAMPLES)))
    payload = of_app(copy.deepcopy(data.draw(st.sampled_from(EXAMPLES[event]))))
    for _ in range(data.draw(st.integers(1, 4))):
        place: Any = payload
        while True:
            key = data.draw(
                st.sampled_from(sorted(place)) if isinstance(place, dict) else st.integers(0, len(place) - 1)
            )
            if not isinstance(place[key], dict | list) or not place[key] or data.draw(st.booleans()):
                break
            place = place[key]
        place[key] = data.draw(json_values)
    body = json.dumps(payload).encode()
    delivery = request(body, event=event)

    assert isinstance(delivery, Delivery)
    assert isinstance(delivery.decision, Review | Cancel | Commanded | Rerun | Queued | Forget | Ignored)


@given(
    st.sampled_from(sorted(EXAMPLES)), st.dictionaries(st.text() | st.sampled_from(["action", "sender"]), json_values)
)
def test_a_payload_of_nothing_known_is_decided_on_without_a_crash(event: str, payload: dict[str, Any]) -> None:
    """Whatever the object holds, it is either understood or ignored."""
    assert isinstance(decide(event, payload), Ignored)
