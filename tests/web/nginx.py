"""A real nginx in front of the service, which serves it below a path and strips that path."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from tests.faults.programs import free_port
from tests.faults.waiting import until

CONFIG = """
daemon off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port};
{location}
  }}
}}
"""


@asynccontextmanager
async def nginx(folder: Path, location: str) -> AsyncIterator[str]:
    """Yield the address of an nginx whose server has `location`; stop it afterwards by its pid."""
    found = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    assert found is not None, "nginx is missing: `make tools` installs it (Debian's nginx-light)"
    folder.mkdir()  # noqa: ASYNC240
    port = free_port()
    file = folder / "nginx.conf"
    file.write_text(CONFIG.format(folder=folder, port=port, location=location), "utf-8")
    process = subprocess.Popen([found, "-p", str(folder), "-c", str(file), "-e", f"{folder}/error.log"])  # noqa: ASYNC220
    try:
        url = f"http://127.0.0.1:{port}"

        async def answers() -> bool:
            assert process.poll() is None, (folder / "error.log").read_text()
            try:
                async with aiohttp.ClientSession() as client, client.get(url) as answer:
                    return answer.status > 0
            except aiohttp.ClientError:
                return False

        await until(answers, "nginx answers")
        yield url
    finally:
        process.terminate()
        process.wait(10)
