"""Checks of the section `redis`: its files, before anything connects, and its warnings."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path as FilePath
from typing import Any

from receiver.config.config_errors import Problem
from receiver.config.loader.config_draft import Draft
from receiver.config.yaml.yaml_document import Document
from receiver.model.store_address import StoreKind

FILES = ("ca_file", "cert_file", "key_file")


def read_store_files(value: Any, document: Document, base: FilePath) -> list[Problem]:
    """Make the files that `value`, the section `redis`, names relative to `base`; return the problems with them."""
    if not isinstance(value, dict):
        return []
    problems: list[Problem] = []
    for name in FILES:
        if isinstance(value.get(name), str) and value[name]:
            value[name] = str(base / value[name])
            problems += _unreadable(name, value[name], document)
    return problems or list(_unfit(value, document))


def _unreadable(name: str, path: str, document: Document) -> Iterator[Problem]:
    try:
        FilePath(path).read_bytes()
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or "not a path"
        yield document.problem(("redis", name), f"the file cannot be read: {said}", "check path and permissions")


def _unfit(value: dict[str, Any], document: Document) -> Iterator[Problem]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ca, certificate, key = (value.get(name) if isinstance(value.get(name), str) else None for name in FILES)
    if ca:
        try:
            context.load_verify_locations(ca)
        except ssl.SSLError:
            yield document.problem(("redis", "ca_file"), "the file has no certificate", "write certificates in PEM")
    if certificate:
        try:
            context.load_cert_chain(certificate, key or None, password="")
        except ssl.SSLError:
            hint = "write the certificate and its key in PEM, the key without a password"
            message = "the file has no certificate with its matching key"
            yield document.problem(("redis", "cert_file"), message, hint)


def store_notes(draft: Draft) -> Iterator[Problem]:
    """Yield warnings: settings that are unwise or have no effect."""
    redis, document = draft.sections.redis, draft.document
    if redis.exposed:
        hint = "use rediss://, or a network that no one else can reach"
        message = "an unencrypted connection to a store that is not on the loopback address"
        yield document.problem(("redis", "url"), message, hint)
    for name in FILES:
        if getattr(redis, name) and not (redis.address and redis.address.tls):
            yield document.problem(("redis", name), "not used: the address does not use TLS", "write rediss://")
    if redis.address and redis.address.kind in (StoreKind.SENTINEL, StoreKind.CLUSTER) and not redis.replicas:
        message = "a failover loses writes that the new primary has not yet received"
        yield document.problem(("redis", "replicas"), message, "write replicas: 1")
