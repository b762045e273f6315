"""A tiny model and small federations, from the rooms next door."""

from tests.federation.conftest import federate as federate
from tests.tuning.conftest import make_features as make_features
from tests.tuning.conftest import tiny as tiny
from tests.tuning.conftest import tiny_path as tiny_path
