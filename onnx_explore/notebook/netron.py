"""Netron in an output cell, through the Jupyter server that the page comes from: ``NetronFrame("model.onnx")``.

The kernel knows neither the server's address nor the folder that it serves, and need not: the browser asks the page's own
server for the file, and the server says whether it lies in its folder. The routes are in ``onnx_explore_server``.
"""

from __future__ import annotations

import os
from pathlib import Path

import anywidget
import traitlets

from onnx_explore.errors import InvalidArgument

_ESM = """
function render({ model, el }) {
  const config = document.getElementById("jupyter-config-data");
  const base = config ? JSON.parse(config.textContent).baseUrl : undefined;
  if (base === undefined) {
    el.textContent = "Netron needs a Jupyter server: JupyterLab or Notebook 7.";
    return;
  }
  const root = new URL(base, location.href).pathname.replace(/\\/?$/, "/");
  const file = model.get("file");
  const name = file.split("/").at(-1);
  const address = `${root}onnx-explore/model/${encodeURIComponent(name)}?file=${encodeURIComponent(file)}`;
  const frame = document.createElement("iframe");
  const query = new URLSearchParams({ url: address, identifier: name });
  frame.src = `${root}onnx-explore/netron/index.html?${query}`;
  frame.title = `Netron: ${name}`;
  frame.style.cssText = `width: 100%; height: ${model.get("height")}px; border: 1px solid var(--jp-border-color1, #ccc)`;
  frame.setAttribute("sandbox", "allow-scripts allow-same-origin allow-downloads");
  el.append(frame);
  return () => frame.remove();
}
export default { render };
"""


class NetronFrame(anywidget.AnyWidget):
    """A model in Netron, inside the notebook.

    Args:
        path: An ``.onnx`` file below the folder that the Jupyter server serves.
        height: Pixels.

    Raises:
        InvalidArgument: If there is no such file.
    """

    _esm = traitlets.Unicode(_ESM).tag(sync=True)
    file = traitlets.Unicode().tag(sync=True)
    height = traitlets.Int(600).tag(sync=True)

    def __init__(self, path: str | os.PathLike[str], height: int = 600) -> None:
        file = Path(path).expanduser()
        if not file.is_file():
            raise InvalidArgument(
                f"there is no file {os.fspath(path)!r}", argument="path", action="export with -o first"
            )
        super().__init__(file=file.resolve().as_posix(), height=height)
