"""What a posted form says."""

from urllib.parse import parse_qsl

from fastapi import Request

LARGEST_FORM = 16 * 1024


async def fields(request: Request) -> list[tuple[str, str]]:
    """The fields of a posted form, in their order; none where it is larger than any of ours."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_FORM:
            return []
    return parse_qsl(body.decode("utf-8", "replace"))
