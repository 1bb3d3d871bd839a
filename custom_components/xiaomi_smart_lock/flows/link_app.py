"""Config flow steps that link an entry to the Mi Home app by a QR code, or unlink it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from homeassistant.config_entries import SOURCE_REAUTH
from homeassistant.const import CONF_REGION
from homeassistant.core import callback
from homeassistant.helpers.translation import async_get_translations

from ..account.entry_data import async_end_discoveries, configured_locks, dids_in
from ..const import (
    CONF_APP,
    CONF_CONFIRM_URL,
    CONF_USER_ID,
    CONF_UUID,
    DOMAIN,
)
from ..miot.endpoints import Endpoints
from ..wording.phrases import escaped_url
from .app_code import AppCodeFlow, CodeError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from homeassistant.config_entries import ConfigFlowResult

    from ..runtime import LockConfigEntry


class LinkFlow(AppCodeFlow):
    """Steps that link or unlink the Mi Home app, for a new entry or one that is changed."""

    _new: tuple[str, Mapping[str, Any]] | None = None
    """Title and data of an entry that is to be created; None if one is changed."""
    _confirm_url: str = ""

    @property
    def _linked_entry(self) -> LockConfigEntry:
        again = self.source == SOURCE_REAUTH
        return self._get_reauth_entry() if again else self._get_reconfigure_entry()

    # A new entry

    async def _async_common(self, key: str, default: str) -> str:
        """Return a text of the translations' section ``common``.

        They are loaded for it: nothing of the integration may be set up yet.
        """
        language = self.hass.config.language
        texts = await async_get_translations(self.hass, language, "common", {DOMAIN})
        return texts.get(f"component.{DOMAIN}.common.{key}", default)

    async def _async_offer_link(self, title: str, data: Mapping[str, Any]) -> ConfigFlowResult:
        """Ask whether to link the Mi Home app, then create the entry."""
        self._new = title, data
        return await self.async_step_offer_link()

    async def async_step_offer_link(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask whether to link the Mi Home app now."""
        return self.async_show_menu(step_id="offer_link", menu_options=["link_now", "later"])

    async def async_step_link_now(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Link the new entry, without another code if one was scanned in this flow."""
        if self._app:
            return await self._async_linked()
        self._without = self.async_step_later
        return await self._async_show_code()

    async def async_step_later(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Create the entry without a link."""
        return self._create()

    @callback
    def _create(self, **linked: Any) -> ConfigFlowResult:
        """Create the entry, unless it was set up while the user was asked."""
        assert self._new is not None  # noqa: S101
        title, data = self._new
        dids = dids_in(data)
        if configured_locks(self.hass).intersection(dids):
            return self.async_abort(reason="already_configured")
        async_end_discoveries(self.hass, dids, but=self.flow_id)
        return self.async_create_entry(title=title, data={**data, **linked})

    # An entry that is there

    async def async_step_link(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Explain linking."""
        if user_input is None:
            self._end_within()
            return self.async_show_form(step_id="link")
        return await self._async_show_code()

    async def _async_link_again(self, why: Mapping[str, Any]) -> ConfigFlowResult:
        """Link again after the session has ended; ``why`` is the data of the reauth flow.

        If the account wants a sign-in to be confirmed, ask the user for that first.
        """
        if CONF_CONFIRM_URL not in why:
            return await self.async_step_link_again()
        self._confirm_url = why[CONF_CONFIRM_URL] or Endpoints().account
        return await self.async_step_confirm_sign_in()

    async def async_step_confirm_sign_in(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask the user to confirm a sign-in to the account, and show where."""
        if user_input is None:
            return self.async_show_form(
                step_id="confirm_sign_in",
                description_placeholders={"url": escaped_url(self._confirm_url)},
                last_step=False,
            )
        return await self.async_step_link_again(user_input)

    async def async_step_link_again(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Tell the user that the session has ended."""
        if user_input is None:
            return self.async_show_form(step_id="link_again")
        return await self._async_show_code()

    async def async_step_unlink(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for confirmation, then remove the session from the entry."""
        if user_input is None:
            self._end_within()
            return self.async_show_form(step_id="unlink")
        entry = self._linked_entry
        data = {key: value for key, value in entry.data.items() if key != CONF_APP}
        return self.async_update_reload_and_abort(entry, data=data, reason="unlinked")

    # The code

    async def _async_show_code(self) -> ConfigFlowResult:
        """Have the code scanned, and link the account that scans it."""
        self._look, self._then = self._async_check, self._async_linked
        return await self.async_step_code()

    async def _async_check(self) -> None:
        """Check that the session is of the entry's account, and that this has one of its locks.

        Raises CodeError if not, or if the cloud does not answer.
        """
        assert self._app is not None  # noqa: S101
        data = self._new[1] if self._new else self._linked_entry.data
        user_id = data.get(CONF_USER_ID)
        if user_id not in (None, data.get(CONF_UUID), self._app.user_id):
            raise CodeError("another_account")
        region = data.get(CONF_REGION) or data.get(CONF_APP, {}).get(CONF_REGION)
        dids = dids_in(data)
        await self._async_find(lambda device: device.did in dids, "lock_not_in_account", region)

    async def _async_linked(self) -> ConfigFlowResult:
        """Store the session in the entry."""
        assert self._app is not None  # noqa: S101
        app = {CONF_REGION: self._app_region, **self._app.as_dict()}
        if self._new:
            return self._create(**{CONF_APP: app})
        return self.async_update_reload_and_abort(
            self._linked_entry, data_updates={CONF_APP: app}, reason="linked"
        )
