"""Who asks: the one actor of the settings, in the roles that they give it."""

from pathlib import Path

import pytest

from api import views
from api.backend import Backend
from api.house import client_of
from contracts.requests import Actor
from gateway.server import gateway
from gateway.settings import GatewaySettings
from runtime.settings import SettingsError, load


@pytest.mark.parametrize(
    ("given", "roles"),
    [
        ({}, ("operator",)),
        ({"IMPRINT_ACTOR_ROLES": ""}, ()),
        ({"IMPRINT_ACTOR_ROLES": "reader,auditor"}, ("reader", "auditor")),
    ],
)
def test_roles_are_those_of_the_settings(given: dict[str, str], roles: tuple[str, ...]) -> None:
    assert load(GatewaySettings, {"IMPRINT_DATA": "x", **given}).roles == roles


@pytest.mark.parametrize("text", ["admin", "operator,", "operator, reader", "OPERATOR", "operator\n"])
def test_a_role_that_there_is_not_is_no_setting(text: str) -> None:
    with pytest.raises(SettingsError, match="IMPRINT_ACTOR_ROLES"):
        load(GatewaySettings, {"IMPRINT_DATA": "x", "IMPRINT_ACTOR_ROLES": text})


async def test_services_are_told_who_asks_and_in_which_roles(
    services: Backend, settings: GatewaySettings, tmp_path: Path
) -> None:
    who = {"actor_tenant": "acme", "actor_name": "ann", "actor_roles": "owner"}
    own = GatewaySettings(data=str(tmp_path), nats_url=settings.nats_url, port=0, **who)
    async with gateway(own) as door, client_of(door) as http:
        await http.post(f"/v1/images/{views.IMAGE}/disable")
    assert services.last.actor == Actor(tenant="acme", name="ann", roles=("owner",))
