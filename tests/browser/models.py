"""The cells of the notebooks that the browser tests run."""

from __future__ import annotations

CONVNET = """
import onnx_explore, torch
from torch import nn

class ConvNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3))
        self.classifier = nn.Linear(16 * 6 * 6, 10)

    def forward(self, x):
        y = self.features(x)
        y = torch.relu(y) * 0.5
        flat = torch.flatten(y, 1)
        return torch.softmax(self.classifier(flat), dim=1)

torch.manual_seed(0)
model, x = ConvNet(), torch.randn(2, 3, 16, 16)
"""

BAKED = """
import onnx_explore, torch

class Baked(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(4, 6)

    def forward(self, x):
        length = int(x.shape[1])
        y = self.linear(x).reshape(-1, length * 2, 3)
        return torch.relu(y)

ex = onnx_explore.explore(Baked(), torch.randn(2, 5, 4), dynamic_axes={"x": {0: "batch", 1: "length"}})
ex.run()
"""

RESNET = """
import onnx_explore, torch
from tests.models.zoo import ResNet

ex = onnx_explore.explore(ResNet().eval(), torch.randn(1, 3, 224, 224), dynamic_axes={"x": {0: "batch"}}, check=False)
ex.run()
"""

BERT_BASE = """
import onnx_explore, torch
from transformers import BertConfig, BertModel

model = BertModel(BertConfig()).eval()
ids = torch.randint(0, 1000, (2, 12))
axes = {"input_ids": {0: "batch"}, "attention_mask": {0: "batch"}}
ex = onnx_explore.explore(model, (ids, torch.ones_like(ids)), dynamic_axes=axes, check=False)
ex.run()
"""

EXPORT = """
ex = onnx_explore.explore(model, x, input_names=["images"], dynamic_axes={"images": {0: "batch"}})
ex.run()
"""

UNSUPPORTED = """
import onnx_explore, torch
from torch import nn

torch.library.define("browser::halve", "(Tensor x, float by) -> Tensor")
@torch.library.impl("browser::halve", "default")
def halve(x, by):
    return x / by

class Model(nn.Module):
    def forward(self, x):
        y = torch.sigmoid(x)
        z = torch.ops.browser.halve(y, 2.0)
        return z.exp()

ex = onnx_explore.explore(Model(), torch.randn(2, 3))
ex.run()
"""

REGISTER = """
@onnx_explore.symbolic("browser::halve")
def halve(g, x, by):
    return g.op("Div", x, g.const(by, x.dtype))
"""

LAYERS = """
import onnx_explore, torch
from torch import nn

class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm, self.linear = nn.LayerNorm(8), nn.Linear(8, 8)
    def forward(self, x):
        return x + torch.tanh(self.linear(self.norm(x)))

class Deep(nn.Module):
    def __init__(self, depth):
        super().__init__()
        self.blocks = nn.ModuleList(Block() for _ in range(depth))
    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return x
"""

BERT = """
import onnx_explore, torch, transformers

def exported():
    config = transformers.BertConfig(hidden_size=48, intermediate_size=96, vocab_size=100, attn_implementation="eager")
    ids = torch.randint(0, 100, (1, 16))
    axes = {"ids": {0: "batch", 1: "sequence"}}
    model = transformers.BertModel(config).eval()
    return onnx_explore.explore(model, ids, input_names=["ids"], dynamic_axes=axes, check=False).run()

exports = [exported() for _ in range(4)]
"""
"""BERT-base's graph, thin: 12 layers, 12 heads, small matrices."""

MANY = """
import onnx_explore, torch
from torch import nn

class Block(nn.Module):
    def forward(self, x):
        for _ in range(50):
            x = torch.tanh(x) + x
        return x

class Wide(nn.Module):
    def __init__(self, depth):
        super().__init__()
        self.blocks = nn.ModuleList(Block() for _ in range(depth))
    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return x

ex = onnx_explore.explore(Wide(DEPTH), torch.randn(2, 8), check=False).run()
print(ex.onnx_graph.num_nodes())
"""
"""A hundred nodes for each unit of ``DEPTH``."""

HOSTILE = '''
import onnx_explore, torch
from torch import nn

EVIL = "<img src=x onerror=alert(1)>"
class Model(nn.Module):
    """<script>alert(2)</script>"""
    def __init__(self):
        super().__init__()
        self.inner = nn.Module()
        self._modules["inner"] = nn.Sequential()
        self.inner.add_module("<b>bold<", nn.Linear(4, 4))
    def forward(self, x):
        return self.inner(x)  # <script>alert(3)</script> <i>italic</i>

ex = onnx_explore.explore(Model(), torch.randn(2, 4), input_names=[EVIL], output_names=["<u>out</u>"])
ex.run()
'''

WRONG_RELU = """
@onnx_explore.symbolic("aten::relu")
def relu(g, self):
    return g.op("Abs", self)
"""
"""A symbolic function that gives something else wherever its argument is negative."""
