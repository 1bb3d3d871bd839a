"""aiomqtt's client as push needs it: quick, quiet about passing faults, and never left open."""

from __future__ import annotations

import asyncio
import logging
import ssl
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, override

import aiomqtt

from .endpoints import is_own_host

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

_LOGGER = logging.getLogger(__name__)

# Seconds in which acknowledgements of QoS 1 are written together: nobody waits for them, while
# with QoS 2 the message itself does.
TOGETHER: Final = 0.002
# Bytes of messages that are not whole yet, or that the broker has not released, as QoS 2 has it.
# All that thousands of locks tell at once is less.
MOST_UNHANDLED: Final = 16 * 1024 * 1024
READ_AT_ONCE: Final = 64 * 1024  # bytes


def _passing(record: logging.LogRecord) -> bool:
    """Have for debugging only what the client calls an error: it is tried again."""
    record.levelno, record.levelname = logging.DEBUG, "DEBUG"
    return _LOGGER.isEnabledFor(logging.DEBUG)


_LOGGER.addFilter(_passing)


class WrongNameError(ssl.SSLCertVerificationError):
    """A certificate that is trusted names no host of Xiaomi's."""

    verify_code = 62  # OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH


class _OwnNamesSocket(ssl.SSLSocket):
    """A connection that needs a certificate of any host of Xiaomi's, before anything is sent."""

    @override
    def do_handshake(self, block: bool = False) -> None:
        super().do_handshake(block)
        shown = self.getpeercert() or {}
        names = [str(name[1]) for name in shown.get("subjectAltName", ()) if name[0] == "DNS"]
        if not any(map(is_own_host, names)):
            self.close()
            raise WrongNameError("the certificate names no host of Xiaomi's")


def accept_own_names(tls: ssl.SSLContext) -> None:
    """Have a context trust a certificate of any host of Xiaomi's, and of nobody else.

    It is for hosts of Xiaomi's alone: it does not look which of them is meant.
    """
    tls.check_hostname = False
    tls.sslsocket_class = _OwnNamesSocket


class Client(aiomqtt.Client):
    """A client that hands the topic and payload of each message over as it is read.

    From aiomqtt's own queue, reading costs a task for each message.
    """

    def __init__(
        self, host: str, port: int, hand_over: Callable[[str, bytes], None], **options: Any
    ) -> None:
        """Prepare; the options are aiomqtt's."""
        super().__init__(host, port, logger=_LOGGER, **options)
        self._hand_over = hand_over
        self._acknowledging = False
        self._delayed: asyncio.TimerHandle | None = None
        self._bound(self._client)
        self.reason: int | None = None
        """Why the broker ended the connection, by its reason code; None where it did not say."""

    @staticmethod
    def _bound(client: Any) -> None:
        """End the connection to a broker that sends more than it lets be handled.

        paho keeps it all, however much that is.
        """
        receive, unhandled = client._sock_recv, 0  # noqa: SLF001

        def bounded(size: int) -> bytes:
            nonlocal unhandled
            if not client._in_messages and not client._in_packet["command"]:  # noqa: SLF001
                unhandled = 0
            data: bytes = receive(min(size, READ_AT_ONCE))
            unhandled += len(data)
            if unhandled > MOST_UNHANDLED:
                raise ConnectionError("the broker sends more than it lets be handled")
            return data

        client._sock_recv = bounded  # noqa: SLF001

    @override
    def _on_message(self, client: Any, userdata: Any, message: Any) -> None:
        self._hand_over(message.topic, message.payload)
        self._acknowledging = message.qos == 1

    @override
    def _on_socket_register_write(self, client: Any, userdata: Any, sock: Any) -> None:
        """Watch the socket unless it was closed, as by a broker that drops who just came.

        aiomqtt watches a closed one too, and that fails in the event loop where nobody looks. It
        also wakes the loop for each acknowledgement, from within the loop.
        """

        def write() -> None:
            try:
                client.loop_write()
            except Exception as error:  # noqa: BLE001, as aiomqtt does: it ends the connection
                if not self._disconnected.done():
                    self._disconnected.set_exception(error)

        def watch() -> None:
            if sock.fileno() != -1:
                self._loop.add_writer(sock.fileno(), write)

        try:
            asyncio.get_running_loop()
        except RuntimeError:  # This is the thread that connects.
            self._loop.call_soon_threadsafe(watch)
        else:
            if self._acknowledging:
                self._delayed = self._loop.call_later(TOGETHER, watch)
            else:
                watch()
        self._acknowledging = False

    @override
    def _on_disconnect(
        self, client: Any, userdata: Any, flags: Any, reason_code: Any, properties: Any = None
    ) -> None:
        """Notice a broker that drops us before it answers: aiomqtt waits for the answer.

        Where it has just stopped waiting, it has yet to notice itself, and trips over that.
        paho takes note of the reason only where properties follow it, else for a good one.
        """
        if flags and flags.is_disconnect_packet_from_server:
            self.reason = next(iter(client._in_packet["packet"]), None)  # noqa: SLF001
            reason_code = reason_code if self.reason is None else self.reason
        if self._connected.cancelled():
            return
        if self._lock.locked() and not self._connected.done():
            self._connected.set_exception(aiomqtt.MqttCodeError(reason_code, "Dropped"))
        super()._on_disconnect(client, userdata, flags, reason_code, properties)

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        """Connect, and close the connection however that ends.

        aiomqtt forgets its socket where connecting fails or is canceled. It connects in a
        thread, which nothing can end early: so that is waited for.
        """
        connecting = asyncio.ensure_future(self.__aenter__())
        try:
            await asyncio.shield(connecting)
            yield
        finally:
            with suppress(aiomqtt.MqttError):
                await connecting
                await self.__aexit__(None, None, None)
            self._client.disconnect()
            if self._delayed:
                self._delayed.cancel()
            if self._disconnected.done() and not self._disconnected.cancelled():
                self._disconnected.exception()  # Where it ended before anybody waited for that.

    async def ended(self) -> None:
        """Wait for the end of the connection; raises aiomqtt.MqttError then."""
        await anext(self.messages)  # None is put there.
