"""Calls that hold their thread until something outside answers, or time has passed.

Names and behaviour were checked against Python 3.11, requests 2.34.2, httpx 0.28.1 and httpx2 2.16.2 (the same names),
urllib3 2.8.0, redis 8.1.0, psycopg 3.3.9, psycopg2 2.9.13, PyMySQL 1.2.4, pymongo 4.20.1, boto3 1.44.8. Calls that only
make an object, such as a client or a pipeline, are left out.
"""

_VERBS = ("get", "post", "put", "patch", "delete", "head", "options", "request")
_HTTPX = ("httpx", "httpx2")
_SPAWNS = ("spawnl", "spawnle", "spawnlp", "spawnlpe", "spawnv", "spawnve", "spawnvp", "spawnvpe")

BLOCKING_CALLS = frozenset(
    {
        "time.sleep",
        "input",
        *(f"requests.{verb}" for verb in _VERBS),
        *(f"requests.api.{verb}" for verb in _VERBS),
        *(f"{library}.{verb}" for library in _HTTPX for verb in (*_VERBS, "stream")),
        "urllib.request.urlopen",
        "urllib.request.urlretrieve",
        "urllib3.request",
        *(f"subprocess.{name}" for name in ("run", "call", "check_call", "check_output", "getoutput")),
        "subprocess.getstatusoutput",
        *(f"os.{name}" for name in ("system", "popen", "wait", "waitpid", "waitid", "wait3", "wait4")),
        *(f"os.{name}" for name in _SPAWNS),
        "socket.create_connection",
        "socket.getaddrinfo",
        "socket.gethostbyname",
        "socket.gethostbyname_ex",
        "socket.gethostbyaddr",
        "socket.getnameinfo",
        "socket.getfqdn",
        "smtplib.SMTP",
        "smtplib.SMTP_SSL",
        "smtplib.LMTP",
        "ftplib.FTP",
        "ftplib.FTP_TLS",
        "imaplib.IMAP4",
        "imaplib.IMAP4_SSL",
        "psycopg.connect",
        "psycopg.Connection.connect",
        "psycopg2.connect",
        "pymysql.connect",
        "sqlite3.connect",
    }
)

# These connect only where they are given a host.
CONNECT_IF_HOST = frozenset({"smtplib.SMTP", "smtplib.SMTP_SSL", "smtplib.LMTP", "ftplib.FTP", "ftplib.FTP_TLS"})

# `os.spawn*` waits for the child with this mode only.
SPAWNS = frozenset(f"os.{name}" for name in _SPAWNS)

_SMTP = frozenset(
    {"connect", "ehlo", "helo", "login", "noop", "quit", "rcpt", "send_message", "sendmail", "starttls", "verify"}
)
_FTP = frozenset(
    {"connect", "cwd", "delete", "dir", "login", "mkd", "mlsd", "nlst", "quit", "rename", "retrbinary", "retrlines",
     "rmd", "sendcmd", "size", "storbinary", "storlines", "voidcmd"}
)  # fmt: skip
_IMAP = frozenset(
    {"append", "copy", "create", "delete", "expunge", "fetch", "list", "login", "logout", "noop", "search", "select",
     "starttls", "status", "store", "uid"}
)  # fmt: skip
_CURSOR = frozenset({"execute", "executemany"})

_QUEUES: dict[str, frozenset[str]] = {
    **dict.fromkeys(("queue.Queue", "queue.LifoQueue", "queue.PriorityQueue"), frozenset({"get", "put", "join"})),
    "queue.SimpleQueue": frozenset({"get"}),
    **dict.fromkeys(("multiprocessing.Queue", "multiprocessing.SimpleQueue"), frozenset({"get"})),
    "multiprocessing.JoinableQueue": frozenset({"get", "join"}),
}
QUEUES = frozenset(_QUEUES)

# class → its methods that block
BLOCKING_METHODS: dict[str, frozenset[str]] = {
    **dict.fromkeys(("requests.Session", "requests.sessions.Session"), frozenset({*_VERBS, "send"})),
    **{f"{library}.Client": frozenset({*_VERBS, "send", "stream"}) for library in _HTTPX},
    **dict.fromkeys(("urllib3.PoolManager", "urllib3.ProxyManager"), frozenset({"request", "urlopen"})),
    **dict.fromkeys(("urllib3.HTTPConnectionPool", "urllib3.HTTPSConnectionPool"), frozenset({"request", "urlopen"})),
    **dict.fromkeys(
        ("http.client.HTTPConnection", "http.client.HTTPSConnection"),
        frozenset({"connect", "request", "getresponse", "endheaders"}),
    ),
    **dict.fromkeys(("smtplib.SMTP", "smtplib.SMTP_SSL", "smtplib.LMTP"), _SMTP),
    **dict.fromkeys(("ftplib.FTP", "ftplib.FTP_TLS"), _FTP),
    **dict.fromkeys(("imaplib.IMAP4", "imaplib.IMAP4_SSL"), _IMAP),
    "subprocess.Popen": frozenset({"wait", "communicate"}),
    "psycopg.Connection": frozenset({"commit", "rollback", "execute"}),
    "psycopg.Cursor": _CURSOR,
    "psycopg2.extensions.connection": frozenset({"commit", "rollback"}),
    "psycopg2.extensions.cursor": _CURSOR | {"callproc", "copy_expert", "copy_from", "copy_to"},
    **dict.fromkeys(
        ("pymysql.connections.Connection", "pymysql.Connection"), frozenset({"commit", "rollback", "ping"})
    ),
    **dict.fromkeys(("pymysql.cursors.Cursor", "pymysql.cursors.DictCursor"), _CURSOR | {"callproc"}),
    "sqlite3.Connection": _CURSOR | {"commit", "executescript", "rollback"},
    "sqlite3.Cursor": _CURSOR | {"executescript"},
    "redis.client.Pipeline": frozenset({"execute"}),
    "redis.client.PubSub": frozenset({"get_message", "subscribe", "unsubscribe"}),
    **_QUEUES,
    "threading.Event": frozenset({"wait"}),
    "threading.Barrier": frozenset({"wait"}),
    "threading.Condition": frozenset({"wait", "wait_for"}),
    **dict.fromkeys(("threading.Thread", "multiprocessing.Process"), frozenset({"join"})),
    "concurrent.futures.Future": frozenset({"result", "exception"}),
}

# class → its methods that don't block; every other one asks the server
NOT_BLOCKING_METHODS: dict[str, frozenset[str]] = {
    **dict.fromkeys(
        ("redis.Redis", "redis.StrictRedis", "redis.client.Redis", "redis.cluster.RedisCluster", "redis.RedisCluster"),
        frozenset(
            {"bf", "cf", "client", "close", "cluster", "cms", "from_pool", "from_url", "ft", "get_cache",
             "get_connection_kwargs", "get_encoder", "get_retry", "hscan_iter", "json", "lock",
             "load_external_module", "monitor", "parse_response", "pipeline", "pubsub", "register_script",
             "scan_iter", "sentinel", "set_response_callback", "set_retry", "sscan_iter", "tdigest", "topk",
             "transaction", "ts", "vset", "zscan_iter"}
        ),
    ),
    "boto3.client": frozenset(
        {"can_paginate", "close", "generate_presigned_post", "generate_presigned_url", "get_paginator", "get_waiter"}
    ),
}  # fmt: skip

# What asks the server on a client, database or collection of pymongo's; `find` only makes a cursor.
MONGO_CLASSES = frozenset(
    {"pymongo.MongoClient", "pymongo.mongo_client.MongoClient", "pymongo.database.Database",
     "pymongo.collection.Collection"}
)  # fmt: skip
MONGO_METHODS = frozenset(
    {"aggregate", "bulk_write", "command", "count_documents", "create_collection", "create_index", "create_indexes",
     "delete_many", "delete_one", "distinct", "drop", "drop_collection", "drop_database", "drop_index",
     "estimated_document_count", "find_one", "find_one_and_delete", "find_one_and_replace", "find_one_and_update",
     "insert_many", "insert_one", "list_collection_names", "list_database_names", "rename", "replace_one",
     "server_info", "update_many", "update_one"}
)  # fmt: skip

# A thread of its own would break these: the connection belongs to the thread that made it.
BOUND_TO_THEIR_THREAD = ("sqlite3.",)
