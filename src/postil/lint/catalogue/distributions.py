"""Which distribution an import comes from, for well-known packages; anything else is unknown.

Where the names differ they were looked up in the newest wheels on 2026-11-24, but for mysqlclient, pycairo,
python-ldap and pywin32, which have none for Linux: there in their documentation. A package that several distributions
bring (`cv2`) lists all of them. Names are normalised as PEP 503 says.
"""

from packaging.utils import canonicalize_name

DIFFERENT: dict[str, tuple[str, ...]] = {
    "Bio": ("biopython",),
    "Crypto": ("pycryptodome", "pycrypto"),
    "Cryptodome": ("pycryptodomex",),
    "IPython": ("ipython",),
    "Levenshtein": ("levenshtein", "python-levenshtein"),
    "MySQLdb": ("mysqlclient",),
    "OpenSSL": ("pyopenssl",),
    "PIL": ("pillow", "pillow-simd"),
    "Xlib": ("python-xlib",),
    "attr": ("attrs",),
    "barcode": ("python-barcode",),
    "bs4": ("beautifulsoup4", "bs4"),
    "bson": ("pymongo", "bson"),
    "cairo": ("pycairo",),
    "consul": ("python-consul", "python-consul2"),
    "corsheaders": ("django-cors-headers",),
    "cv2": (
        "opencv-python",
        "opencv-python-headless",
        "opencv-contrib-python",
        "opencv-contrib-python-headless",
    ),
    "dateutil": ("python-dateutil",),
    "decouple": ("python-decouple",),
    "dns": ("dnspython",),
    "docx": ("python-docx",),
    "dotenv": ("python-dotenv",),
    "engineio": ("python-engineio",),
    "faiss": ("faiss-cpu", "faiss-gpu", "faiss-gpu-cu12"),
    "fitz": ("pymupdf",),
    "git": ("gitpython",),
    "github": ("pygithub",),
    "gitlab": ("python-gitlab",),
    "gridfs": ("pymongo",),
    "grpc": ("grpcio",),
    "grpc_health": ("grpcio-health-checking",),
    "grpc_reflection": ("grpcio-reflection",),
    "grpc_status": ("grpcio-status",),
    "grpc_tools": ("grpcio-tools",),
    "jose": ("python-jose",),
    "jwt": ("pyjwt",),
    "kafka": ("kafka-python", "kafka-python-ng"),
    "ldap": ("python-ldap",),
    "magic": ("python-magic", "python-magic-bin"),
    "memcache": ("python-memcached",),
    "nacl": ("pynacl",),
    "onnxruntime": ("onnxruntime", "onnxruntime-gpu"),
    "pkg_resources": ("setuptools",),
    "pptx": ("python-pptx",),
    "psycopg2": ("psycopg2", "psycopg2-binary"),
    "pymupdf": ("pymupdf",),
    "pythonjsonlogger": ("python-json-logger",),
    "pytz": ("pytz",),
    "rest_framework": ("djangorestframework",),
    "serial": ("pyserial",),
    "skimage": ("scikit-image",),
    "sklearn": ("scikit-learn",),
    "slugify": ("python-slugify", "unicode-slugify"),
    "socketio": ("python-socketio",),
    "telegram": ("python-telegram-bot",),
    "tensorflow": ("tensorflow", "tensorflow-cpu", "tensorflow-gpu", "tensorflow-macos", "tf-nightly"),
    "usb": ("pyusb",),
    "websocket": ("websocket-client",),
    "win32api": ("pywin32",),
    "yaml": ("pyyaml",),
    "zmq": ("pyzmq",),
}

_SAME = """
aioboto3 aiobotocore aiofiles aiohttp aiokafka aiomysql aioredis aiosqlite alembic altair anthropic anyio
apscheduler arq arrow asgiref asyncpg authlib bcrypt billiard black bokeh boto3 botocore cachetools celery certifi
chardet click confluent_kafka cryptography cycler dash datasets dbos diskcache django docker dramatiq duckdb
elasticsearch email_validator faker fakeredis falcon fastapi fastmcp feedparser flask flask_cors flask_sqlalchemy
freezegun fsspec gensim gevent gradio greenlet gunicorn h11 h2 html5lib httpcore httpx huey humanize hvac hypothesis
instructor itsdangerous jinja2 joblib jsonschema keras kombu langchain langchain_core langchain_openai langgraph
libcst litellm litestar locust loguru lxml mako markdown markupsafe matplotlib minio mlflow more_itertools moto
msgpack networkx nltk nox numpy openai openpyxl orjson packaging pandas paramiko passlib peewee pendulum pika
platformdirs playwright plotly pluggy polars prefect prometheus_client psutil psycopg psycopg_pool pyarrow pydantic
pydantic_settings pygments pymongo pymysql pypdf pytest qdrant_client quart ray redis reportlab requests respx rich
rq s3fs sanic scipy scrapy seaborn selenium sentence_transformers sentry_sdk simplejson slack_sdk spacy sqlalchemy
sqlmodel starlette stripe structlog sympy tabulate taskiq tenacity textual tiktoken tokenizers toml tomli tomli_w
tomlkit torch torchvision tornado tqdm transformers trio twilio typer typing_extensions tzlocal ujson urllib3
uvicorn uvloop weasyprint websockets werkzeug xgboost xlsxwriter
"""
SAME = frozenset(_SAME.split())
"""Imports that are called like their distribution (once normalised)."""

PART_OF: dict[str, tuple[str, ...]] = {
    "bson": ("motor",),
    "botocore": ("boto3", "aiobotocore", "aioboto3"),
    "jinja2": ("flask",),
    "kombu": ("celery",),
    "markupsafe": ("flask", "jinja2"),
    "pydantic": ("fastapi", "pydantic-settings", "sqlmodel"),
    "pymongo": ("motor",),
    "sqlalchemy": ("sqlmodel", "flask-sqlalchemy"),
    "starlette": ("fastapi",),
    "typing_extensions": ("pydantic", "pydantic-settings", "fastapi", "sqlalchemy"),
    "werkzeug": ("flask",),
}
"""Imports that the documentation of one of these distributions tells its users to write."""

BROUGHT: dict[str, tuple[str, ...]] = {
    "anyio": ("httpx", "starlette", "fastapi"),
    "dateutil": ("pandas", "botocore", "boto3"),
    "httpcore": ("httpx",),
    "numpy": ("pandas", "scipy", "scikit-learn", "matplotlib", "xgboost", "transformers", "opencv-python"),
    "pydantic": ("openai", "anthropic"),
    "sqlalchemy": ("alembic",),
    "urllib3": ("requests", "botocore", "boto3"),
}
"""Imports that work without being declared, since one of these distributions needs them for itself."""

BY_EXTRA: dict[tuple[str, str], tuple[str, ...]] = {
    ("celery", "redis"): ("redis",),
    ("dramatiq", "redis"): ("redis",),
    ("fastapi", "standard"): (
        "email-validator",
        "httpx",
        "jinja2",
        "pydantic-extra-types",
        "pydantic-settings",
        "python-multipart",
        "uvicorn",
    ),
    ("passlib", "bcrypt"): ("bcrypt",),
    ("psycopg", "pool"): ("psycopg-pool",),
    ("pydantic", "email"): ("email-validator",),
    ("pyjwt", "crypto"): ("cryptography",),
    ("python-jose", "cryptography"): ("cryptography",),
    ("redis", "hiredis"): ("hiredis",),
    ("uvicorn", "standard"): ("httptools", "python-dotenv", "pyyaml", "uvloop", "watchfiles", "websockets"),
}
"""What is asked for by asking for an extra: read from the newest wheels on 2026-11-26."""


def candidates(module: str) -> tuple[str, ...]:
    """The normalised names of the distributions that bring a top-level module; none when it isn't well known."""
    if module in DIFFERENT:
        return DIFFERENT[module]
    return (canonicalize_name(module),) if module in SAME else ()
