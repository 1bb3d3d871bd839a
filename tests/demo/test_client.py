"""The demo's session lasts as long as Home Assistant runs, and its end is noticed."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import aiohttp
import pytest
from aiohttp import WSMsgType, web

from demo.__main__ import Demo, ends, play_day_after_day
from demo.client import Client
from demo.controls import DAY
from demo.day import Command, Step
from demo.home_assistant import HomeAssistantError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pytest_aiohttp.plugin import AiohttpClient

PATIENCE = 30


class Server:
    """The side of Home Assistant: one WebSocket, handled by each test itself."""

    def __init__(self) -> None:
        """Prepare for one connection."""
        self.websocket: asyncio.Future[web.WebSocketResponse] = asyncio.Future()
        self.over = asyncio.Event()

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        """Hand the connection over to the test."""
        websocket = web.WebSocketResponse(autoping=False)
        await websocket.prepare(request)
        self.websocket.set_result(websocket)
        await self.over.wait()
        return websocket


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """Return what the client connects to."""
    one = Server()
    yield one
    one.over.set()


@pytest.fixture
async def client(
    socket_enabled: None, aiohttp_client: AiohttpClient, server: Server
) -> AsyncIterator[Client]:
    """Return a client that is connected."""
    app = web.Application()
    app.router.add_get("/", server.handle)
    http = await aiohttp_client(app)
    websocket = await http.ws_connect("/")
    one = Client(cast("aiohttp.ClientSession", http), websocket, {})
    yield one
    one.reading.cancel()


async def test_a_sign_of_life_is_given_while_nothing_is_asked(
    server: Server, client: Client
) -> None:
    """Home Assistant closes a connection on which nobody answers its pings."""
    websocket = await server.websocket
    async with asyncio.timeout(PATIENCE):
        await websocket.ping(b"alive?")
        answer = await websocket.receive()
    assert (answer.type, answer.data) == (WSMsgType.PONG, b"alive?")


async def test_states_change_while_nothing_is_asked(server: Server, client: Client) -> None:
    """What Home Assistant tells is taken when it is told."""
    websocket = await server.websocket
    news = {"a": {"lock.front_door": {"s": "locked", "a": {}}}}
    waiting = asyncio.create_task(
        client.wait_until(lambda: "lock.front_door" in client.states, PATIENCE)
    )
    await websocket.send_json({"id": 1, "type": "event", "event": news})
    assert await waiting
    assert client.states["lock.front_door"].state == "locked"


async def test_the_end_of_the_connection_is_an_error_for_who_waits(
    server: Server, client: Client
) -> None:
    """Neither a command nor a condition is waited for once nothing can come."""
    websocket = await server.websocket
    asking = asyncio.create_task(client.command("get_config"))
    waiting = asyncio.create_task(client.wait_until(lambda: False, PATIENCE))
    async with asyncio.timeout(PATIENCE):
        await websocket.receive()
        await websocket.close()
        for task in (asking, waiting):
            with pytest.raises(HomeAssistantError, match="closed the WebSocket"):
                await task


def _demo(**ending: asyncio.Future[None]) -> Demo:
    """Return a demo of which all goes on but what is said to end."""
    forever: asyncio.Future[None] = asyncio.Future()
    reading, work = (ending.get(name, forever) for name in ("reading", "work"))
    client = SimpleNamespace(reading=reading)
    parts: Any = SimpleNamespace(
        simulator=SimpleNamespace(works=[work]),
        home=SimpleNamespace(client=client),
        home_assistant=SimpleNamespace(wait=asyncio.Event().wait),
    )
    nobody = cast("Any", None)
    return Demo(parts.simulator, nobody, parts.home, parts.home_assistant, nobody, ())


@pytest.mark.parametrize("part", ["reading", "work"])
async def test_what_ends_by_itself_ends_the_demo_with_its_words(part: str) -> None:
    """The demo does not stand still in silence."""
    ended: asyncio.Future[None] = asyncio.Future()
    ended.set_exception(HomeAssistantError("it broke"))
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(HomeAssistantError, match="it broke"):
            await ends(_demo(**{part: ended}), asyncio.Event().wait())  # type: ignore[arg-type]


async def test_a_step_that_fails_ends_the_demo_with_its_words() -> None:
    """An error of what is played is not kept until Ctrl-C."""

    async def fail() -> None:
        raise HomeAssistantError("the guest stood before a closed door")

    async with asyncio.timeout(PATIENCE):
        with pytest.raises(HomeAssistantError, match="closed door"):
            await ends(_demo(), fail())


async def test_the_day_goes_on_whatever_is_in_its_way() -> None:
    class Over(Exception):  # noqa: N818
        """The day came to its last step."""

    def nobody(_: object) -> None:
        raise KeyError(21)

    def over(_: object) -> None:
        raise Over

    async def refuse(*_: object, **__: object) -> None:
        raise HomeAssistantError("A credential is being enrolled already")

    async def at_once(condition: Any, _: float) -> bool:
        return bool(condition())

    client = SimpleNamespace(
        action=refuse, wait_until=at_once, states={DAY: SimpleNamespace(state="on")}
    )
    home = SimpleNamespace(client=client, entity_ids={"lock.lock": "lock.front_door"})
    demo = cast("Demo", SimpleNamespace(home=home, lock=None, s1=None))
    steps = (
        Command("A password is given", "lock.lock", "domain.action", bool),
        Step("It is used", nobody),
        Step("The door opens", over),
    )

    with pytest.raises(Over):
        await play_day_after_day(demo, steps, 0)
