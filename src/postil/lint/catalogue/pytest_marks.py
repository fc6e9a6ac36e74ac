"""The marks that pytest 9.2 and its plugins register, read from the plugins' own sources.

Versions: allure-pytest 2.16, anyio 4.16, celery 5.7, flaky 3.8, hypothesis 6.170, langsmith 0.15, pytest-alembic 0.13,
-asyncio 1.5, -asyncio-cooperative 0.40, -benchmark 5.3, -codspeed 5.0, -console-scripts 1.4, -cov 7.1, -datafiles 3.0,
-dependency 0.6, -django 4.14, -flake8 1.3, -flask 1.3, -forked 1.7, -freezegun 0.4, -freezer 0.4, -httpx 0.36,
-memray 1.11, -mpl 0.19, -mypy-testing 0.2, -order 1.5, -ordering 0.6, -playwright 0.10, -qt 4.5, -random-order 1.2,
-recording 0.14, -remotedata 0.4, -repeat 0.9, -rerunfailures 16.7, -responses 0.6, -ruff 0.5, -run-parallel 0.10,
-socket 0.8, -timeout 2.4, -tornado 0.8, -trio 0.8, -vcr 1.0, -xdist 3.8, respx 0.23, sphinx 9.0, syrupy 7.0,
time-machine 3.6.
"""

BUILT_IN = frozenset(
    {"filterwarnings", "parametrize", "skip", "skipif", "tryfirst", "trylast", "usefixtures", "xfail"}
)  # fmt: skip

MARKS_OF: dict[str, frozenset[str]] = {
    plugin: frozenset(marks.split())
    for plugin, marks in {
        "allure-pytest": "allure_label allure_link allure_description allure_description_html allure_display_name",
        "anyio": "anyio",
        "celery": "celery",
        "flaky": "flaky",
        "hypothesis": "hypothesis",
        "langsmith": "langsmith",
        "pytest-alembic": "alembic",
        "pytest-asyncio": "asyncio",
        "pytest-asyncio-cooperative": "asyncio_cooperative flakey",
        "pytest-benchmark": "benchmark",
        "pytest-celery": "celery",
        "pytest-codspeed": "benchmark codspeed_benchmark",
        "pytest-console-scripts": "script_launch_mode",
        "pytest-cov": "no_cover",
        "pytest-datafiles": "datafiles",
        "pytest-dependency": "dependency",
        "pytest-django": "django_db django_isolate_apps ignore_template_errors urls",
        "pytest-flake8": "flake8",
        "pytest-flask": "app options",
        "pytest-forked": "forked",
        "pytest-freezegun": "freeze_time",
        "pytest-freezer": "freeze_time",
        "pytest-httpx": "httpx_mock",
        "pytest-memray": "limit_leaked_objects limit_leaks limit_memory",
        "pytest-mpl": "mpl_image_compare",
        "pytest-mypy": "mypy mypy_status",
        "pytest-mypy-testing": "mypy mypy_testing",
        "pytest-order": "order",
        "pytest-ordering": "first fifth fourth last run second second_to_last third",
        "pytest-playwright": "browser_context_args only_browser skip_browser",
        "pytest-qt": "no_qt_log qt_log_ignore qt_log_level_fail qt_no_exception_capture",
        "pytest-random-order": "random_order",
        "pytest-recording": "allowed_hosts block_network default_cassette vcr",
        "pytest-remotedata": "internet_off remote_data",
        "pytest-repeat": "repeat",
        "pytest-rerunfailures": "flaky",
        "pytest-responses": "withoutresponses",
        "pytest-ruff": "ruff",
        "pytest-run-parallel": "force_parallel_threads iterations parallel_threads parallel_threads_limit "
        "thread_unsafe",
        "pytest-socket": "allow_hosts disable_socket enable_socket",
        "pytest-timeout": "timeout",
        "pytest-tornado": "gen_test",
        "pytest-trio": "trio",
        "pytest-vcr": "vcr",
        "pytest-xdist": "xdist_group",
        "respx": "respx",
        "sphinx": "sphinx test_params",
        "syrupy": "syrupy_snapshot",
        "time-machine": "time_machine",
    }.items()
}
"""The marks that each distribution registers."""

WITHOUT_MARKS = frozenset(
    {"pytest-aiohttp", "pytest-archon", "pytest-arraydiff", "pytest-astropy-header", "pytest-base-url", "pytest-bdd",
     "pytest-cases", "pytest-check", "pytest-clarity", "pytest-custom-exit-code", "pytest-datadir",
     "pytest-deadfixtures", "pytest-docker", "pytest-doctestplus", "pytest-dotenv", "pytest-durations", "pytest-env",
     "pytest-examples", "pytest-factoryboy", "pytest-filter-subpackage", "pytest-github-actions-annotate-failures",
     "pytest-html", "pytest-httpserver", "pytest-icdiff", "pytest-instafail", "pytest-json-report",
     "pytest-lazy-fixture", "pytest-lazy-fixtures", "pytest-localserver", "pytest-metadata", "pytest-mock",
     "pytest-mockservers", "pytest-mypy-plugins", "pytest-openfiles", "pytest-picked", "pytest-postgresql",
     "pytest-pretty", "pytest-profiling", "pytest-randomly", "pytest-redis", "pytest-regressions", "pytest-runner",
     "pytest-sftpserver", "pytest-snapshot", "pytest-split", "pytest-structlog", "pytest-subtests", "pytest-sugar",
     "pytest-testmon", "pytest-tornasync", "pytest-twisted", "pytest-unordered", "pytest-watch", "pytest-watcher",
     "pytest-xprocess"}
)  # fmt: skip
"""Plugins that register none."""
