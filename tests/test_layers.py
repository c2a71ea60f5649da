"""The architecture as a test: imports go down the layers only, and what is private to a layer stays there."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator, Sequence
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "onnx_explore"

LAYERS = (
    {"errors", "recording", "dtypes", "options", "axes", "relations"},
    {"torch_ir"},
    {"capture", "emit"},
    {"symbolic"},
    {"lowering", "passes", "writing"},
    {"compat", "check"},
    {
        "flow",
        "arguments",
        "exported",
        "export",
        "mismatch",
        "verified",
        "unconvertible",
        "pretty",
        "modes",
        "migration",
        "auditing",
    },
    {"explore"},
    {"notebook", "server", "demo"},
    {"__main__"},
)
"""From the bottom up: a module imports from its own layer and from those before it."""

FACADES = {"__init__", "utils", "verification", "symbolic_helper"}
"""Modules at the top of the package that only pass names on."""

MODULES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))


def layer(name: str) -> int:
    found = [index for index, names in enumerate(LAYERS) if name in names]
    assert found, f"onnx_explore.{name} stands in no layer: give it one in tests/test_layers.py and in architecture.md"
    return found[0]


@functools.cache
def nodes(module: str) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(ast.parse((PACKAGE / module).read_text(encoding="utf-8"), module)))


def imports(module: str) -> Iterator[tuple[str, int]]:
    """Every absolute name that a module imports, also inside functions and for types alone, with its line.

    ``from a.b import c`` gives ``a.b.c``: ``c`` may be a module.
    """
    package = ("onnx_explore", *Path(module).parts[:-1])
    for node in nodes(module):
        if isinstance(node, ast.Import):
            yield from ((item.name, node.lineno) for item in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            start = ".".join(part for part in (base, node.module or "") if part)
            yield from ((f"{start}.{item.name}", node.lineno) for item in node.names)


def dotted(module: str) -> Iterator[tuple[str, int]]:
    """Every dotted name that a module uses, such as ``torch.onnx.export``; the longest form of each."""
    for node in nodes(module):
        if isinstance(node, ast.Attribute):
            parts: list[str] = []
            item: ast.expr = node
            while isinstance(item, ast.Attribute):
                parts.append(item.attr)
                item = item.value
            if isinstance(item, ast.Name):
                yield ".".join([item.id, *reversed(parts)]), node.lineno


def uses(modules: Sequence[str], *prefixes: str) -> list[str]:
    """Places in which modules use one of these names or something under it."""
    return [
        f"{module}:{line}: {name}"
        for module in modules
        for name, line in (*imports(module), *dotted(module))
        if any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)
    ]


def within(*folders: str) -> list[str]:
    return [module for module in MODULES if module.split("/")[0] in folders]


def without(*folders: str) -> list[str]:
    return [module for module in MODULES if module.split("/")[0] not in folders]


def test_imports_go_down() -> None:
    wrong: list[str] = []
    for module in MODULES:
        top = module.split("/")[0].removesuffix(".py")
        if top in FACADES:
            continue
        for name, line in imports(module):
            parts = name.split(".")
            if parts[0] != "onnx_explore" or len(parts) < 2 or parts[1] == "__version__":
                continue
            # A public name of the package itself: it comes from no lower than `export`.
            is_module = (PACKAGE / parts[1]).is_dir() or (PACKAGE / f"{parts[1]}.py").is_file()
            if layer(parts[1] if is_module else "export") > layer(top):
                wrong.append(f"{module}:{line}: {name}")
    assert not wrong


def test_torch_c_is_touched_in_capture_and_compat_alone() -> None:
    assert not uses(without("capture", "compat"), "torch._C")


def test_symbolic_never_sees_the_capture() -> None:
    assert not uses(within("symbolic"), "onnx_explore.capture", "torch.jit", "torch._C")


def test_explore_needs_no_ipython() -> None:
    assert not uses(within("explore"), "IPython", "ipywidgets", "anywidget", "ipykernel", "jupyter_server")


def test_torch_onnx_is_a_peer() -> None:
    """Two named files may look at ``torch.onnx``: at its export flag, and at what third parties registered with it.

    ``compat/installing.py`` imports it by name, on request only, to put our functions in the place of its own.
    """
    named = ["capture/torch_api.py", "compat/torch_registry.py"]
    assert not uses([module for module in MODULES if module not in named], "torch.onnx")
    assert not uses(MODULES, "torch.onnx.export", "torch.onnx.utils", "torch.onnx.symbolic_helper")
    assert not [module for module in MODULES if "_jit_pass_onnx" in (PACKAGE / module).read_text(encoding="utf-8")]
