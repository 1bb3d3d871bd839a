"""What a user pastes, and what announces itself on the network."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from custom_components.xiaomi_smart_lock.flows.local import _did
from custom_components.xiaomi_smart_lock.flows.sign_in_answer import find_answer

AUTHORITIES = ("homeassistant.local:8123", "[::1", "[::1]:8123", "a:99999", "a:b", "%", "@@", "")
addresses = st.builds(
    "{}://{}/{}?{}#{}".format,
    st.sampled_from(["http", "https", "", "1"]),
    st.sampled_from(AUTHORITIES),
    st.text(max_size=10),
    st.text(max_size=10) | st.just("code=C&state=S&code=D"),
    st.text(max_size=5),
)


STATE = "aB-_3aB-_3aB-_3aB-_3aa"
answers = st.builds("{}code=C{}state={}{}".format, *(st.text(max_size=8) for _ in range(4)))


@given(text=addresses | answers | st.text())
@example("http://[::1")
@example("http://a:b/?code=C")
@example("\ud800?code=\ud800&state=\ud800")
def test_answer(text: str) -> None:
    """What was pasted has texts by known names, or nothing."""
    answer = find_answer(text, STATE)
    assert answer.keys() <= {"code", "state", "error"}
    assert "state" in answer or not answer
    assert all(isinstance(value, str) for value in answer.values())


@given(before=st.text(alphabet=" \n\r\t\u200b\ufeff\"'<>.", max_size=8), after=st.text(max_size=20))
@example(before="", after="refused to connect")
def test_answer_within_a_text(before: str, after: str) -> None:
    """Whatever follows, the code that is delimited and the state that is awaited are found."""
    address = f"http://homeassistant.local:8123/api/webhook/x?code=C3_f.9&state={STATE}"
    answer = find_answer(f"{before}{address} {after}", STATE)
    assert (answer["code"], answer["state"]) == ("C3_f.9", STATE)


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
