"""The sign-in page: one button for each account, and one to refuse."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

from aiohttp import web
from yarl import URL

from .tokens import CLIENT_ID, REDIRECT, Grant

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .account import Account
    from .tokens import Tokens

PATH: Final = "/oauth2/authorize"

_PAGE: Final = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Xiaomi account (simulator)</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 22rem; margin: 15vh auto;
  padding: 0 1rem }}
button {{ font: inherit; display: block; width: 100%; margin: .75rem 0; padding: .75rem;
  border: 1px solid #ff6900; border-radius: .5rem; background: #ff6900; color: #fff }}
button[value=""] {{ background: none; color: inherit; border-color: #8888 }}
</style>
<h1>Xiaomi account</h1>
<p>Home Assistant asks for access to your devices.</p>
<form method="post">
{buttons}
<button name="user" value="">Refuse</button>
</form>
</html>
"""


def fault(query: Mapping[str, str]) -> str | None:
    """Return the first wrong parameter of an authorization request, None if all are right."""
    redirect = query.get("redirect_uri", "")
    checks = {
        "client_id": query.get("client_id") == str(CLIENT_ID),
        "response_type": query.get("response_type") == "code",
        "redirect_uri": redirect == REDIRECT or redirect.startswith(f"{REDIRECT}/"),
        "device_id": query.get("device_id", "").startswith("ha."),
        "state": bool(query.get("state")),
    }
    return next((name for name, right in checks.items() if not right), None)


def _shown(name: str) -> str:
    """Return a name escaped for HTML, with lone surrogates replaced: UTF-8 has none."""
    return escape(name.encode(errors="replace").decode())


def page(accounts: Iterable[Account]) -> str:
    """Return the sign-in page with a button for each account."""
    buttons = "\n".join(
        f'<button name="user" value="{escape(account.user_id)}">'
        f"Sign in as {_shown(account.name)}</button>"
        for account in accounts
    )
    return _PAGE.format(buttons=buttons)


class SignIn:
    """The handlers that show the page, and send the browser back with a code."""

    def __init__(self, accounts: Mapping[str, Account], tokens: Tokens) -> None:
        """Serve the accounts, by user id. Accounts can be added later."""
        self._accounts = accounts
        self._tokens = tokens
        self.routes = [web.get(PATH, self._show), web.post(PATH, self._answer)]

    async def _show(self, request: web.Request) -> web.Response:
        _check(request)
        return web.Response(text=page(self._accounts.values()), content_type="text/html")

    async def _answer(self, request: web.Request) -> web.Response:
        _check(request)
        user = str((await request.post()).get("user"))
        redirect, state = request.query["redirect_uri"], request.query["state"]
        if account := self._accounts.get(user):
            grant = Grant(account, request.query["device_id"], redirect)
            answer = {"code": self._tokens.code(grant), "state": state}
        elif user:
            raise web.HTTPBadRequest(text="No such account")
        else:
            answer = {"error": "access_denied", "state": state}
        raise web.HTTPFound(URL(redirect).update_query(answer))


def _check(request: web.Request) -> None:
    if wrong := fault(request.query):
        raise web.HTTPBadRequest(text=f"Wrong or missing: {wrong}")
