"""Exception families: which library's calls raise what, as far as network failures go.

Checked by `issubclass` and by reading what each library wraps: requests 2.34.2, httpx 0.28.1, httpx2 2.16.2,
aiohttp 3.14.5, redis 8.1.0, psycopg 3.3.9, psycopg2 2.9.13, PyMySQL 1.2.4, pymongo 4.20.1, urllib3 2.8.0,
elasticsearch 9.5.1, Python 3.11. httpx2 has classes of its own, of the same names as httpx.
"""

# First part of a dotted name → the library.
LIBRARIES: dict[str, str] = {
    "requests": "requests",
    "httpx": "httpx",
    "httpx2": "httpx2",
    "httpcore": "httpx",
    "aiohttp": "aiohttp",
    "redis": "redis",
    "psycopg": "psycopg",
    "psycopg2": "psycopg2",
    "pymysql": "pymysql",
    "pymongo": "pymongo",
    "urllib3": "urllib3",
    "elasticsearch": "elasticsearch",
    "elastic_transport": "elasticsearch",
    "boto3": "boto3",
    "botocore": "boto3",
}
# The same for modules of the standard library, which all raise the builtin classes.
STANDARD_MODULES: dict[str, str] = {
    "urllib.request": "urllib",
    "urllib.error": "urllib",
    "http.client": "http.client",
    "socket": "socket",
    "smtplib": "smtplib",
    "ftplib": "ftplib",
    "imaplib": "imaplib",
}

_VERBS = ("get", "post", "put", "patch", "delete", "head", "options", "request")

# Calls and classes at the door of a library, where its errors are its own. Deeper inside, others come through:
# `urllib3.util.connection.create_connection` raises what the socket raises.
REQUESTS = frozenset(
    {
        *(f"{library}.{verb}" for library in ("requests", "requests.api", "httpx", "httpx2") for verb in _VERBS),
        "httpx.stream",
        "httpx2.stream",
        "aiohttp.request",
        "urllib3.request",
        "psycopg.connect",
        "psycopg.AsyncConnection.connect",
        "psycopg2.connect",
        "pymysql.connect",
        "redis.from_url",
        "redis.asyncio.from_url",
        "boto3.client",
        "boto3.resource",
    }
)
CLIENTS = frozenset(
    {
        "requests.Session",
        "requests.sessions.Session",
        "httpx.Client",
        "httpx.AsyncClient",
        "httpx2.Client",
        "httpx2.AsyncClient",
        "aiohttp.ClientSession",
        "aiohttp.client.ClientSession",
        "urllib3.PoolManager",
        "urllib3.ProxyManager",
        "redis.Redis",
        "redis.StrictRedis",
        "redis.RedisCluster",
        "redis.client.Redis",
        "redis.client.Pipeline",
        "redis.asyncio.Redis",
        "redis.asyncio.RedisCluster",
        "redis.asyncio.client.Redis",
        "redis.asyncio.client.Pipeline",
        "psycopg.Connection",
        "psycopg.AsyncConnection",
        "psycopg.Cursor",
        "psycopg.AsyncCursor",
        "psycopg2.extensions.connection",
        "psycopg2.extensions.cursor",
        "pymysql.connections.Connection",
        "pymongo.MongoClient",
        "pymongo.AsyncMongoClient",
        "elasticsearch.Elasticsearch",
        "elasticsearch.AsyncElasticsearch",
        "boto3.client",
        "smtplib.SMTP",
        "smtplib.SMTP_SSL",
        "ftplib.FTP",
        "imaplib.IMAP4",
        "http.client.HTTPConnection",
        "http.client.HTTPSConnection",
        "socket.socket",
    }
)

# Libraries that never let the builtin `ConnectionError` or `TimeoutError` out.
# aiohttp isn't one (its `ServerTimeoutError` is a `TimeoutError`), nor boto3 (downloads let socket errors through).
WRAP_EVERYTHING = frozenset(
    {"requests", "httpx", "httpx2", "redis", "psycopg", "psycopg2", "pymysql", "pymongo", "urllib3", "elasticsearch"}
)

# Built on one another, so that errors of the second may come out of the first.
BUILT_ON = frozenset({("requests", "urllib3"), ("boto3", "urllib3"), ("elasticsearch", "urllib3"),
                      ("urllib3", "http.client"), ("urllib", "http.client"), ("requests", "http.client"),
                      ("elasticsearch", "aiohttp"), ("elasticsearch", "requests")})  # fmt: skip

BUILTIN_NETWORK_ERRORS = frozenset(
    {
        "ConnectionError",
        "ConnectionResetError",
        "ConnectionRefusedError",
        "ConnectionAbortedError",
        "BrokenPipeError",
        "TimeoutError",
        "socket.timeout",
        "asyncio.TimeoutError",
        "asyncio.exceptions.TimeoutError",
        "concurrent.futures.TimeoutError",
    }
)

# What all errors of a library's network calls are derived from.
FAMILY_ROOTS = frozenset(
    {
        "httpx.HTTPError",
        "httpx2.HTTPError",
        "requests.RequestException",
        "requests.exceptions.RequestException",
        "aiohttp.ClientError",
    }
)

# Classes whose names sound like exceptions, and which are none.
NOT_EXCEPTIONS = frozenset(
    {
        "aiohttp.ClientTimeout",
        "aiohttp.client.ClientTimeout",
        "httpx.Timeout",
        "httpx2.Timeout",
        "urllib3.Timeout",
        "urllib3.util.Timeout",
        "urllib3.util.timeout.Timeout",
        "asyncio.Timeout",
        "asyncio.timeouts.Timeout",
        "async_timeout.Timeout",
    }
)

# What covers the network failures of a library, for a suggestion.
NETWORK_ERRORS: dict[str, tuple[str, ...]] = {
    "httpx": ("httpx.TransportError",),
    "httpx2": ("httpx2.TransportError",),
    "requests": ("requests.ConnectionError", "requests.Timeout"),
    "redis": ("redis.exceptions.ConnectionError", "redis.exceptions.TimeoutError"),
    "aiohttp": ("aiohttp.ClientConnectionError",),
    "psycopg": ("psycopg.OperationalError",),
    "psycopg2": ("psycopg2.OperationalError",),
    "pymysql": ("pymysql.err.OperationalError",),
    "pymongo": ("pymongo.errors.ConnectionFailure",),
    "urllib3": ("urllib3.exceptions.HTTPError",),
    "elasticsearch": ("elasticsearch.TransportError",),
}
