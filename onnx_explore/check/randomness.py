"""Which outputs are random: their values cannot agree between two engines, however right the export is."""

from __future__ import annotations

import onnx_ir as ir

from onnx_explore.torch_ir import TorchGraph, TorchNode, TorchValue, walk

_ONNX = frozenset(
    {"RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Bernoulli", "Multinomial"}
)
_DISTRIBUTIONS = (
    *("bernoulli", "binomial", "cauchy", "exponential", "geometric", "log_normal", "multinomial", "normal", "poisson"),
    *("rand", "rand_like", "randint", "randint_like", "randn", "randn_like", "random", "randperm", "uniform"),
)
_TORCH = frozenset(f"aten::{name}{ending}" for name in _DISTRIBUTIONS for ending in ("", "_"))
# Random only while training: the argument that says so.
_TORCH_TRAINING = {
    "aten::dropout": "train",
    "aten::dropout_": "train",
    "aten::native_dropout": "train",
    "aten::feature_dropout": "train",
    "aten::feature_dropout_": "train",
    "aten::alpha_dropout": "train",
    "aten::alpha_dropout_": "train",
    "aten::feature_alpha_dropout": "train",
    "aten::rrelu": "training",
    "aten::rrelu_": "training",
}


def random_outputs(model: ir.Model) -> frozenset[str]:
    """Names of the graph outputs that depend on a random operator."""
    tainted = random_values(model)
    return frozenset(value.name or "" for value in model.graph.outputs if value in tainted)


def random_values(model: ir.Model) -> frozenset[ir.Value]:
    """The values of the main graph (and of its subgraphs) that depend on a random operator."""
    random_functions: frozenset[ir.OperatorIdentifier] = frozenset()
    while True:  # A function may call another one.
        found = frozenset(
            key
            for key, function in model.functions.items()
            if any(_is_random(node, random_functions) for node in function.all_nodes())
        )
        if found == random_functions:
            break
        random_functions = found
    tainted: set[ir.Value] = set()
    _spread(model.graph, tainted, random_functions)
    return frozenset(tainted)


def random_targets(graph: TorchGraph) -> tuple[str, ...]:
    """PyTorch operators of the graph that are random, each with its source line, without repetition."""
    constants = {node.outputs[0]: node for node in walk(graph.block) if node.target == "prim::Constant"}
    found: dict[str, None] = {}
    for node in walk(graph.block):
        if node.target in _TORCH or _trains(node, constants):
            where = node.origin.where
            found[f"{node.target} at {where}" if where else node.target] = None
    return tuple(found)


def _trains(node: TorchNode, constants: dict[TorchValue, TorchNode]) -> bool:
    argument = _TORCH_TRAINING.get(node.target)
    if argument is None or node.schema is None:
        return False
    for declared, value in zip(node.schema.arguments, node.inputs, strict=False):
        if declared.name == argument:
            return value not in constants or bool(constants[value].constant)
    return False


def _is_random(node: ir.Node, random_functions: frozenset[ir.OperatorIdentifier]) -> bool:
    if node.op_identifier() in random_functions:
        return True
    if node.domain not in ("", "ai.onnx"):
        return False
    if node.op_type == "Dropout":
        mode = node.inputs[2] if len(node.inputs) > 2 else None
        if mode is None:
            return False  # Inference mode; before opset 12 there is no other.
        constant = ir.convenience.get_const_tensor(mode)
        return constant is None or bool(constant.numpy())
    return node.op_type in _ONNX


def _spread(graph: ir.Graph, tainted: set[ir.Value], random_functions: frozenset[ir.OperatorIdentifier]) -> bool:
    """Mark what depends on a random node; whether there is one in this graph or its subgraphs."""
    has_random = False
    for node in graph:
        inner = False
        for attribute in node.attributes.values():
            if attribute.type == ir.AttributeType.GRAPH:
                inner |= _spread(attribute.as_graph(), tainted, random_functions)
            elif attribute.type == ir.AttributeType.GRAPHS:
                for each in attribute.as_graphs():
                    inner |= _spread(each, tainted, random_functions)
        own = inner or _is_random(node, random_functions)
        if own or any(value in tainted for value in node.inputs if value is not None):
            has_random |= own
            tainted.update(node.outputs)
    # A value from outside that is random makes a subgraph's result random: the node that holds it sees it here.
    return has_random or any(value in tainted for value in graph.outputs)
