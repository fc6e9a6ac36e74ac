"""What retries wait for, and what no further attempt can mend.

Read in the sources of urllib3 2.8.0, requests 2.34.2, httpx 0.28.1, httpx2 2.16.2, aiohttp 3.14.5, pydantic 2.13 and
SQLAlchemy 2.1.9. urllib3's `Retry` has no pause unless `backoff_factor` is given, and never one before its first retry.
"""

RETRY_OF_URLLIB3 = frozenset({"urllib3.Retry", "urllib3.util.Retry", "urllib3.util.retry.Retry"})

# Raised for 400 to 499 as for 500 to 599.
STATUS_ERRORS = frozenset(
    {
        "httpx.HTTPStatusError",
        "httpx.HTTPError",
        "httpx2.HTTPStatusError",
        "httpx2.HTTPError",
        "requests.HTTPError",
        "requests.RequestException",
        "requests.exceptions.HTTPError",
        "requests.exceptions.RequestException",
        "aiohttp.ClientResponseError",
        "aiohttp.ClientError",
        "aiohttp.client_exceptions.ClientResponseError",
        "aiohttp.client_exceptions.ClientError",
    }
)

# The same call with the same arguments raises these again.
PERMANENT = frozenset(
    {
        "ValueError",
        "TypeError",
        "KeyError",
        "IndexError",
        "AttributeError",
        "AssertionError",
        "NotImplementedError",
        "PermissionError",
        "pydantic.ValidationError",
        "fastapi.exceptions.RequestValidationError",
        "sqlalchemy.exc.IntegrityError",
    }
)
