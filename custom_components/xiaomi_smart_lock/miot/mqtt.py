"""aiomqtt's client adapted to push: faster, without errors in the log, and always closed."""

from __future__ import annotations

import asyncio
import logging
import ssl
from contextlib import asynccontextmanager, suppress
from functools import wraps
from typing import TYPE_CHECKING, Any, Final, override

import aiomqtt

from .endpoints import is_own_host

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

_LOGGER = logging.getLogger(__name__)

# Seconds to collect acknowledgements of QoS 1 before they are written: nothing waits for them,
# while with QoS 2 the message itself waits for its acknowledgement.
TOGETHER: Final = 0.002
# Bytes of messages that are incomplete, or not yet released by the broker (QoS 2). Simultaneous
# reports of thousands of locks take less.
MOST_UNHANDLED: Final = 16 * 1024 * 1024
READ_AT_ONCE: Final = 64 * 1024  # bytes


def _passing(record: logging.LogRecord) -> bool:
    """Log the client's messages, even its errors, at debug level only: it connects again."""
    record.levelno, record.levelname = logging.DEBUG, "DEBUG"
    return _LOGGER.isEnabledFor(logging.DEBUG)


_LOGGER.addFilter(_passing)


def _clear_tls_errors() -> None:
    """Clear OpenSSL's error queue of this thread.

    Observed with Python 3.14 and OpenSSL 3.6: a system error of one socket, such as EPIPE, stays in
    the queue. ssl then raises it for other connections of the thread, which ends them. CPython
    clears the queue when it refuses a cipher.
    """
    with suppress(ssl.SSLError):
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).set_ciphers("none")


def _clearing[**P, T](transfer: Callable[P, T]) -> Callable[P, T]:
    """Wrap a function that reads or writes a socket: it clears the queue after a system error."""

    @wraps(transfer)
    def clearing(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return transfer(*args, **kwargs)
        except (BlockingIOError, ssl.SSLError):  # Nothing to read yet, or the queue is cleared.
            raise
        except OSError:
            _clear_tls_errors()
            raise

    return clearing


class WrongNameError(ssl.SSLCertVerificationError):
    """A trusted certificate names no host of Xiaomi's."""

    verify_code = 62  # OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH


class _OwnNamesSocket(ssl.SSLSocket):
    """A TLS socket that requires a certificate of any Xiaomi host before anything is sent."""

    @override
    def do_handshake(self, block: bool = False) -> None:
        super().do_handshake(block)
        shown = self.getpeercert() or {}
        names = [str(name[1]) for name in shown.get("subjectAltName", ()) if name[0] == "DNS"]
        if not any(map(is_own_host, names)):
            self.close()
            raise WrongNameError("the certificate names no host of Xiaomi's")


def accept_own_names(tls: ssl.SSLContext) -> None:
    """Make a context accept certificates of any Xiaomi host, and no others.

    Use it only to connect to Xiaomi's hosts: it does not check which of them the certificate names.
    """
    tls.check_hostname = False
    tls.sslsocket_class = _OwnNamesSocket


class Client(aiomqtt.Client):
    """An MQTT client that calls ``hand_over`` with topic and payload of each message it reads.

    Reading from aiomqtt's own queue would cost a task per message.
    """

    def __init__(
        self, host: str, port: int, hand_over: Callable[[str, bytes], None], **options: Any
    ) -> None:
        """Initialize the client; the options are aiomqtt's."""
        super().__init__(host, port, logger=_LOGGER, **options)
        self._hand_over = hand_over
        self._acknowledging = False
        self._delayed: asyncio.TimerHandle | None = None
        self._bound(self._client)
        self.reason: int | None = None
        """The reason code with which the broker ended the connection, None if it sent none."""

    @staticmethod
    def _bound(client: Any) -> None:
        """End the connection if the broker sends too many bytes of unfinished messages.

        The limit is MOST_UNHANDLED; paho would keep any amount in memory.
        """
        receive, unhandled = _clearing(client._sock_recv), 0  # noqa: SLF001

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
        client._sock_send = _clearing(client._sock_send)  # noqa: SLF001

    @override
    def _on_message(self, client: Any, userdata: Any, message: Any) -> None:
        self._hand_over(message.topic, message.payload)
        self._acknowledging = message.qos == 1

    @override
    def _on_socket_register_write(self, client: Any, userdata: Any, sock: Any) -> None:
        """Watch the socket unless it is closed, e.g. by a broker that drops new connections.

        aiomqtt would watch a closed socket, too, which fails in the event loop without anyone to
        handle it. It would also wake the loop for each acknowledgement, from within the loop.
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
        except RuntimeError:  # in the thread that connects
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
        """Notice a broker that disconnects before it answers; aiomqtt would wait for the answer.

        Do nothing if that wait was just canceled: aiomqtt's own callback would fail then. paho
        stores the reason code only if properties follow it, and otherwise assumes a normal end.
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
        """Connect, and close the connection on exit, even if connecting fails or is canceled.

        aiomqtt would leave its socket open then. It connects in a thread, which cannot be
        interrupted, so closing waits for it.
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
                self._disconnected.exception()  # Mark it as retrieved: maybe nobody waited.

    async def ended(self) -> None:
        """Wait until the connection ends; raises aiomqtt.MqttError then."""
        await anext(self.messages)  # This queue never gets a message.
