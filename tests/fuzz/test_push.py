"""What the broker delivers."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from custom_components.xiaomi_smart_lock.miot.client import (
    EventOccurred,
    OnlineChanged,
    PropertyChanged,
)
from custom_components.xiaomi_smart_lock.miot.push import parse

from .strategies import damaged, json_values

DID = "700000001"
ARGUMENTS = [{"piid": 1, "value": 3}, {"piid": 5, "value": 1790000000}]
VALID: dict[str, Any] = {
    "properties_changed": {"params": {"did": DID, "siid": 13, "piid": 1, "value": 87}},
    "event_occured": {
        "params": {"did": DID, "siid": 2, "eiid": 1020, "tid": 79, "arguments": ARGUMENTS}
    },
    "properties_changed/": {
        "params": [{"did": DID, "siid": "13", "piid": 1.0, "value": "87"}, {"siid": 13}]
    },
    "event_occured/": {
        "params": [{"siid": 2.0, "eiid": "1020", "tid": "79", "arguments": json.dumps(ARGUMENTS)}]
    },
    "state": {"device_id": DID, "event": "online", "timestamp": 1790000000000},
}
topics = st.sampled_from(
    [
        f"device/{DID}/up/properties_changed/13/1",
        f"device/{DID}/up/event_occured/2/1020",
        f"device/{DID}/state/online",
        f"device/{DID}/up",
        "device//state",
    ]
)
payloads = st.one_of(
    st.sampled_from(list(VALID.values())).flatmap(damaged).map(json.dumps).map(str.encode),
    json_values.map(json.dumps).map(str.encode),
    st.binary(max_size=100),
)


@given(topic=topics | st.text(max_size=40), payload=payloads)
@example(f"device/{DID}/state", b"[" * 100_000)
@example(f"device/{DID}/state", b"1" * 1_000_000)
@example(f"device/{DID}/up/properties_changed/13/1", b"\xff\xfe\x00")
def test_parse(topic: str, payload: bytes) -> None:
    """A message has a meaning or none; whole numbers are addresses, true and false are not."""
    for did, message in parse(topic, payload):
        assert f"/{did}/" in topic
        match message:
            case PropertyChanged((siid, iid)) | EventOccurred((siid, iid)):
                assert type(siid) is int
                assert type(iid) is int
                assert type(getattr(message, "tid", None)) in (int, type(None))
            case OnlineChanged(online):
                assert isinstance(online, bool)


@given(payload=payloads)
def test_valid_messages_are_understood_after_any_other(payload: bytes) -> None:
    """Nothing is remembered of a message."""
    for topic, valid in VALID.items():
        path = f"device/{DID}/{'' if topic == 'state' else 'up/'}{topic}/1/1"
        parse(path, payload)
        assert parse(path, json.dumps(valid).encode())
