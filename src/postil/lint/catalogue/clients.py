"""Clients that hold connections: what makes them, what closes them, and which of them wait without limit by default.

Tried with httpx 0.28.1, httpx2 2.16.2, requests 2.34.2, aiohttp 3.14.5, redis 8.1.0, 8.0.1 and 7.1.0, pymongo 4.20.1,
motor 3.7.1, SQLAlchemy 2.1.9, boto3 1.44.8, openai 3.57.0, elasticsearch 9.5.1, ldap3 2.9.1 and urllib3 2.8.0.
"""

_HTTPX = ("httpx", "httpx2")

# What makes a client with a pool of its own → what it is called in a sentence.
POOLED_CLIENTS: dict[str, str] = {
    **{f"{library}.{kind}": "connection pool" for library in _HTTPX for kind in ("Client", "AsyncClient")},
    "requests.Session": "connection pool",
    "requests.session": "connection pool",
    "aiohttp.ClientSession": "connection pool",
    "urllib3.PoolManager": "connection pool",
    "redis.Redis": "connection pool",
    "redis.StrictRedis": "connection pool",
    "redis.from_url": "connection pool",
    "redis.Redis.from_url": "connection pool",
    "redis.asyncio.Redis": "connection pool",
    "redis.asyncio.from_url": "connection pool",
    "redis.asyncio.Redis.from_url": "connection pool",
    "sqlalchemy.create_engine": "connection pool",
    "sqlalchemy.ext.asyncio.create_async_engine": "connection pool",
    "pymongo.MongoClient": "connection pool",
    "pymongo.AsyncMongoClient": "connection pool",
    "motor.motor_asyncio.AsyncIOMotorClient": "connection pool",
    "boto3.client": "connection pool",
    "boto3.resource": "connection pool",
    "openai.OpenAI": "connection pool",
    "openai.AsyncOpenAI": "connection pool",
    "elasticsearch.Elasticsearch": "connection pool",
    "elasticsearch.AsyncElasticsearch": "connection pool",
}

# Of these only the asynchronous ones complain when nobody closes them, or the service holds connections at its end.
CLOSED_BY: dict[str, str] = {
    **{f"{library}.Client": "close" for library in _HTTPX},
    **{f"{library}.AsyncClient": "aclose" for library in _HTTPX},
    "aiohttp.ClientSession": "close",
    "redis.asyncio.Redis": "aclose",
    "redis.asyncio.from_url": "aclose",
    "sqlalchemy.ext.asyncio.create_async_engine": "dispose",
    "pymongo.AsyncMongoClient": "close",
    "elasticsearch.AsyncElasticsearch": "close",
}

# client → the options of which one limits how long an answer may take.
# Left out, because they have limits: elasticsearch and opensearch-py (10 s), cassandra-driver (10 s), the ClickHouse
# clients (300 s), boto3 (60 s), openai (600 s).
UNLIMITED_CLIENTS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(
        ("pymongo.MongoClient", "pymongo.AsyncMongoClient", "motor.motor_asyncio.AsyncIOMotorClient"),
        ("timeoutMS", "socketTimeoutMS"),
    ),
    "ldap3.Connection": ("receive_timeout",),
}
# The same for redis, up to version 7; from version 8 on (8.0.1 and 8.1.0 were tried) its limit is 5 s.
REDIS_CLIENTS = frozenset(
    {
        "redis.Redis",
        "redis.StrictRedis",
        "redis.from_url",
        "redis.Redis.from_url",
        "redis.asyncio.Redis",
        "redis.asyncio.from_url",
        "redis.asyncio.Redis.from_url",
    }
)
REDIS_LIMITED_SINCE = "8"

ENGINES = frozenset({"sqlalchemy.create_engine", "sqlalchemy.ext.asyncio.create_async_engine"})

# call → option → the value that takes the limit away
WITHOUT_LIMIT: dict[str, dict[str, str]] = {
    "aiohttp.TCPConnector": {"limit": "0"},
    **{f"{library}.Limits": {"max_connections": "None"} for library in _HTTPX},
    **{engine: {"max_overflow": "-1", "pool_size": "0"} for engine in ENGINES},
    "sqlalchemy.pool.QueuePool": {"max_overflow": "-1", "pool_size": "0"},
    **{client: {"max_connections": "None"} for client in REDIS_CLIENTS},
}
