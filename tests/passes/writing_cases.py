"""Bodies of functions that write to tensors, by name: ``x`` and ``z`` are ``(batch, 6)``, floats."""

# ruff: noqa: E501
from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional

_ROWS = """
column_add         | y = x * 1; y[:, 0] += 1; return y
columns_set        | y = x * 1; y[..., 1:3] = z[:, :2]; return y
view_of_view       | y = x * 1; y[:, 1:][:, 1].mul_(3); return y
slice_of_slice     | y = x * 1; y[:, 1:5][:, ::2] = 0; return y, y.sum()
transposed         | y = x * 1; y.t().mul_(z.t()); return y
transposed_row     | y = x * 1; y.transpose(0, 1)[2] = z[:, 0]; return y
numpy_t            | y = x * 1; y.T[1:3].fill_(4); return y
matrix_t           | y = x * 1; y.mT[0] += 2; return y
matrix_h           | y = x * 1; y.mH[0] += 2; y.adjoint()[1] = 5; return y
flat_index         | y = x * 1; y.view(-1)[torch.tensor([1, 2])] = 5.0; return y
flat_slice         | y = x * 1; y.view(-1)[::3] -= 1; return y
reshape_view       | y = x * 1; y.reshape(-1, 2, 3)[:, 1] = 7; return y
reshape_copy       | y = (x * 1).t(); w = y.reshape(-1); w.add_(1); return y, w
flatten_view       | y = x * 1; y.flatten().add_(1); return y
flatten_copy       | y = (x * 1).t(); y.flatten().add_(1); return y
ravel              | y = x * 1; y.ravel()[3:5] = 1; return y
chunk_one          | y = x * 1; a, b = y.chunk(2, 1); a.mul_(2); return y, b
chunk_both         | y = x * 1; a, b = y.chunk(2, 1); a.mul_(2); b.add_(a); return y, a
split_sizes        | y = x * 1; a, b, c = y.split([1, 2, 3], 1); b.zero_(); c.copy_(z[:, 3:]); return y, a
split_swap         | y = x * 1; a, b = y.split(3, 1); t = a.clone(); a.copy_(b); b.copy_(t); return y
split_of_split     | y = x * 1; a, b = y.split(3, 1); c, d = b.split([1, 2], 1); d += 1; a *= 2; return y, b, c
unbind             | y = x * 1; a = y.unbind(1); a[0].add_(a[1]); a[5].zero_(); return y
tensor_split       | y = x * 1; y.tensor_split(3, 1)[1].fill_(9); return y
hsplit             | y = x * 1; y.hsplit(2)[1].fill_(9); return y
vsplit             | y = x.t() * 1; y.vsplit(2)[1].fill_(9); return y
chunk_read         | y = x * 1; y.relu_(); a, b = y.chunk(2, 1); y[:, 0] = 3; return a, b, torch.cat([b, a])
diagonal           | y = x.t() @ x; y.diagonal().fill_(1); return y
diagonal_offset    | y = x.t() @ x; y.diagonal(1).mul_(2); return y
fill_diagonal      | y = x.t() @ x; y.fill_diagonal_(2.0); return y
masked_fill        | y = x * 1; y.masked_fill_(x > 0, -1.0); return y
masked_fill_view   | y = x * 1; y[:, 2:].masked_fill_(z[:, 2:] > 0, -1.0); return y
masked_fill_tensor | y = x * 1; y.masked_fill_(x > 0, z.sum()); return y
bool_mask          | y = x * 1; y[x > 0] = 0; return y
bool_mask_add      | y = x * 1; y[x > 0] += 1; return y
bool_mask_rows     | y = x * 1; y[z[:, 0] > 0] = 0.5; return y
index_tensors      | y = x * 1; i = torch.tensor([0, 1]); y[i, i + 1] = z[0, :2]; return y
index_column       | y = x * 1; y[:, torch.tensor([0, 3])] = z[:, :2]; return y
index_put_add      | y = x * 1; y.index_put_((torch.tensor([0, 0]),), z[:2], accumulate=True); return y
index_add          | y = x * 1; y.index_add_(1, torch.tensor([0, 2]), z[:, :2]); return y
index_copy         | y = x * 1; y.index_copy_(1, torch.tensor([0, 2]), z[:, :2]); return y
index_fill         | y = x * 1; y.index_fill_(1, torch.tensor([0, 2]), 8.0); return y
scatter            | y = x * 1; y.scatter_(1, (z[:, :2] > 0).long(), 3.0); return y
scatter_add        | y = x * 1; y.scatter_add_(1, (z > 0).long(), z); return y
masked_scatter     | y = x * 1; y.masked_scatter_(x > 0, z); return y
copy_cast          | y = x.long(); y[:, 0] = z[:, 0]; return y
copy_cast_whole    | y = x.half(); y.copy_(z); return y
copy_broadcast     | y = x * 1; y.copy_(z[:, :1]); return y
copy_row           | y = x * 1; y[:] = z[0]; return y
copy_row_to_column | y = x * 1; y[:, 1] = z[None, :, 0]; y[:, 2:4] = z[None, :, :1]; return y
copy_number        | y = x * 1; y[:, 1] = 3.5; return y
copy_scalar_tensor | y = x * 1; y[:, 1] = z.sum(); return y
step               | y = x * 1; y[:, ::2] = z[:, 1::2]; return y
step_rows          | y = x * 1; y[1::2].zero_(); return y
negative_index     | y = x * 1; y[:, -1] = 1; y[:, -2] += y[:, -1]; return y
negative_slice     | y = x * 1; y[:, -3:-1] = 0; return y
negative_dims      | y = x * 1; y.narrow(-1, 1, 2).fill_(3); y.select(-1, 0).fill_(4); return y
narrow_end         | y = x * 1; y.narrow(1, -2, 2).fill_(3); return y
narrow_dynamic     | y = x * 1; y.narrow(0, 1, x.shape[0] - 2).fill_(3); return y
ellipsis           | y = x.view(-1, 2, 3) * 1; y[..., 0] = 1; y[:, None, 1].add_(1); return y
out                | y = torch.empty_like(x); torch.add(x, z, out=y); return y
out_view           | y = x * 1; torch.mul(x[:, 0], 2, out=y[:, 1]); return y
out_self           | y = x * 1; torch.sub(y, z, out=y); torch.cat([y[:, 3:], y[:, :3]], 1, out=z); return y + z
out_two            | v = x[:, 0] * 1; i = v.long(); torch.max(x, 1, out=(v, i)); return v, i
out_empty          | y = torch.empty(0); torch.add(x, z, out=y); return y
out_dtype          | y = torch.zeros_like(x, dtype=torch.double); torch.add(x, z, out=y); return y
out_factory        | y = x * 1; torch.ones(x.shape, out=y); return y + x
base_seen_in_view  | y = x * 1; v = y[:, 1]; y.mul_(2); return v
view_seen_in_base  | y = x * 1; v = y[:, 1]; v.mul_(2); return y, v
view_kept          | y = x * 1; v = y[:, 1:]; w = v[:, 0]; y += 1; v *= 2; return w, v, y
sibling_views      | y = x * 1; a = y[:, :3]; b = y[:, 2:]; a.add_(1); b.mul_(2); a.add_(b.sum()); return y, a, b
deep_and_wide      | y = x * 1; a = y[:, 1:]; b = a[:, 1:]; c = b[:, 1:]; c += 1; a *= 2; y -= 3; c /= 2; return a, b, c, y
overwritten        | y = x * 1; y[:, 0] = 1; y.zero_(); y[:, 1] = 2; return y
overwritten_part   | y = x * 1; v = y[:, 2:]; v[:, 0] += 1; v.fill_(4); y[:, 0] = 2; return y, v
write_input        | x[:, 0] = 0; return x + z
iadd_input         | x += z; return x * 2
iadd_returned      | x += 1; return x
view_of_input      | v = x[:, 1]; v += 1; return v, x
returned_view      | y = x * 1; v = y[:, 0]; y.add_(1); return v
loop_rows          | y = torch.zeros_like(x); [y[:, i].copy_(x[:, 5 - i] + y[:, i - 1]) for i in range(1, 6)]; return y
kv_cache           | c = x.view(-1, 3, 2) * 0; [c[:, i : i + 1].add_(c[:, :i].sum() + x[0, i]) for i in range(3)]; return c
kv_cache_dynamic   | c = torch.zeros(x.shape[0] + 4, 6); n = x.shape[0]; c[2 : 2 + n] = x; c[:n] += 1; return c
zero_slice         | y = x * 1; y[1:, 2:].zero_(); return y
fill_slice         | y = x * 1; y[:, 2].fill_(1.5); return y
fill_tensor        | y = x * 1; y[:, 2].fill_(z.sum()); return y
relu_in_place      | y = x * 1; r = F.relu(y, inplace=True); return r + y
clamp              | y = x * 1; y.clamp_(-0.5, 0.5); return y
clamp_min_view     | y = x * 1; y[:, 0].clamp_(min=0); return y
unsqueeze_         | y = x * 1; y.unsqueeze_(1); y[:, 0, 0] = 1; return y
squeeze_           | y = x[:, None] * 1; v = y[:, :, 0]; y.squeeze_(1); y[:, 0] += 5; return y, v
transpose_         | y = x * 1; v = y[:, 0]; y.transpose_(0, 1); y[0] = 3; return y, v
t_                 | y = x * 1; y.t_(); y.mul_(2); return y
swapaxes_          | y = x * 1; y.swapaxes_(0, 1); y[0].mul_(2); return y
unsqueeze_view     | y = x * 1; y.unsqueeze(1).add_(1); return y
squeeze_view       | y = x[:, None] * 1; y.squeeze(1)[:, 1] = 2; return y
squeeze_last       | y = x[:, :, None] * 1; y.squeeze(-1)[:, 1] = 2; y.unsqueeze(-1)[0] = 7; return y
squeeze_all        | y = x[:, None] * 1; y.squeeze().mul_(2); return y
permute            | y = x.view(-1, 2, 3) * 1; y.permute(2, 0, 1)[1] = 4; return y
movedim            | y = x.view(-1, 2, 3) * 1; y.movedim(0, -1)[1] = 4; return y
movedims           | y = x.view(-1, 2, 3) * 1; y.movedim((0, 1), (2, 0))[1] = 4; return y
swapaxes           | y = x * 1; y.swapaxes(0, 1)[1] = 4; return y
unflatten          | y = x * 1; y.unflatten(1, (2, 3))[:, 1, 0] = 4; return y
view_as            | y = x * 1; y.view_as(z)[:, 1] = 4; return y
expand_same        | y = x * 1; y.expand(-1, 6)[:, 1] = 4; return y
expand_as_seen     | y = x[:, :1] * 1; v = y.expand_as(z); y.add_(1); return v
as_strided         | y = x * 1; y.as_strided((2, 2), (6, 2)).fill_(3); return y
self_update        | y = x * 1; y.mul_(y); y.add_(y[:, :1].clone()); return y
self_transposed    | y = x.t() @ x; y.add_(y.t().clone()); return y
half_plus_float    | y = x.half(); y.add_(z); return y
half_plus_number   | y = x.half(); y.mul_(2.5); return y
half_plus_0d       | y = x.half(); y.mul_(z.sum()); return y
compare            | y = x * 1; y.gt_(0); return y
logical            | b = x > 0; b &= z > 0; b |= x > 1; b ^= z > 1; return b
integers           | i = x.long(); i <<= 1; i //= 2; i %= 3; return i
pow_remainder      | y = x.abs(); y **= 2; y %= 3; return y
div_mode           | y = x * 1; y.div_(z.abs() + 1, rounding_mode="floor"); return y
addcmul            | y = x * 1; y.addcmul_(x, z, value=0.5); return y
lerp               | y = x * 1; y.lerp_(z, 0.3); return y
addmm              | y = x @ x.t(); y.addmm_(x, z.t()); return y
activations        | y = x * 1; F.leaky_relu(y, 0.1, True); F.hardtanh(y, inplace=True); F.silu(y, True); F.elu(y, inplace=True); return y
tril               | y = x @ x.t(); y.tril_(); return y
detach             | y = x * 1; y.detach().add_(1); return y
detach_            | y = x * 1; y.add_(1).detach_().mul_(2); return y
contiguous_same    | y = x * 1; y.contiguous().add_(1); return y
contiguous_copy    | y = (x * 1).t(); y.contiguous().add_(1); return y
to_same            | y = x * 1; y.float().add_(1); return y
to_other           | y = x * 1; y.double().add_(1); return y
type_as            | y = x * 1; y.type_as(z).add_(1); return y
clone              | y = x * 1; w = y.clone(); w.add_(1); return y, w
dropout            | y = x * 1; F.dropout(y, 0.5, False).add_(1); return y
dropout_           | y = x * 1; F.dropout(y, 0.5, False, True).add_(1); return y
half_of_rows       | y = x * 1; y[: x.shape[0] // 2] += 1; y[x.shape[0] // 2 :] *= 2; return y
list_of_views      | y = x * 1; parts = [y[:, i] for i in range(3)]; y.add_(1); return torch.stack(parts)
returned_dict      | y = x * 1; v = y[:, 0]; v.add_(1); return {"y": y, "v": (v, [y])}
row_from_row       | y = x * 1; y[0] = y[1]; y[1] = y[0] * 2; return y
scalar             | y = x.sum(); y += 1; y.mul_(2); return y
broadcast          | y = x * 1; y += z[:1]; y -= z[:, :1]; return y
padded             | y = F.pad(x, (1, 1)); y[:, 0] = y[:, -2]; y[:, -1] = y[:, 1]; return y
no_reads           | y = torch.empty_like(x); y[:, :3] = x[:, 3:]; y[:, 3:] = x[:, :3]; return y
"""


def _compiled(name: str, body: str) -> Callable[..., object]:
    scope: dict[str, Callable[..., object]] = {}
    exec(compile(f"def {name}(x, z): {body}", f"{name}.py", "exec"), {"torch": torch, "F": functional}, scope)
    return scope[name]


CASES = tuple(_compiled(*(part.strip() for part in row.split(" | ", 1))) for row in _ROWS.strip().splitlines())
