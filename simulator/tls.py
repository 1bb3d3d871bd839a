"""The simulator's own certificate authority."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any, Final

import trustme

if TYPE_CHECKING:
    from pathlib import Path

OWN: Final = 0o644
"""The mode of files that decide whom the integration trusts, regardless of the umask."""
HERE: Final = ("localhost", "127.0.0.1")


class Authority:
    """A certificate authority for servers on loopback."""

    def __init__(self, ca_file: Path) -> None:
        """Write the CA certificate to a file."""
        self._authority = trustme.CA()
        self._authority.cert_pem.write_to_path(ca_file)
        ca_file.chmod(OWN)

    def context(self, *names: str, **special: Any) -> ssl.SSLContext:
        """Return a TLS context for a server with these names and addresses; by default, with HERE.

        ``special`` is passed to trustme's ``issue_cert``.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.num_tickets = 0  # Otherwise OpenSSL keeps all sessions, which no client resumes.
        self.certify(context, *(names or HERE), **special)
        return context

    def certify(self, context: ssl.SSLContext, *names: str, **special: Any) -> None:
        """Give a server a certificate for other names, for new connections."""
        self._authority.issue_cert(*names, **special).configure_cert(context)
