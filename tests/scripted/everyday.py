"""Cases: what people script: decoders, attention, post-processing, and the small change of Python."""

from enum import Enum
from typing import Dict, List, NamedTuple, Optional

import torch
from torch import Tensor, nn

from tests.scripted.flow import COUNTS, SIGNS, X
from tests.scripted.running import Scripted
from tests.symbolic.torchvision_standins import register

register()
RUNS = [(X, n) for n in COUNTS]


def list_methods(x: Tensor, n: int):
    a = [i * 2 for i in range(4)]
    a.extend([7, 7])
    a += [1]
    a.insert(0, n)
    a.reverse()
    a.remove(7)
    b = a.copy()
    del b[0]
    return a.index(7), a.count(2), torch.tensor(a), torch.tensor(b), 2 in a, torch.tensor(a[1:3] + a[::-1]), a[-1]


def steps_of_slices(x: Tensor, n: int):
    a: List[int] = []
    for i in range(n):
        a.append(i * 2)
    end = [9]
    return (
        torch.tensor(a[::2] + end),
        torch.tensor(a[1::3] + end),
        torch.tensor(a[::-1] + end),
        torch.tensor(a[-2::-2] + end),
        torch.tensor(a[3:0:-1] + end),
        torch.tensor(a[n:2] + end),
        torch.tensor(a[-3:] + end),
        torch.tensor(a[: n - 1] + end),
    )


def removed(x: Tensor, n: int):
    a: List[int] = [5]
    for i in range(n):
        a.append(i * 2)
    a.append(5)
    a.remove(5)
    return torch.tensor(a)


def literals(x: Tensor):
    return x * torch.tensor([1, 2, 0]) + torch.as_tensor([0.5]) + torch.tensor([[1.0, 2.0, 3.0]], dtype=torch.float32)


def characters(x: Tensor, n: int):
    s = x.sum()
    for letter in "ab":
        s = s * 2 + len(letter + "c")
        if letter == "b":
            s = s + n
    return s


def strings(x: Tensor, n: int):
    d: Dict[str, Tensor] = {}
    for i in range(3):
        d[str(i)] = x + i
    for key in [f"{1}", "2", f"{9}x{0.5}"]:
        if key in d:
            x = x * d[key]
    value = d.get("7")
    if value is not None:
        x = x + value
    d.pop("0")
    del d["1"]
    text = f"{1.0} {2.5} {True} {1 / 3} {3}"
    return x, len(d), len(text), int(text == "1. 2.5 True 0.33333333333333331 3"), len(str(0.1))


def without_gradients(x: Tensor, n: int):
    with torch.no_grad():
        for i in range(n):
            x = x + i
    with torch.autograd.profiler.record_function("a part"):
        x = x * 2
    return x - 1


def rank_changes(x: Tensor, n: int):
    y = x
    for _ in range(n):
        y = y.unsqueeze(0)
    return y.sum(), y.mean(), y.max()


class Colour(Enum):
    RED = 1
    BLUE = 2


class Attributes(nn.Module):
    colour: Colour

    def __init__(self) -> None:
        super().__init__()
        self.colour = Colour.BLUE
        self.table = {"a": 1, "b": 2}
        self.shape = (1, 3)
        self.factors = [1.0, 2.5]

    def forward(self, x: Tensor):
        y = x * 2 if self.colour == Colour.BLUE else x
        for key, value in self.table.items():
            if key != "c":
                y = y + value
        return y * self.factors[1] + self.shape[1] + self.colour.value + sum(self.factors)


class Parts(NamedTuple):
    a: Tensor
    b: Optional[Tensor]
    k: int = 3


def named_with_none(x: Tensor, n: int):
    t = Parts(x, None)
    for i in range(n):
        b = t.b
        if b is None:
            t = Parts(t.a + 1, x, i)
        else:
            t = Parts(t.a * 2, b + 1, t.k)
    return t


def found_by_value(x: Tensor):
    s = torch.zeros(3)
    where = torch.nonzero(x > 0)
    for k in range(where.size(0)):
        s = s + x[where[k, 0], where[k, 1]] * k
    values, inverse = torch.unique(torch.round(x), return_inverse=True)
    chosen = torch.masked_select(x, x > 0)
    repeated = torch.repeat_interleave(x[0], torch.tensor([1, 2, 0]))
    square = chosen.reshape(-1, 1) @ chosen.reshape(1, -1)
    return s, values, inverse, chosen.sort()[0], chosen.size(0), repeated, square, torch.where(x > 0)[0]


def suppressed(boxes: Tensor, scores: Tensor, threshold: Tensor):
    keep = scores > 0.3
    boxes, scores = boxes[keep], scores[keep]
    k = torch.ops.torchvision.nms(boxes, scores, float(threshold))[:3]
    return boxes[k], scores[k]


def suppressed_by_class(boxes: Tensor, scores: Tensor):
    out: List[Dict[str, Tensor]] = []
    for i in range(scores.size(1)):
        s = scores[:, i]
        chosen = torch.where(s > 0.4)[0]
        b = boxes[chosen]
        k = torch.ops.torchvision.nms(b, s[chosen], 0.5)
        out.append({"boxes": b[k], "labels": torch.full_like(k, i)})
    return torch.cat([o["boxes"] for o in out]), torch.cat([o["labels"] for o in out])


class Decoder(nn.Module):
    """A sequence-to-sequence model that stops when every row is at its end."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.encoder = nn.LSTM(3, 4, batch_first=True, bidirectional=True)
        self.cell = nn.LSTMCell(4, 8)
        self.out = nn.Linear(8, 5)
        self.embedding = nn.Embedding(5, 4)

    def forward(self, x: Tensor, steps: int):
        _y, (h, c) = self.encoder(x)
        hidden, cell = torch.cat([h[0], h[1]], 1), torch.cat([c[0], c[1]], 1)
        token = torch.zeros(x.size(0), dtype=torch.long)
        outputs: List[Tensor] = []
        for _ in range(steps):
            hidden, cell = self.cell(self.embedding(token), (hidden, cell))
            logits = self.out(hidden)
            token = logits.argmax(1)
            outputs.append(logits)
            if bool((token == 1).all()):
                break
        return torch.stack(outputs, 1) if len(outputs) > 0 else torch.zeros(x.size(0), 0, 5)


class Packed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.gru = nn.GRU(3, 4, batch_first=True)

    def forward(self, x: Tensor, lengths: Tensor):
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        output, h = self.gru(packed)
        y, sizes = nn.utils.rnn.pad_packed_sequence(output, batch_first=True)
        return y, sizes, h


class Transformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, dropout=0.0)
        self.encoder = nn.TransformerEncoder(layer, 2)
        self.decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 16, batch_first=True), 1)
        self.eval()

    def forward(self, x: Tensor, mask: Tensor):
        # Whether padding gives zeros or numbers depends on which of its ways PyTorch takes.
        memory = self.encoder(x, src_key_padding_mask=mask).masked_fill(mask.unsqueeze(-1), 0.0)
        return self.decoder(x, memory), memory


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.eval()

    def forward(self, x: Tensor, mask: Optional[Tensor] = None):
        y, weights = self.attention(x, x, x, attn_mask=mask)
        return y, weights


def filled_empty(x: Tensor, n: int):
    first: List[int] = []
    first.insert(n, 3)
    none: List[int] = []
    second = none[:n]
    second.append(x.size(0))
    return torch.tensor(first + second)


def words_of_a_loop(x: Tensor, n: int):
    words: List[str] = []
    for _ in range(n):
        words.append("a")
    return x + len(words)


def text_of_a_list(x: Tensor, n: int):
    known = {"[1., 2.5]": 1, "[1.0, 2.5]": 2}
    return x * known[str([1.0, 2.5])] + n


torch.manual_seed(3)
TOKENS = torch.randn(2, 6, 3)
WORDS = torch.randn(2, 5, 8)
PADDED = torch.tensor([[False] * 4 + [True], [False] * 5])
BOXES = torch.rand(10, 4)
BOXES[:, 2:] += BOXES[:, :2]
SCORES = torch.rand(10, 3)

EVERYDAY: list[Scripted] = [
    Scripted(list_methods, RUNS),
    Scripted(steps_of_slices, RUNS),
    Scripted(removed, RUNS),
    Scripted(literals, SIGNS),
    Scripted(characters, RUNS),
    Scripted(strings, RUNS, lacks=("If", "Loop")),
    Scripted(without_gradients, RUNS),
    Scripted(rank_changes, RUNS),
    Scripted(Attributes(), SIGNS, lacks=("If", "Loop")),
    Scripted(named_with_none, [(X, 0), (X, 1), (X, 4)][1:], since=16),
    Scripted(found_by_value, [(X,), (X + 1,), (-X,)]),
    Scripted(
        suppressed,
        [(BOXES, SCORES[:, 0], torch.tensor(0.5)), (BOXES.flip(0) * 2, SCORES[:, 1], torch.tensor(0.1))],
    ),
    Scripted(suppressed_by_class, [(BOXES, SCORES), (BOXES, SCORES.flip(0))]),
    Scripted(Decoder().eval(), [(TOKENS, 3), (TOKENS, 0), (TOKENS[:1], 5)], {"x": {0: "batch", 1: "time"}}),
    Scripted(Packed(), [(TOKENS, torch.tensor([6, 2])), (TOKENS, torch.tensor([1, 6]))]),
    Scripted(Transformer(), [(WORDS, PADDED), (WORDS, PADDED.flip(0))]),
    Scripted(Attention(), [(WORDS,)]),
    Scripted(Attention(), [(WORDS, torch.zeros(5, 5) - torch.eye(5))]),
    Scripted(filled_empty, RUNS),
    Scripted(words_of_a_loop, RUNS),
    Scripted(text_of_a_list, RUNS),
]
