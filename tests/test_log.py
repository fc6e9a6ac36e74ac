"""The log: one JSON object per line, whoever speaks, and no secret in it."""

import io
import json
import logging

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from postil.log import HIDDEN, Redactor, configure

TOKEN = "ghs_12345_eyJhbGciOiJSUzI1NiJ9." + "a-_b" * 100
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabcd\n-----END RSA PRIVATE KEY-----"


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    """Read back what was logged."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_our_own_and_foreign_lines_have_one_shape() -> None:
    """A log that mixes shapes can't be searched; DBOS and uvicorn bring handlers of their own."""
    stream = io.StringIO()
    configure("info", stream=stream)
    structlog.get_logger("postil.app").info("started", role="all")
    logging.getLogger("uvicorn.error").info("Listening on %s", "127.0.0.1")
    logging.getLogger("dbos").warning("a workflow was recovered")
    logging.getLogger("httpx").info("HTTP Request: GET https://api.github.com")

    assert [(line["logger"], line["level"], line["event"]) for line in lines(stream)] == [
        ("postil.app", "info", "started"),
        ("uvicorn.error", "info", "Listening on 127.0.0.1"),
        ("dbos", "warning", "a workflow was recovered"),
    ]
    assert all(str(line["timestamp"]).endswith("Z") for line in lines(stream))


def test_a_logger_that_was_used_before_follows_the_next_configuration() -> None:
    """Modules keep their loggers, and a command sets logging up before the service does so anew."""
    log = structlog.get_logger("postil.app")
    configure("error", stream=io.StringIO())
    log.error("before")
    configure("info", stream=io.StringIO())
    with structlog.testing.capture_logs() as logged:
        log.info("after")

    assert [line["event"] for line in logged] == ["after"]


def test_what_is_bound_once_stands_on_every_line() -> None:
    """Delivery, job and pull request are bound where they are known and must reach the libraries' lines as well."""
    stream = io.StringIO()
    configure("info", stream=stream)
    with structlog.contextvars.bound_contextvars(delivery="72d3162e"):
        structlog.get_logger().info("stored")
        logging.getLogger("dbos").warning("slow")

    assert [line["delivery"] for line in lines(stream)] == ["72d3162e", "72d3162e"]


@pytest.mark.parametrize(
    "secret",
    [TOKEN, PEM, PEM.replace("\n", "\\n"), PEM[:40], "github_pat_11ABCDEFG0123456789", 'It\'s a "Secret" to Everybody'],
    ids=["installation token", "key", "key on one line", "key cut off", "personal token", "webhook secret"],
)
def test_secrets_are_hidden_wherever_they_stand(secret: str) -> None:
    """They reach the log in messages, nested values, objects and tracebacks, and nobody means to."""
    stream = io.StringIO()
    configure("info", secrets=['It\'s a "Secret" to Everybody'], stream=stream)
    log = structlog.get_logger("postil")
    log.info("token_refused", token=secret, nested={"headers": [("authorization", f"Bearer {secret}")]})
    logging.getLogger("dbos").error("failed with %s", secret)
    try:
        int(secret)
    except ValueError:
        log.exception("job failed")

    assert secret not in str(lines(stream))
    assert json.dumps(secret)[1:-1] not in stream.getvalue()
    assert stream.getvalue().count(HIDDEN) == 4
    assert len(lines(stream)) == 3


def test_the_password_of_a_database_address_is_hidden_and_its_host_is_not() -> None:
    """An operator needs to see which database is down."""
    cleaned = Redactor().clean("can't connect to postgresql://postil:hunter2@db.example/postil")

    assert cleaned == f"can't connect to postgresql://{HIDDEN}@db.example/postil"


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_a_value_without_secrets_is_logged_as_it_is(value: object) -> None:
    """What hides too much hides the fault that the log is read for."""
    assert repr(Redactor(["a-long-webhook-secret"]).clean(value)) == repr(value)
