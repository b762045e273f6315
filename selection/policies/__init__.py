"""The policies by name. Each is one small class; see `base.Policy` for what they have in common.

dac24                 all three scores of Qin et al. must rise
eoe, dss, idd         only one of them must rise
random, fifo          reservoir sampling, the latest
k-center              points that cover the stream
diverse               without word lists: rich, new, spread over topics, ageing
"""

from __future__ import annotations

from selection.policies.base import Policy, Verdict
from selection.policies.baselines import Fifo, Reservoir
from selection.policies.diverse import Diverse
from selection.policies.k_center import KCenter
from selection.policies.must_rise import Dac24, DissimilarityOnly, DomainScoreOnly, EntropyOnly

DEFAULT_POLICY = "dac24"
POLICIES: dict[str, type[Policy]] = {
    policy.name: policy
    for policy in (
        Dac24, EntropyOnly, DomainScoreOnly, DissimilarityOnly, Reservoir, Fifo, KCenter, Diverse,
    )
}  # fmt: skip

__all__ = ["DEFAULT_POLICY", "POLICIES", "Policy", "Verdict", "make_policy"]


def make_policy(name: str = DEFAULT_POLICY) -> Policy:
    """A fresh policy. Raises ValueError, naming the choices, if there is none of this name."""
    if name not in POLICIES:
        raise ValueError(f"there is no policy {name!r}; policies are {', '.join(POLICIES)}")
    return POLICIES[name]()
