"""What a user pastes, and what announces itself on the network."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import example, given
from hypothesis import strategies as st

from custom_components.xiaomi_smart_lock.config_flow import SignInError, _did, _query

AUTHORITIES = ("homeassistant.local:8123", "[::1", "[::1]:8123", "a:99999", "a:b", "%", "@@", "")
addresses = st.builds(
    "{}://{}/{}?{}#{}".format,
    st.sampled_from(["http", "https", "", "1"]),
    st.sampled_from(AUTHORITIES),
    st.text(max_size=10),
    st.text(max_size=10) | st.just("code=C&state=S&code=D"),
    st.text(max_size=5),
)


@given(address=addresses | st.text())
@example("http://[::1")
@example("http://a:b/?code=C")
@example("\ud800?code=\ud800")
def test_query(address: str) -> None:
    """What was pasted has texts as its query, or the user is told that it has none."""
    try:
        query = _query(address)
    except SignInError:
        return
    assert isinstance(query, Mapping)
    assert all(isinstance(text, str) for pair in query.items() for text in pair)


names = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["xiaomi-lock-s1", "", "xiaomi_lock"]),
    st.sampled_from(["_miio", "_mii", "_miio_miio", "."]),
    st.integers(-1).map(str) | st.sampled_from(["", "²", "٣", "1.2"]),
    st.sampled_from(["._miio._udp.local.", ".", "", " (2)._miio._udp.local."]),
)


@given(name=names | st.text())
@example("xiaomi-lock-s1_miio²._miio._udp.local.")
def test_did(name: str) -> None:
    """A did is a number of plain digits that the name has."""
    did = _did(name)
    assert did is None or (did.isascii() and did.isdecimal() and f"_miio{did}" in name)


def test_did_of_the_lock() -> None:
    """It is what follows the model."""
    assert _did("xiaomi-lock-s1_miio700000001._miio._udp.local.") == "700000001"
