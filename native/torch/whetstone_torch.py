"""The kernels of native/kernels in PyTorch: torch.ops.whetstone.bias_gelu, layer_norm, softmax, matmul.

The operators themselves are C++ (extension.cpp). Here is what autograd and torch.export need besides: the gradients, and
what shape and type a result has when nothing is computed.

    import whetstone_torch          # the folder that buildTorchExtension gives, on sys.path
    y = torch.ops.whetstone.softmax(x)
"""
import math
import os

import torch

torch.ops.load_library(os.path.join(os.path.dirname(os.path.abspath(__file__)), "libwhetstone_torch.so"))
EPSILON = 1e-5


def _like(x, *_):
    return torch.empty_like(x, memory_format=torch.contiguous_format)


for _name in ("bias_gelu", "layer_norm", "softmax"):
    torch.library.register_fake(f"whetstone::{_name}")(_like)


@torch.library.register_fake("whetstone::matmul")
def _(a, b):
    torch._check(a.dim() == 2 and b.dim() == 2)
    torch._check(a.shape[1] == b.shape[0])
    return a.new_empty(a.shape[0], b.shape[1])


def _save(ctx, inputs, output):
    ctx.save_for_backward(*inputs)


def _bias_gelu(ctx, grad):
    # d/dz (z Φ(z)) = Φ(z) + z φ(z)
    x, bias = ctx.saved_tensors
    z = x + bias
    dz = grad * (0.5 * (1 + torch.erf(z / math.sqrt(2))) + z * torch.exp(-0.5 * z * z) / math.sqrt(2 * math.pi))
    return dz, dz.reshape(-1, bias.shape[0]).sum(0)


def _layer_norm(ctx, grad):
    # With n = (x - mean) / s: dx = (g - mean(g) - n mean(g n)) / s, g = grad * weight.
    x, weight, _ = ctx.saved_tensors
    mean = x.mean(-1, keepdim=True)
    s = torch.sqrt((x - mean).square().mean(-1, keepdim=True) + EPSILON)
    n = (x - mean) / s
    g = grad * weight
    dx = (g - g.mean(-1, keepdim=True) - n * (g * n).mean(-1, keepdim=True)) / s
    flat = (-1, weight.shape[0])
    return dx, (grad * n).reshape(flat).sum(0), grad.reshape(flat).sum(0)


def _softmax(ctx, grad):
    # dx = y (g - Σ g y)
    (y,) = ctx.saved_tensors
    return y * (grad - (grad * y).sum(-1, keepdim=True))


def _matmul(ctx, grad):
    a, b = ctx.saved_tensors
    return torch.ops.whetstone.matmul(grad, b.t()), torch.ops.whetstone.matmul(a.t(), grad)


torch.library.register_autograd("whetstone::bias_gelu", _bias_gelu, setup_context=_save)
torch.library.register_autograd("whetstone::layer_norm", _layer_norm, setup_context=_save)
torch.library.register_autograd("whetstone::softmax", _softmax, setup_context=lambda ctx, inputs, output: ctx.save_for_backward(output))
torch.library.register_autograd("whetstone::matmul", _matmul, setup_context=_save)
