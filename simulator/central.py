"""The certificates for connections from Home Assistant to a home's central gateway.

The official client requests one in each region with such gateways, even before there is a gateway.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import NameOID

PATH: Final = "/app/v2/ha/oauth/get_central_crt"

_VALID: Final = timedelta(days=365)
_FIXED: Final = {NameOID.COUNTRY_NAME: "CN", NameOID.ORGANIZATION_NAME: "Mijia Device"}


class CentralAuthority:
    """An authority that signs certificate requests of clients, in its own name only."""

    def __init__(self) -> None:
        """Generate the key of the authority."""
        self._key = Ed25519PrivateKey.generate()
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Simulated gateways")])

    def sign(self, user_id: str, encoded: str) -> str:
        """Return a certificate in PEM for an account's certificate request, PEM in base64.

        Raises ValueError if the request is not the account's own.
        """
        request = x509.load_pem_x509_csr(base64.b64decode(encoded, validate=True))
        given = {attribute.oid: str(attribute.value) for attribute in request.subject}
        kind, _, rest = given.pop(NameOID.COMMON_NAME, "").partition(".")
        right = kind == "mips" and rest.startswith(f"{user_id}.") and given == _FIXED
        if not right or not request.is_signature_valid:
            raise ValueError("not a request of this account")
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(request.subject)
            .issuer_name(self._name)
            .public_key(request.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=1))
            .not_valid_after(now + _VALID)
            .sign(self._key, None)
        )
        return certificate.public_bytes(serialization.Encoding.PEM).decode()
