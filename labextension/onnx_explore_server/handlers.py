"""``{base_url}onnx-explore/netron/…``: Netron's own files; ``{base_url}onnx-explore/model/…``: a model, through the contents
manager, so that it works wherever notebooks come from. Every handler asks for the login.
"""

from __future__ import annotations

import base64
import importlib.util
import mimetypes
import re
import time
from pathlib import Path
from typing import Any

from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import ensure_async, url_path_join
from tornado import web

POLICY = "; ".join(
    [
        "default-src 'self'",
        "script-src 'self'",
        "worker-src 'self' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "connect-src 'self' data: blob:",
        "frame-ancestors 'self'",
    ]
)
_SERVED = frozenset({".html", ".js", ".css", ".png", ".ico", ".json"})


def handlers(base_url: str) -> list[tuple[str, type[JupyterHandler]]]:
    """The routes, below a base address."""
    return [
        (url_path_join(base_url, "onnx-explore", "netron", "(.*)"), NetronHandler),
        (url_path_join(base_url, "onnx-explore", "model", "(.*)"), ModelHandler),
    ]


class _OwnPolicy(JupyterHandler):
    @property
    def content_security_policy(self) -> str:
        return POLICY


class NetronHandler(_OwnPolicy):
    """Netron's page and scripts, as the package ``netron`` ships them."""

    @web.authenticated
    def get(self, path: str) -> None:
        """One file."""
        root = netron_folder()
        if root is None:
            raise web.HTTPError(404, "the package netron is not installed")
        file = (root / (path or "index.html")).resolve()
        if root not in file.parents or file.suffix not in _SERVED or not file.is_file():
            raise web.HTTPError(404)
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        self.set_header("Content-Type", "text/javascript" if file.suffix == ".js" else kind)
        self.set_header("X-Content-Type-Options", "nosniff")
        if file.name == "index.html":
            # It asks no visitor about telemetry, and sends none: see `quiet`.
            self.set_cookie("consent", str(int(time.time() * 1000)), path=url_path_join(self.base_url, "onnx-explore"))
            self.finish(quiet(file.read_text(encoding="utf-8")))
            return
        self.set_header("Cache-Control", "private, max-age=86400")
        self.finish(file.read_bytes())


class ModelHandler(_OwnPolicy):
    """The bytes of a model: by its path, or (for a kernel, which knows no other) by the file's place on disk, ``?file=…``."""

    @web.authenticated
    async def get(self, path: str) -> None:
        """One file, as the contents manager has it."""
        manager: Any = self.contents_manager
        file = self.get_query_argument("file", "")
        served = served_path(file, getattr(manager, "root_dir", None)) if file else path.strip("/")
        if served is None:
            raise web.HTTPError(404, "the file lies outside of the folder that this server serves")
        model: Any = await ensure_async(manager.get(served, type="file", format="base64", content=True))
        self.set_header("Content-Type", "application/octet-stream")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Content-Disposition", "attachment")
        self.finish(base64.b64decode(model["content"]))


def served_path(file: str, root: str | None) -> str | None:
    """Path of a file below the folder that is served; None if it lies outside."""
    if not root:
        return None
    folder, absolute = Path(root).resolve(), Path(file).resolve()
    return absolute.relative_to(folder).as_posix() if folder in absolute.parents else None


def netron_folder() -> Path | None:
    """Where the package ``netron`` lies; it is not imported."""
    found = importlib.util.find_spec("netron")
    return Path(found.origin).parent.resolve() if found is not None and found.origin is not None else None


def quiet(page: str) -> str:
    """Netron's page as its developers run it: without telemetry, and without the demand to update after half a year."""
    page = re.sub(r'(<meta name="version" content=)"[^"]*"', r'\1"0.0.0"', page)
    return re.sub(r'\s*<meta name="date" content="[^"]*">', "", page)
