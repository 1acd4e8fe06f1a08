# syntax=docker/dockerfile:1
# The service, for the user's own store:
#   docker run -p 8080:8080 -e REDIS_URL=rediss://... -e ALERTMANAGER_TOKEN=... \
#     -v ./receiver.yaml:/etc/receiver/receiver.yaml:ro \
#     receiver serve --config /etc/receiver/receiver.yaml --listen 0.0.0.0:8080
# It listens beyond the loopback, so it does not start without a token in that file's `auth.tokens`. Its root may be
# read-only (`--read-only --tmpfs /tmp`), all capabilities can be dropped (`--cap-drop ALL`), and nothing needs a shell.
# The base is pinned by tag and by the digest of its index for all architectures: move both together.

FROM python:3.11.14-slim-bookworm@sha256:65a93d69fa75478d554f4ad27c85c1e69fa184956261b4301ebaf6dbb0a3543d AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
RUN python -m venv --without-pip /opt/receiver
COPY requirements.lock requirements-build.lock ./
RUN pip --python /opt/receiver/bin/python install --require-hashes --requirement requirements.lock \
    && pip install --require-hashes --requirement requirements-build.lock
COPY pyproject.toml README.md LICENSE ./
COPY receiver receiver
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
    && pip --python /opt/receiver/bin/python install --no-deps --no-index /wheels/*.whl

FROM python:3.11.14-slim-bookworm@sha256:65a93d69fa75478d554f4ad27c85c1e69fa184956261b4301ebaf6dbb0a3543d
LABEL org.opencontainers.image.title="receiver" \
      org.opencontainers.image.description="From an Alertmanager webhook to a reviewed incident" \
      org.opencontainers.image.licenses="MIT"
COPY --from=build /opt/receiver /opt/receiver
RUN install -d -m 0700 -o 65532 -g 65532 /var/lib/receiver
# In a container the store is the user's own server, because the files of a container are lost with it. For a trial on one
# machine, REDIS_URL=embedded with a volume on /var/lib/receiver selects the embedded store.
ENV PATH=/opt/receiver/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    REDIS_URL=redis://redis:6379/0 \
    RECEIVER_DATA_DIR=/var/lib/receiver
WORKDIR /var/lib/receiver
USER 65532:65532
EXPOSE 8080
# Process 1 is the service itself, so that SIGTERM reaches it. Kubernetes uses its own probes instead.
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/healthz', timeout=2)"]
ENTRYPOINT ["receiver"]
CMD ["serve", "--listen", "0.0.0.0:8080"]
