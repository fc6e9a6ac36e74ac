"""What hands a job to a queue and tries it again; and what Celery does, where a page of the guideline says it."""

from pathlib import Path

import libcst as cst
import pytest
from celery import Celery, Task, chord
from celery.contrib.testing.worker import start_worker
from celery.exceptions import ChordError, Retry
from celery.result import denied_join_result
from celery.utils.time import get_exponential_backoff_interval

from postil.lint import SourceFile
from postil.lint.queues import asks_again, enqueued, job_result, number, retry_calls

IMPORTS = """\
import asyncio, multiprocessing, dramatiq, rq, arq
from celery import chain, group, shared_task
from celery.result import AsyncResult
from shop import tween
from shop.tasks import send_invoice, broker
@shared_task
def bill(x): ...
@dramatiq.actor
def mail(x): ...
def helper(x): ...
queue = rq.Queue()
pool = multiprocessing.Pool()
"""


# A list that a function fills, and whose items it uses.
FILLED = "def f():\n    rs = []\n    for x in xs:\n        rs.append({})\n    return [use(r) for r in rs]"


def outermost(text: str) -> tuple[SourceFile, cst.Call]:
    file = SourceFile("shop/orders.py", IMPORTS + text + "\n")
    calls = [call for call in file.nodes(cst.Call) if file.code(call) in text]
    return file, max(calls, key=lambda call: len(file.code(call)))


@pytest.mark.parametrize(
    ("text", "framework", "arguments"),
    [
        ("bill.delay(order.id, total)", "celery", ["order.id", "total"]),
        ("bill.apply_async((order.id,), countdown=5)", "celery", ["order.id"]),
        ("bill.apply_async(kwargs={'x': order.id}, queue='slow')", "celery", ["order.id"]),
        ("send_invoice.delay(order)", "celery", ["order"]),
        ("chain(bill.s(1), send_invoice.s()).delay()", "celery", []),
        ("bill.si(3).apply_async()", "celery", []),
        ("mail.send(order)", "dramatiq", ["order"]),
        ("mail.send_with_options(args=(order,), delay=10)", "dramatiq", ["order"]),
        ("send_invoice.send(order)", "dramatiq", ["order"]),
        ("send_invoice.kiq(order)", "taskiq", ["order"]),
        ("queue.enqueue(helper, order)", "rq", ["order"]),
        ("queue.enqueue_in(later, helper, order)", "rq", ["order"]),
        ("pool_of_arq.enqueue_job('helper', order, _defer_by=3)", "arq", ["order"]),
    ],
)
def test_a_call_that_hands_a_job_to_a_queue_is_known_by_its_task(
    text: str, framework: str, arguments: list[str]
) -> None:
    """Each library has its own verb, and `apply_async` takes the task's arguments in a list and a dict."""
    file, call = outermost(text)
    found = enqueued(call, file)

    assert found is not None
    assert (found.framework, [file.code(each) for each in found.arguments]) == (framework, arguments)


@pytest.mark.parametrize(
    "text",
    [
        "helper.delay(1)",
        "bill(1)",
        "pool.apply_async(helper, (1,))",
        "self.timer.delay(3)",
        "client.send(message)",
        "tween.send(message)",
        "bill.send(1)",
        "mail.delay(1)",
        "buffer.enqueue(item)",
        "queue.enqueue()",
        "JobResult.enqueue_job(model, user)",
    ],
)
def test_what_is_no_task_is_not_enqueued(text: str) -> None:
    """`delay` and `send` are common words, and a pool of processes has an `apply_async` too."""
    file, call = outermost(text)

    assert enqueued(call, file) is None


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("use(bill.delay(1))", True),
        ("use(await send_invoice.kiq(1))", True),
        ("use(AsyncResult(job_id))", True),
        ("use(app.AsyncResult(job_id))", True),
        ("use(group(bill.s(1))())", True),
        ("r = bill.delay(1)\nuse(r)", True),
        ("def f(r: AsyncResult):\n    use(r)", True),
        ("rs = [bill.delay(x) for x in xs]\nfor r in rs:\n    use(r)", True),
        (FILLED.format("bill.delay(x)"), True),
        (FILLED.format("other(x)"), False),
        ("rs = [bill.s(x) for x in xs]\nfor r in rs:\n    use(r)", False),
        ("use(bill.apply(args=(1,)))", False),
        ("use(bill.s(1))", False),
        ("r = bill.delay(1)\nr = other(r)\nuse(r)", False),
    ],
)
def test_the_handle_of_a_job_is_known_through_names_and_annotations(text: str, is_one: bool) -> None:
    """Waiting is done on the handle; a signature is none, and `apply` runs the task here and now."""
    file = SourceFile("shop/orders.py", IMPORTS + text + "\n")
    (use,) = [call for call in file.nodes(cst.Call) if file.code(call.func) == "use"]

    assert job_result(use.args[0].value, file) is is_one


@pytest.mark.parametrize(
    ("task", "asks"),
    [
        ("@shared_task(autoretry_for=(OSError,))\ndef f(): ...", True),
        ("@shared_task(autoretry_for=())\ndef f(): ...", False),
        ("@shared_task(**OPTIONS)\ndef f(): ...", True),
        ("@shared_task(bind=True)\ndef f(self):\n    raise self.retry()", True),
        ("@shared_task(bind=True)\ndef f(job):\n    job.retry()", True),
        ("@shared_task\ndef f():\n    f.retry()", True),
        ("@shared_task(bind=True)\ndef f(self):\n    self.client.retry()", False),
        ("@shared_task\ndef f(client):\n    other.retry()", False),
    ],
)
def test_a_task_is_tried_again_by_its_options_or_by_itself(task: str, asks: bool) -> None:
    """Options from elsewhere may hold `autoretry_for`."""
    file = SourceFile("shop/orders.py", f"from celery import shared_task\n{task}\n")

    assert asks_again(file.tasks[0], file) is asks


def test_a_task_class_retries_by_self_as_well() -> None:
    """There is no decorator then, and an ordinary class's `self.retry` is its own business."""
    file = SourceFile(
        "shop/orders.py",
        "import celery\n"
        "class Bill(celery.Task):\n    def run(self):\n        self.retry()\n"
        "class Client:\n    def run(self):\n        self.retry()\n",
    )

    assert [file.scope_of(each.call) for each in retry_calls(file)] == ["Bill.run"]


@pytest.mark.parametrize(
    ("text", "value"), [("600", 600), ("60 * 60", 3600), ("HOUR", 3600), ("hours(1)", None), ("-1", None)]
)
def test_a_number_is_known_where_it_is_written_out(text: str, value: float | None) -> None:
    """Delays are often products of seconds, or constants."""
    file = SourceFile("shop/orders.py", f"HOUR = 60 * 60\nuse({text})\n")
    (use,) = [call for call in file.nodes(cst.Call) if file.code(call.func) == "use"]

    assert number(use.args[0].value, file) == value


# What Celery does. The pages say so, and these say when it changes.


@pytest.fixture
def app() -> Celery:
    return Celery(broker="memory://", backend="cache+memory://")


def test_celery_waits_180_seconds_before_each_of_three_retries(app: Celery) -> None:
    """That is what a task with `autoretry_for` and nothing else gets."""

    @app.task(autoretry_for=(OSError,))
    def refresh_plain() -> None: ...

    assert (refresh_plain.default_retry_delay, refresh_plain.max_retries) == (180, 3)


def test_celery_cuts_each_backoff_off_at_ten_minutes(app: Celery) -> None:
    """`retry_backoff=3600` gives 600 s each time, as the cap isn't raised with it."""
    delays = [get_exponential_backoff_interval(3600, retries, maximum=600) for retries in range(3)]

    assert delays == [600, 600, 600]


def test_a_retry_of_celery_is_an_ordinary_exception() -> None:
    """So a handler for `Exception` around `self.retry()` catches it, and the two bases between them do as well."""
    assert [each.__name__ for each in Retry.__mro__] == [
        "Retry",
        "TaskPredicate",
        "CeleryError",
        "Exception",
        "BaseException",
        "object",
    ]


def test_a_swallowed_retry_lets_the_attempt_end_as_finished(app: Celery) -> None:
    """The queue counts it as done, whatever comes of the next attempt."""

    @app.task(bind=True)
    def refresh_swallowed(self: Task) -> str:
        try:
            self.retry(countdown=0)
        except Exception:  # noqa: BLE001 - the fault in question
            return "given up"
        return "never"

    assert refresh_swallowed.apply().get() == "given up"


def test_none_as_limit_of_a_single_retry_means_the_tasks_own_limit(app: Celery) -> None:
    """Only `max_retries=None` of the task itself sets no end."""
    attempts = []

    @app.task(bind=True, max_retries=2)
    def refresh_bounded(self: Task) -> None:
        attempts.append(self.request.retries)
        self.retry(countdown=0, max_retries=None)

    @app.task(bind=True, max_retries=None)
    def endless(self: Task) -> None:
        attempts.append(self.request.retries)
        if self.request.retries < 10:
            self.retry(countdown=0)

    with pytest.raises(refresh_bounded.MaxRetriesExceededError):
        refresh_bounded.apply().get()
    bounded = [*attempts]
    endless.apply()

    assert (bounded, attempts[len(bounded) :]) == ([0, 1, 2], [*range(11)])


def test_a_class_of_tasks_hands_on_what_it_is_tried_again_for(app: Celery) -> None:
    """The rules read its attributes as they read a decorator's options."""
    attempts = []

    class Fetching(Task):
        autoretry_for = (OSError,)
        max_retries = 2

    @app.task(bind=True, base=Fetching)
    def fetch(self: Task) -> None:
        attempts.append(self.request.retries)
        raise OSError

    fetch.apply()

    assert attempts == [0, 1, 2]


def test_what_a_task_retries_itself_does_not_reach_autoretry_for(app: Celery) -> None:
    """Of two delays for one exception only that of the call is used."""
    delays = []

    @app.task(bind=True, autoretry_for=(OSError,), retry_backoff=500, retry_jitter=False, max_retries=1)
    def refresh_twice(self: Task) -> None:
        try:
            Path("/nowhere/at/all").read_text(encoding="utf-8")
        except OSError as error:
            try:
                self.retry(exc=error, countdown=7)
            except Retry as retry:
                delays.append(retry.when)
                raise

    refresh_twice.apply()

    assert delays == [7]


def test_a_chord_over_a_task_that_ignores_its_result_never_calls_back(app: Celery) -> None:
    """With a cache as backend the head's results are joined, and there are none."""
    app.conf.result_chord_join_timeout = 0.5
    collected = []

    @app.task
    def kept(number: int) -> int:
        return number

    @app.task(ignore_result=True)
    def ignored(number: int) -> int:
        return number

    @app.task
    def collect(numbers: list[int]) -> None:
        collected.append(numbers)

    with start_worker(app, perform_ping_check=False, pool="solo"):
        chord([kept.s(1), kept.s(2)])(collect.s()).get(timeout=20)
        with pytest.raises(ChordError):
            chord([ignored.s(3), ignored.s(4)])(collect.s()).get(timeout=20)

    assert collected == [[1, 2]]


def test_celery_refuses_to_wait_for_a_task_inside_a_task(app: Celery) -> None:
    """All workers could be waiting then, and none left to work; `denied_join_result` is what holds in a worker."""

    @app.task
    def inner() -> int:
        return 1

    with denied_join_result(), pytest.raises(RuntimeError, match=r"Never call result\.get"):
        inner.delay().get(timeout=5)
