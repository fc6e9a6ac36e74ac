"""Functions that make objects, and the classes of what they make. Read in the libraries' own documentation."""

from postil.lint.catalogue.loggers import STRUCTLOG_LOGGERS

_SYNC_MAKERS = ("sqlalchemy.orm.sessionmaker", "sqlalchemy.orm.session.sessionmaker")
_ASYNC_MAKERS = ("sqlalchemy.ext.asyncio.async_sessionmaker", "sqlalchemy.ext.asyncio.session.async_sessionmaker")

FACTORIES: dict[str, str] = {
    "requests.session": "requests.Session",
    "requests.sessions.session": "requests.Session",
    "redis.from_url": "redis.Redis",
    "redis.asyncio.from_url": "redis.asyncio.Redis",
    "redis.sentinel.Sentinel": "redis.sentinel.Sentinel",
    "sqlite3.connect": "sqlite3.Connection",
    "aiosqlite.connect": "aiosqlite.Connection",
    "psycopg.connect": "psycopg.Connection",
    "psycopg2.connect": "psycopg2.extensions.connection",
    "pymysql.connect": "pymysql.connections.Connection",
    "asyncpg.connect": "asyncpg.Connection",
    "asyncpg.create_pool": "asyncpg.Pool",
    "sqlalchemy.create_engine": "sqlalchemy.Engine",
    "sqlalchemy.ext.asyncio.create_async_engine": "sqlalchemy.ext.asyncio.AsyncEngine",
    **{maker: maker for maker in _SYNC_MAKERS + _ASYNC_MAKERS},
    "pathlib.Path.cwd": "pathlib.Path",
    "pathlib.Path.home": "pathlib.Path",
    "logging.getLogger": "logging.Logger",
    "celery.utils.log.get_task_logger": "logging.Logger",
    "prefect.get_run_logger": "logging.LoggerAdapter",
    "multiprocessing.get_logger": "logging.Logger",
    "structlog.get_logger": "structlog.BoundLogger",
    "structlog.getLogger": "structlog.BoundLogger",
    "structlog.stdlib.get_logger": "structlog.BoundLogger",
    "structlog.wrap_logger": "structlog.BoundLogger",
    "opentelemetry.trace.get_tracer": "opentelemetry.trace.Tracer",
    "opentelemetry.trace.get_tracer_provider": "opentelemetry.trace.TracerProvider",
    "opentelemetry.metrics.get_meter": "opentelemetry.metrics.Meter",
    "opentelemetry.metrics.get_meter_provider": "opentelemetry.metrics.MeterProvider",
    "boto3.client": "boto3.client",
    "boto3.resource": "boto3.resource",
    "boto3.session.Session": "boto3.Session",
    "subprocess.Popen": "subprocess.Popen",
    "concurrent.futures.ThreadPoolExecutor": "concurrent.futures.ThreadPoolExecutor",
    "multiprocessing.Pool": "multiprocessing.pool.Pool",
    "multiprocessing.get_context": "multiprocessing.context.BaseContext",
    "asyncio.get_event_loop": "asyncio.AbstractEventLoop",
    "asyncio.get_running_loop": "asyncio.AbstractEventLoop",
    "asyncio.new_event_loop": "asyncio.AbstractEventLoop",
    "asyncio.create_task": "asyncio.Task",
    "asyncio.ensure_future": "asyncio.Task",
    "asyncio.gather": "asyncio.Future",
    "asyncio.run_coroutine_threadsafe": "concurrent.futures.Future",
    "socket.socket": "socket.socket",
    "PIL.Image.open": "PIL.Image.Image",
    "PIL.Image.new": "PIL.Image.Image",
    "PIL.Image.fromarray": "PIL.Image.Image",
    "tarfile.open": "tarfile.TarFile",
    "urllib3.PoolManager": "urllib3.PoolManager",
}

CALL_RESULTS: dict[str, str] = {
    **dict.fromkeys(_SYNC_MAKERS, "sqlalchemy.orm.Session"),
    **dict.fromkeys(_ASYNC_MAKERS, "sqlalchemy.ext.asyncio.AsyncSession"),
}
"""What the makers among these classes give when they are called themselves."""

METHOD_RESULTS: dict[tuple[str, str], str] = {
    **{(logger, method): logger for logger in STRUCTLOG_LOGGERS for method in ("bind", "new", "unbind", "try_unbind")},
    ("logging.Logger", "getChild"): "logging.Logger",
    ("opentelemetry.trace.TracerProvider", "get_tracer"): "opentelemetry.trace.Tracer",
    ("opentelemetry.sdk.trace.TracerProvider", "get_tracer"): "opentelemetry.trace.Tracer",
    ("opentelemetry.metrics.MeterProvider", "get_meter"): "opentelemetry.metrics.Meter",
    ("opentelemetry.metrics.Meter", "create_counter"): "opentelemetry.metrics.Counter",
    ("opentelemetry.metrics.Meter", "create_up_down_counter"): "opentelemetry.metrics.UpDownCounter",
    ("opentelemetry.metrics.Meter", "create_histogram"): "opentelemetry.metrics.Histogram",
    ("opentelemetry.metrics.Meter", "create_gauge"): "opentelemetry.metrics._Gauge",
    ("redis.Redis", "pipeline"): "redis.client.Pipeline",
    ("redis.asyncio.Redis", "pipeline"): "redis.asyncio.client.Pipeline",
    **{("PIL.Image.Image", method): "PIL.Image.Image" for method in ("convert", "copy", "crop", "resize", "rotate")},
    **{(maker, "begin"): "sqlalchemy.orm.Session" for maker in _SYNC_MAKERS},
    **{(maker, "begin"): "sqlalchemy.ext.asyncio.AsyncSession" for maker in _ASYNC_MAKERS},
    **{
        ("sqlalchemy.ext.asyncio.AsyncEngine", method): "sqlalchemy.ext.asyncio.AsyncConnection"
        for method in ("begin", "connect")
    },
    ("asyncpg.Pool", "acquire"): "asyncpg.Connection",
    **{
        ("pathlib.Path", method): "pathlib.Path"
        for method in ("absolute", "expanduser", "joinpath", "resolve", "with_name", "with_stem", "with_suffix")
    },
    ("multiprocessing.context.BaseContext", "Pool"): "multiprocessing.pool.Pool",
    **{
        ("multiprocessing.context.BaseContext", queue): f"multiprocessing.{queue}"
        for queue in ("JoinableQueue", "Queue", "SimpleQueue")
    },
    ("sqlite3.Connection", "cursor"): "sqlite3.Cursor",
    ("psycopg.Connection", "cursor"): "psycopg.Cursor",
    ("psycopg2.extensions.connection", "cursor"): "psycopg2.extensions.cursor",
    ("pymysql.connections.Connection", "cursor"): "pymysql.cursors.Cursor",
    ("boto3.Session", "client"): "boto3.client",
    ("boto3.Session", "resource"): "boto3.resource",
    ("asyncio.AbstractEventLoop", "create_task"): "asyncio.Task",
    ("asyncio.AbstractEventLoop", "run_in_executor"): "asyncio.Future",
    ("asyncio.TaskGroup", "create_task"): "asyncio.Task",
    ("concurrent.futures.ThreadPoolExecutor", "submit"): "concurrent.futures.Future",
    ("concurrent.futures.ProcessPoolExecutor", "submit"): "concurrent.futures.Future",
}
