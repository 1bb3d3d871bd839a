"""A certificate authority of the simulator's own."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any, Final

import trustme

if TYPE_CHECKING:
    from pathlib import Path

OWN: Final = 0o644
"""The mode of what decides whom the integration trusts, whatever the umask."""
HERE: Final = ("localhost", "127.0.0.1")


class Authority:
    """Vouches for servers on loopback."""

    def __init__(self, ca_file: Path) -> None:
        """Write the certificate by which it is trusted."""
        self._authority = trustme.CA()
        self._authority.cert_pem.write_to_path(ca_file)
        ca_file.chmod(OWN)

    def context(self, *names: str, **special: Any) -> ssl.SSLContext:
        """Return a context for a server of these names and addresses; without any, for one here.

        What is special of its certificate is as trustme's ``issue_cert`` takes it.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.num_tickets = 0  # Else OpenSSL keeps all sessions, to which nobody returns.
        self.certify(context, *(names or HERE), **special)
        return context

    def certify(self, context: ssl.SSLContext, *names: str, **special: Any) -> None:
        """Have a server show a certificate for other names, to who connects from now on."""
        self._authority.issue_cert(*names, **special).configure_cert(context)
