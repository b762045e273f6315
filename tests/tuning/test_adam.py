"""Adam moves as torch's own does."""

from __future__ import annotations

import torch

from tuning.adam import Adam


def test_adam_moves_as_torchs_own() -> None:
    target = torch.linspace(-1.0, 1.0, 12).reshape(3, 4)
    ours = torch.zeros(3, 4, requires_grad=True)
    theirs = torch.zeros(3, 4, requires_grad=True)
    adam = Adam([ours], betas=(0.9, 0.99))
    reference = torch.optim.AdamW([theirs], betas=(0.9, 0.99), weight_decay=0.0)
    for step in range(20):
        rate = 0.1 / (step + 1)
        ((ours - target) ** 2).sum().backward()
        adam.step(rate)
        reference.param_groups[0]["lr"] = rate
        reference.zero_grad()
        ((theirs - target) ** 2).sum().backward()
        reference.step()
    assert torch.allclose(ours, theirs, atol=1e-6)
    assert ours.grad is None
