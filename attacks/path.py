"""An attacker on the path to Xiaomi: the operator of a router, a DNS server or a proxy."""

from __future__ import annotations

import ssl
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from custom_components.xiaomi_smart_lock.const import DOMAIN
from demo.home_assistant import HomeAssistantError
from simulator import real_names
from simulator.tls import Authority

from .attack import HELD, Attacks, expect, until
from .impostors import HERE, PLAIN_HTTP, Stranger, in_the_place_of, listening

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from simulator.cloud import Cloud
    from simulator.gate import Gate

    from .house import House

    type Prove = Callable[[House, Service], ssl.SSLContext]

WHO: Final = "Somebody on the path to Xiaomi"
ATTACKS: Final = Attacks(WHO)

CLOUD_HOST: Final = "ha.api.io.mi.com"
PUSH_HOST: Final = "cn-ha.mqtt.io.mi.com"
ANOTHER_PUSH_HOST: Final = "de-ha.mqtt.io.mi.com"
PLAIN_MQTT: Final = 1883

REDIRECT: Final = (
    f"HTTP/1.1 307 Temporary Redirect\r\nLocation: http://{CLOUD_HOST}/there\r\n"
    "Content-Length: 0\r\nConnection: close\r\n\r\n"
).encode()
WELCOME: Final = bytes((0x20, 3, 0, 0, 0))  # a CONNACK of MQTT 5: success


@dataclass(frozen=True, slots=True)
class Service:
    """One of Xiaomi's servers, with all that an impostor of it needs."""

    what: str
    of: Callable[[House], Cloud | Gate]
    names: tuple[str, ...]
    """The names that a valid certificate has."""
    told: tuple[str, ...]
    """Names of which one is enough for Home Assistant to accept the certificate."""
    others: tuple[str, ...]
    """Names that Home Assistant must not accept."""
    secret: bytes
    """Bytes that Home Assistant sends only to this service."""
    answer: bytes
    """The impostor's answer, meant to make Home Assistant send more."""
    plain_port: int


# Anybody can get a trusted certificate for a name of their own. An attacker can have each of these
# names, except the last one for the cloud: it is Xiaomi's, but of another service.
STRANGERS: Final = (
    "push.example",
    "*.example",
    "evil-mi.com",
    "mi.com.example",
    "io.mi.com.evil.example",
)
SERVICES: Final = (
    Service(
        what="the cloud",
        of=lambda house: house.simulator.cloud,
        names=real_names.CLOUD,
        told=real_names.CLOUD,
        others=(*STRANGERS, f"{CLOUD_HOST}.example", ANOTHER_PUSH_HOST),
        secret=b"Authorization: Bearer",
        answer=REDIRECT,
        plain_port=PLAIN_HTTP,
    ),
    Service(
        what="the push server",
        of=lambda house: house.simulator.gate,
        names=real_names.BROKER,
        told=(ANOTHER_PUSH_HOST,),
        others=(*STRANGERS, f"{PUSH_HOST}.example"),
        secret=b"MQTT",
        answer=WELCOME,
        plain_port=PLAIN_MQTT,
    ),
)


def _unknown(house: House, service: Service) -> ssl.SSLContext:
    file = house.simulator.ca_file.with_name("stranger.pem")
    return Authority(file).context(*service.names)


def _signed_by_itself(_house: House, service: Service) -> ssl.SSLContext:
    now, key = datetime.now(UTC), ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, service.names[0])])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName(list(map(x509.DNSName, service.names))), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.LeafCert(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
        certificate.public_bytes(serialization.Encoding.PEM),
        [],
    ).configure_cert(context)
    return context


def _trusted(names: Callable[[Service], tuple[str, ...]], **special: Any) -> Prove:
    """Return a function that creates a certificate of an authority that Home Assistant trusts."""
    return lambda house, service: house.simulator.authority.context(*names(service), **special)


def _as_common_name(house: House, service: Service) -> ssl.SSLContext:
    [name] = service.names[:1]
    return house.simulator.authority.context("push.example", common_name=name)


_LONG_AGO: Final = datetime(2020, 1, 1, tzinfo=UTC)
PROOFS: Final[dict[str, Prove]] = {
    "of an authority that nobody trusts": _unknown,
    "that it has signed itself": _signed_by_itself,
    "that has expired": _trusted(
        lambda service: service.names, not_before=_LONG_AGO, not_after=_LONG_AGO + timedelta(90)
    ),
    "for names of its own": _trusted(lambda service: service.others),
    "with the name where none counts": _as_common_name,
    "for its address": _trusted(lambda _: (HERE,)),
}


WRONG_NAME: Final = "push_wrong_name"
SHORT: Final = "for names of its own"
"""The only certificate that is also tried with ``--short``."""


async def _come(house: House, stranger: Stranger) -> list[bytes]:
    """Reload the entry, so that Home Assistant connects; return what it sent to the stranger."""
    stranger.forget()
    await house.reload(house.lock)
    await until(lambda: stranger.visits and not stranger.present, "nobody came")
    return stranger.told


async def leave(house: House) -> None:
    """Restore the connections.

    Raises NotTriedError if the entry does not load, or if push does not come back.
    """
    entry = await house.reload(house.lock)
    expect(entry["state"] == "loaded", f"the entry is {entry['state']} afterwards")
    await until(lambda: house.simulator.gate.connections, "push does not come back")


@asynccontextmanager
async def _pretending(house: House, service: Service) -> AsyncIterator[Stranger]:
    """Impersonate a service with a valid certificate, and check that Home Assistant accepts it.

    Raises NotTriedError if Home Assistant does not send the service's secret even then.
    """
    tls = house.simulator.authority.context(*service.told)
    stranger = Stranger(tls, service.answer)
    try:
        async with in_the_place_of(service.of(house), stranger.meet):
            told = b"".join(await _come(house, stranger))
            expect(service.secret in told, "nothing is told with the right certificate either")
            yield stranger
    finally:
        await leave(house)


async def _show(service: Service, prove: Prove, house: House) -> str:
    async with _pretending(house, service) as stranger:
        stranger.tls = prove(house, service)
        told = await _come(house, stranger)
    return f"it was told {told[0][:40]!r}" if told else HELD


async def _speak_plain_text(service: Service, house: House) -> str:
    """Speak plain text instead of TLS: at the service's port, and where the redirect leads."""
    trap = Stranger()
    async with (
        listening(trap.meet, service.plain_port),
        _pretending(house, service) as stranger,
    ):
        stranger.tls = None
        await _come(house, stranger)
        await until(lambda: stranger.visits > 1, "nobody tries again")
        told = stranger.told
    if trap.visits:
        return "it came to where nothing is encrypted"
    return f"it was told {told[0][:40]!r}" if told else HELD


for _service in SERVICES:
    for _what, _prove in PROOFS.items():
        ATTACKS.try_to(f"be {_service.what}, with a certificate {_what}", in_short=_what == SHORT)(
            partial(_show, _service, _prove)
        )
    ATTACKS.try_to(f"be {_service.what}, and speak plain text", in_short=False)(
        partial(_speak_plain_text, _service)
    )


@ATTACKS.try_to("have the owner accept the push server of a stranger")
async def _have_it_accepted(house: House) -> str:
    service = SERVICES[1]
    async with _pretending(house, service) as stranger:
        stranger.tls = house.simulator.authority.context(*service.others)
        told = await _come(house, stranger)
        issues = [one for one in await house.issues() if one["translation_key"] == WRONG_NAME]
        expect(told or issues, "the owner is not told of it")
        for issue in issues:
            await _fix(house, issue["issue_id"])
            told += await _come(house, stranger)
    if any(issue["is_fixable"] for issue in issues):
        return "a repair offers it"
    return f"it was told {told[0][:40]!r}" if told else HELD


async def _fix(house: House, issue_id: str) -> None:
    """Complete the fix flow of a repair issue, if there is one, with whatever it offers."""
    flow = "/api/repairs/issues/fix"
    with suppress(HomeAssistantError):
        step = await house.owner.post(flow, {"handler": DOMAIN, "issue_id": issue_id})
        await house.owner.post(f"{flow}/{step['flow_id']}", {})
