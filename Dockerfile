# syntax=docker/dockerfile:1
FROM docker.io/library/python:3.13-slim-bookworm AS build
# For a network with its own package index or its own certificates: --build-arg NAME=VALUE.
ARG PIP_INDEX_URL
ARG UV_DEFAULT_INDEX
ARG SSL_CERT_FILE
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_NO_CACHE=1 UV_PYTHON_DOWNLOADS=never
RUN python -m pip install --no-cache-dir --root-user-action=ignore "uv>=0.13,<0.14"
WORKDIR /app
COPY pyproject.toml uv.lock README.md LICENSE app.yml ./
# The dependencies first, so that a change of the source doesn't bring them anew.
RUN uv sync --frozen --no-dev --extra otel --no-install-project
COPY src ./src
COPY rules ./rules
COPY docs ./docs
RUN uv sync --frozen --no-dev --extra otel && .venv/bin/python -m compileall -q src

FROM docker.io/library/python:3.13-slim-bookworm
# git fetches what is too large for GitHub's API.
RUN apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends git ca-certificates \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --uid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin postil \
    && install --directory --owner=postil --group=postil --mode=0700 /data
COPY --from=build /app /app
# Nothing but /data is written, so the root may be read-only.
ENV PATH=/app/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    POSTIL_LISTEN=0.0.0.0:8000 \
    POSTIL_DATABASE_URL=sqlite:////data/postil.db
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health', timeout=4)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["postil"]
CMD ["serve"]
