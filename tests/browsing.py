"""Home Assistant's frontend in a browser."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, Protocol

from aiohttp import ClientConnectionResetError
from homeassistant.components.frontend import DOMAIN as FRONTEND
from homeassistant.components.media_source import DOMAIN as MEDIA_SOURCE
from homeassistant.setup import async_setup_component

from demo.browser import signed_in

from .lock_driver import PATIENCE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from homeassistant.auth.models import User
    from homeassistant.core import HomeAssistant
    from playwright.async_api import Page
    from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

    from .lock_harness import Storage


class Browse(Protocol):
    """Opens a page of a browser in which a user is signed in, by default the administrator."""

    async def __call__(self, user: User | None = None, locale: str = "en-GB") -> Page:
        """Return the page."""


async def set_up_frontend(hass: HomeAssistant, storage: Storage, *components: str) -> None:
    """Set up components and the frontend, as after the onboarding."""
    steps = ["user", "core_config", "analytics", "integration"]
    storage["onboarding"] = {"version": 4, "data": {"done": steps}}
    for component in (*components, MEDIA_SOURCE, FRONTEND):
        assert await async_setup_component(hass, component, {})


@asynccontextmanager
async def browsing(
    hass: HomeAssistant, client: ClientSessionGenerator, admin: User
) -> AsyncIterator[Browse]:
    """Yield what opens pages, and close their browsers on exit.

    Pages are left before, once Home Assistant has nothing more to write to them: aiohttp complains
    of a connection that goes meanwhile, in a task that nobody waits for.
    """
    pages: list[Page] = []
    _overlook_browsers_that_go()
    async with AsyncExitStack() as browsers:

        async def browse(user: User | None = None, locale: str = "en-GB") -> Page:
            address = str((await client()).server.make_url("")).rstrip("/")
            token = await hass.auth.async_create_refresh_token(user or admin, f"{address}/")
            tokens = {
                "access_token": hass.auth.async_create_access_token(token),
                "refresh_token": token.token,
                "expires_in": token.access_token_expiration.seconds,
                "token_type": "Bearer",
            }
            context = await browsers.enter_async_context(signed_in(address, tokens, locale))
            page = await context.new_page()
            page.set_default_timeout(PATIENCE * 1000)
            pages.append(page)
            return page

        yield browse
        await hass.async_block_till_done()
        for page in pages:
            await page.goto("about:blank")


def _overlook_browsers_that_go() -> None:
    """Have the test not fail of what Home Assistant still writes to a browser that is closed."""
    loop = asyncio.get_running_loop()
    before = loop.get_exception_handler()

    def handle(of_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if before and not isinstance(context.get("exception"), ClientConnectionResetError):
            before(of_loop, context)

    loop.set_exception_handler(handle)
