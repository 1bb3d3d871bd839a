"""A client of Home Assistant like a browser: HTTP requests, WebSocket commands and states."""

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
        """Return the state after a difference in the compressed form of ``subscribe_entities``."""
        added = difference.get("+", {})
        removed = difference.get("-", {}).get("a", ())
        kept = {name: value for name, value in self.attributes.items() if name not in removed}
        return type(self)(added.get("s", self.state), {**kept, **added.get("a", {})})


class Client:
    """A user's session, with a task that reads all messages.

    Home Assistant sends a ping every 55 seconds and closes the connection of a client that does not
    read, since only reading answers it.
    """

    def __init__(
        self,
        http: aiohttp.ClientSession,
        websocket: aiohttp.ClientWebSocketResponse,
        tokens: dict[str, Any],
    ) -> None:
        """Store the open connections and the tokens of ``/auth/token``."""
        self.states: dict[str, State] = {}
        self._follows = False
        self.tokens = tokens
        self._http = http
        self._websocket = websocket
        self._ids = count(1)
        self._results: dict[int, asyncio.Future[Any]] = {}
        self._news = asyncio.Condition()
        self.reading = asyncio.create_task(self._read())
        """The task that reads messages.

        It fails with HomeAssistantError when the connection is closed.
        """

    async def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Send JSON to a path of the HTTP API and return the answer."""
        async with self._http.post(path, json=body) as response:
            return await _answer(response)

    async def get(self, path: str) -> Any:
        """Return the JSON at a path of the HTTP API."""
        async with self._http.get(path) as response:
            return await _answer(response)

    async def delete(self, path: str) -> Any:
        """Send a DELETE request to a path of the HTTP API and return the answer."""
        async with self._http.delete(path) as response:
            return await _answer(response)

    async def file(self, path: str) -> bytes:
        """Return the content at a path, b"" after an error status."""
        async with self._http.get(path) as response:
            return await response.read() if response.ok else b""

    async def command(self, kind: str, **fields: object) -> Any:
        """Send a command over the WebSocket and return its result.

        Raises HomeAssistantError if it fails.
        """
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
        """Call a service action, ``domain.name``, on an entity."""
        await self._call(name, entity_id, data)

    async def ask(self, name: str, entity_id: str, **data: object) -> Any:
        """Call a service action on an entity, and return its response."""
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
        """Add a user who is not an administrator."""
        answer = await self.command("config/auth/create", name=name, group_ids=["system-users"])
        await self.command(
            "config/auth_provider/homeassistant/create",
            user_id=answer["user"]["id"],
            username=name,
            password=password,
        )

    async def ready(self) -> None:
        """Wait until Home Assistant runs, and answers ``get_services``, which browsers need."""
        while (await self.command("get_config"))["state"] != "RUNNING":  # noqa: ASYNC110
            await asyncio.sleep(0.2)
        await self.command("get_services")

    async def follow_states(self) -> None:
        """Subscribe to states, and keep ``states`` up to date."""
        if not self._follows:
            self._follows = True
            await self.command("subscribe_entities")

    async def wait_until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait for a condition; return whether it became true within so many seconds.

        The condition is checked after each message.
        """

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
        """Process messages as they arrive."""
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
        """Apply a message of ``subscribe_entities`` to the states."""
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
    """Complete a new Home Assistant's onboarding; yield the session of its first user."""
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
    """Sign in as an existing user, and yield the session."""
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
    """Open a session with the authorization code of a sign-in."""
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
    """Return an answer's JSON. Raises HomeAssistantError after an error status."""
    if not response.ok:
        message = f"{response.method} {response.url.path}: {response.status}"
        raise HomeAssistantError(f"{message} {await response.text()}")
    return await response.json()
