"""What a signed-in user's browser does: requests, commands, and states as they change."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any, Self

import aiohttp

from .home_assistant import HomeAssistantError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping


@dataclass(frozen=True, slots=True)
class State:
    """An entity's state and attributes, as Home Assistant sends them."""

    state: str
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def changed(self, difference: Mapping[str, Any]) -> Self:
        """Return the state after a change, in the compressed form of ``subscribe_entities``."""
        added = difference.get("+", {})
        removed = difference.get("-", {}).get("a", ())
        kept = {name: value for name, value in self.attributes.items() if name not in removed}
        return type(self)(added.get("s", self.state), {**kept, **added.get("a", {})})


class Client:
    """A user's session, whose messages are read all the time: who reads none is dropped.

    Home Assistant asks for a sign of life every 55 seconds, and only a reader gives one.
    """

    def __init__(
        self,
        http: aiohttp.ClientSession,
        websocket: aiohttp.ClientWebSocketResponse,
        tokens: dict[str, Any],
    ) -> None:
        """Keep the open connections and the tokens of ``/auth/token``."""
        self.states: dict[str, State] = {}
        self._follows = False
        self.tokens = tokens
        self._http = http
        self._websocket = websocket
        self._ids = count(1)
        self._results: dict[int, asyncio.Future[Any]] = {}
        self._news = asyncio.Condition()
        self.reading = asyncio.create_task(self._read())
        """Ends with HomeAssistantError when Home Assistant closes the connection."""

    async def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Send JSON to a path of the HTTP interface and return its answer."""
        async with self._http.post(path, json=body) as response:
            return await _answer(response)

    async def get(self, path: str) -> Any:
        """Return the JSON that a path of the HTTP interface answers with."""
        async with self._http.get(path) as response:
            return await _answer(response)

    async def delete(self, path: str) -> Any:
        """Have what is at a path of the HTTP interface deleted."""
        async with self._http.delete(path) as response:
            return await _answer(response)

    async def file(self, path: str) -> bytes:
        """Return what a path answers with, nothing where it has none."""
        async with self._http.get(path) as response:
            return await response.read() if response.ok else b""

    async def command(self, kind: str, **fields: object) -> Any:
        """Send a command over the WebSocket and return its result."""
        ident = next(self._ids)
        self._results[ident] = result = asyncio.get_running_loop().create_future()
        try:
            await self._websocket.send_json({"id": ident, "type": kind, **fields})
            await asyncio.wait({result, self.reading}, return_when=asyncio.FIRST_COMPLETED)
            if not result.done():
                await self.reading
            message = await result
        finally:
            del self._results[ident]
        if not message["success"]:
            raise HomeAssistantError(f"{kind}: {message['error']['message']}")
        return message["result"]

    async def action(self, name: str, entity_id: str, **data: object) -> None:
        """Call an action, ``domain.name``, on an entity."""
        await self._call(name, entity_id, data)

    async def ask(self, name: str, entity_id: str, **data: object) -> Any:
        """Call an action on an entity, and return what it answers."""
        answer = await self._call(name, entity_id, data, return_response=True)
        return answer["response"][entity_id]

    async def _call(
        self, name: str, entity_id: str, data: Mapping[str, object], **options: object
    ) -> Any:
        domain, service = name.split(".")
        return await self.command(
            "call_service",
            domain=domain,
            service=service,
            target={"entity_id": entity_id},
            service_data=data,
            **options,
        )

    async def add_user(self, name: str, password: str) -> None:
        """Have there be another user, who is no administrator."""
        answer = await self.command("config/auth/create", name=name, group_ids=["system-users"])
        await self.command(
            "config/auth_provider/homeassistant/create",
            user_id=answer["user"]["id"],
            username=name,
            password=password,
        )

    async def ready(self) -> None:
        """Return once all is started and a browser would get what it cannot do without."""
        while (await self.command("get_config"))["state"] != "RUNNING":  # noqa: ASYNC110
            await asyncio.sleep(0.2)
        await self.command("get_services")

    async def follow_states(self) -> None:
        """Keep ``states`` up to date from now on."""
        if not self._follows:
            self._follows = True
            await self.command("subscribe_entities")

    async def wait_until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait until messages meet a condition; return whether they did within the time."""

        async def met() -> bool:
            async with self._news:
                return await self._news.wait_for(condition)

        waiting = asyncio.create_task(met())
        try:
            await asyncio.wait(
                {waiting, self.reading}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
            )
            if self.reading.done():
                await self.reading
            return waiting.done() and waiting.result()
        finally:
            waiting.cancel()

    async def _read(self) -> None:
        """Take each message as it comes."""
        async for raw in self._websocket:
            message: dict[str, Any] = raw.json()
            if message["type"] == "event":
                self._apply(message["event"])
            elif (result := self._results.get(message["id"])) and not result.done():
                result.set_result(message)
            async with self._news:
                self._news.notify_all()
        raise HomeAssistantError("Home Assistant closed the WebSocket connection")

    def _apply(self, event: Mapping[str, Any]) -> None:
        """Take over what a message of ``subscribe_entities`` says."""
        for entity_id, new in event.get("a", {}).items():
            self.states[entity_id] = State(new["s"], new["a"])
        for entity_id, difference in event.get("c", {}).items():
            self.states[entity_id] = self.states[entity_id].changed(difference)
        for entity_id in event.get("r", ()):
            self.states.pop(entity_id, None)


@asynccontextmanager
async def onboard(
    address: str, name: str, password: str, language: str = "en"
) -> AsyncIterator[Client]:
    """Go through a new Home Assistant's onboarding and stay signed in as its first user."""
    client_id = f"{address}/"
    async with aiohttp.ClientSession(address) as http:
        user = {
            "client_id": client_id,
            "language": language,
            "name": name.title(),
            "username": name,
            "password": password,
        }
        async with http.post("/api/onboarding/users", json=user) as response:
            code = (await _answer(response))["auth_code"]
        async with _session(http, client_id, code) as client:
            await client.post("/api/onboarding/analytics", {})
            await client.post(
                "/api/onboarding/integration",
                {"client_id": client_id, "redirect_uri": client_id},
            )
            await client.ready()
            yield client


@asynccontextmanager
async def signed_in(address: str, name: str, password: str) -> AsyncIterator[Client]:
    """Sign in as a user that is known, and stay so."""
    client_id = f"{address}/"
    async with aiohttp.ClientSession(address) as http:
        flow = {
            "client_id": client_id,
            "handler": ["homeassistant", None],
            "redirect_uri": client_id,
        }
        async with http.post("/auth/login_flow", json=flow) as response:
            flow_id = (await _answer(response))["flow_id"]
        proof = {"client_id": client_id, "username": name, "password": password}
        async with http.post(f"/auth/login_flow/{flow_id}", json=proof) as response:
            code = (await _answer(response))["result"]
        async with _session(http, client_id, code) as client:
            yield client


@asynccontextmanager
async def _session(http: aiohttp.ClientSession, client_id: str, code: str) -> AsyncIterator[Client]:
    """Have the session of a user that a code of the sign-in is for."""
    tokens = await _tokens(http, client_id, code)
    http.headers["Authorization"] = f"Bearer {tokens['access_token']}"
    async with http.ws_connect("/api/websocket", max_msg_size=0) as websocket:
        await websocket.receive_json()
        await websocket.send_json({"type": "auth", "access_token": tokens["access_token"]})
        if (await websocket.receive_json())["type"] != "auth_ok":
            raise HomeAssistantError("the WebSocket interface refused the access token")
        client = Client(http, websocket, tokens)
        try:
            yield client
        finally:
            client.reading.cancel()


async def _tokens(http: aiohttp.ClientSession, client_id: str, code: str) -> dict[str, Any]:
    form = {"grant_type": "authorization_code", "client_id": client_id, "code": code}
    async with http.post("/auth/token", data=form) as response:
        tokens: dict[str, Any] = await _answer(response)
        return tokens


async def _answer(response: aiohttp.ClientResponse) -> Any:
    """Return an answer's JSON, or say what Home Assistant did not like."""
    if not response.ok:
        message = f"{response.method} {response.url.path}: {response.status}"
        raise HomeAssistantError(f"{message} {await response.text()}")
    return await response.json()
