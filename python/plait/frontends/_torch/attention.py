"""Attention of torch."""

import torch
from torch._prims_common import compute_elementwise_output_logical_to_physical_perm

from plait.frontends._torch.registry import decomposes

_aten = torch.ops.aten


@decomposes(_aten._scaled_dot_product_flash_attention_for_cpu.default)
def _attention(query, key, value, dropout_p=0.0, is_causal=False, *, attn_mask=None, scale=None):
    output, weights = _aten._scaled_dot_product_attention_math.default(
        query,
        key,
        value,
        attn_mask=attn_mask,
        dropout_p=dropout_p,
        is_causal=is_causal,
        scale=scale,
        enable_gqa=query.size(1) != key.size(1),
    )
    # The model was traced with results in the query's order in memory, and has views that are
    # valid for no other. torch's own decomposition takes one order for all.
    order, _ = compute_elementwise_output_logical_to_physical_perm(query)
    back = [order.index(axis) for axis in range(4)]
    return output.permute(order).contiguous().permute(back), weights
