"""What we rely on inside Flower. Another release fails here first, loudly, before anything misbehaves."""

from __future__ import annotations

import inspect
from importlib import metadata

import pytest

pytest.importorskip("flwr")

from flwr.supercore.constant import FLEET_HTTP_PUBLIC_KEY_HEADER, FLEET_HTTP_SIGNATURE_HEADER
from flwr.supernode.fleet_http_client import FleetHttpClient

from federation.flower import flower_api
from federation.flower.errors import WrongRelease
from federation.flower.front import _HEADERS
from federation.flower.routes import FLEET_ROUTES

HINT = "federation/flower was checked against one release of Flower; check it again, then change RELEASE"


def test_exactly_this_release_is_installed() -> None:
    assert metadata.version("flwr") == flower_api.RELEASE == "1.41.0", HINT


def test_another_release_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "version", lambda name: "1.42.0")
    with pytest.raises(WrongRelease, match=r"1\.41\.0"):
        flower_api.require_release()


def test_the_node_uses_the_routes_that_the_front_lets_through() -> None:
    source = inspect.getsource(FleetHttpClient)
    assert [route for route in FLEET_ROUTES if f'"{route}"' not in source] == [], HINT
    used = inspect.getsource(flower_api.FleetApi)
    assert not [name for name in ("GetFab", "GetRun", "RegisterNode(") if name in used]


def test_the_front_forwards_the_headers_that_prove_a_node() -> None:
    from flwr.common.constant import TIMESTAMP_HEADER

    needed = {FLEET_HTTP_PUBLIC_KEY_HEADER, FLEET_HTTP_SIGNATURE_HEADER, TIMESTAMP_HEADER}
    assert {name.encode() for name in needed} <= set(_HEADERS), HINT


def test_flower_is_told_not_to_call_home() -> None:
    import os

    assert os.environ["FLWR_TELEMETRY_ENABLED"] == "0"
    assert os.environ["FLWR_DISABLE_UPDATE_CHECK"] == "1"
