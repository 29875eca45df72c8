"""The compile cache: packages without weights, named by the hash of what made them."""

import hashlib
import os
from functools import cache as once
from pathlib import Path

#: Bytes that the cache may hold; the least recently used entries go first.
SIZE_LIMIT = int(os.environ.get("PLAIT_CACHE_BYTES", 2**30))


def folder() -> Path:
    """Where the cache is: ``PLAIT_CACHE``, else the user's cache folder."""
    if override := os.environ.get("PLAIT_CACHE"):
        return Path(override)
    import platformdirs

    return Path(platformdirs.user_cache_dir("plait"))


@once
def store():
    """The open cache: atomic writes, safe under several processes, bounded."""
    import diskcache

    return diskcache.Cache(folder(), size_limit=SIZE_LIMIT, eviction_policy="least-recently-used")


def key(*parts: bytes | str) -> str:
    """The hash of everything that decides a result."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()


@once
def tools_digest() -> str:
    """The hash of the compiler itself: of the tool that holds everything."""
    from plait.tools import tool_path

    return key(tool_path("plait-translate").read_bytes())
