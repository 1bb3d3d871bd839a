"""The session of the Mi Home app that an entry is linked to, and how much is asked in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_homeassistant_custom_component.common import MockConfigEntry

    from .actor import Actor


async def test_asking(actor: Actor, linked: MockConfigEntry) -> None:
    """Who is linked may ask, by the session that the entry keeps."""
    link = linked.runtime_data.link
    with link.asking() as client:
        assert await client.dids() == {actor.lock.did}
    assert link.as_dict()["within_an_hour"] > 0
