"""What a service asks over the network: clients of databases, caches, brokers and other services.

Names were read in the libraries' own documentation; nothing depends on a version.
"""

# First part of the dotted name of a client's class or of a function that makes a request.
OUTSIDE_LIBRARIES = frozenset(
    {
        "aiohttp",
        "aiokafka",
        "aiomysql",
        "aiopg",
        "aioredis",
        "asyncpg",
        "boto3",
        "botocore",
        "cassandra",
        "elasticsearch",
        "httpx",
        "httpx2",
        "kafka",
        "motor",
        "MySQLdb",
        "neo4j",
        "opensearchpy",
        "pika",
        "psycopg",
        "psycopg2",
        "pymemcache",
        "pymongo",
        "pymysql",
        "redis",
        "requests",
        "sqlalchemy",
        "sqlmodel",
        "urllib3",
        "valkey",
    }
)

# Functions that make one request, of libraries that also have much else.
OUTSIDE_FUNCTIONS = frozenset({"urllib.request.urlopen", "socket.create_connection"})

# What is sent to a database, a cache or a peer, and returns when that has answered.
OUTSIDE_METHODS = frozenset(
    {
        "ping",
        "execute",
        "exec_driver_sql",
        "connect",
        "scalar",
        "scalars",
        "fetch",
        "fetchval",
        "fetchrow",
        "fetch_one",
        "fetch_all",
        "admin_command",
        "command",
        "server_info",
        "get",
        "post",
        "head",
        "request",
        "query",
    }
)
