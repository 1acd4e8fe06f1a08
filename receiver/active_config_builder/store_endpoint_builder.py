"""Configuration -> the address of the store."""

from __future__ import annotations

from receiver.config import Config
from receiver.store.client.store_endpoint import Endpoint, endpoint


def store_endpoint(config: Config) -> Endpoint | None:
    """Return the address and credentials of the store of `config`; None if the service starts its own."""
    redis = config.redis
    if redis.embedded:
        return None
    return endpoint(
        redis.url.get_secret_value(),
        ca_file=redis.ca_file,
        cert_file=redis.cert_file,
        key_file=redis.key_file,
        sentinel_username=redis.sentinel_username,
        sentinel_password=redis.sentinel_password.get_secret_value(),
    )
