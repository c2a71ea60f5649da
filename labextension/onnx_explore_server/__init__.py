"""The Jupyter server extension: Netron and models' bytes below the server's own address and login.

A package of its own, because the server imports it when it starts: ``onnx_explore`` would bring PyTorch into it.
"""

from __future__ import annotations

from typing import Any

from onnx_explore_server.handlers import handlers

__all__ = ["load_jupyter_server_extension"]


def _jupyter_server_extension_points() -> list[dict[str, str]]:  # pyright: ignore[reportUnusedFunction]
    return [{"module": "onnx_explore_server"}]


def _load_jupyter_server_extension(server: Any) -> None:
    """Called by the Jupyter server as it starts."""
    server.web_app.add_handlers(".*$", handlers(server.web_app.settings["base_url"]))


load_jupyter_server_extension = _load_jupyter_server_extension
