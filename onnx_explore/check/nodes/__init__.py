"""Every node in one pair of runs: PyTorch's intermediates against ONNX's, accumulated and local error, the culprit named.

``pairs`` finds the ONNX value that each tensor of the TorchGraph became, ``interpret`` runs the TorchGraph in PyTorch,
``segments`` cuts the ONNX graph into parts that fit a byte budget, ``check`` runs and compares them, ``verdict`` says why
a node differs, ``report`` holds what was found.
"""

from onnx_explore.check.nodes.check import BUDGET, check_nodes
from onnx_explore.check.nodes.report import NodeCheck, NodesReport

__all__ = ["BUDGET", "NodeCheck", "NodesReport", "check_nodes"]
