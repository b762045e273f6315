"""Secure aggregation: a coordinator learns the sum of a group's reports and no single one of them.

Pairwise and self masks after Bonawitz et al. 2017 (CCS, "Practical secure aggregation"), in the variant
against a coordinator that lies about who dropped out. One exchange of keys serves a session of many rounds;
each round has keys of its own, so what is revealed for one round opens no other. The threat model and the
steps are in docs/federation-privacy.md.
"""

from federation.privacy.secure_sum.coordinator import GroupCoordinator
from federation.privacy.secure_sum.device import GroupMember, Policy
from federation.privacy.secure_sum.groups import grouped, noise_plan
from federation.privacy.secure_sum.session import Session, needed_threshold

__all__ = [
    "GroupCoordinator",
    "GroupMember",
    "Policy",
    "Session",
    "grouped",
    "needed_threshold",
    "noise_plan",
]
