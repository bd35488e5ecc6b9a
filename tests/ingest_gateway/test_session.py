"""The session core by itself: messages in, actions out, no socket and no clock."""

import json
from typing import Any

import msgspec

from ingest_gateway.native import NativeDecoder
from ingest_gateway.session import Action, Authorise, Close, CloseCode, Send, Session, State, Store
from projects.keys import Key, KeyKind
from schemas.limits import DEFAULT_LIMITS

KEY = Key(1, 1, KeyKind.WRITE)


def new_session(header_secret: str | None = None) -> Session:
    """Make a session that nobody has spoken in."""
    decoder = NativeDecoder(DEFAULT_LIMITS, lambda: "0190a6e0-7c1d-7000-8000-00000000feed")
    return Session(decoder, DEFAULT_LIMITS, header_secret)


def open_session() -> Session:
    """Make a session whose key was good."""
    session = new_session("secret")
    session.receive('{"type":"hello"}')
    session.admit(KEY)
    return session


def said(action: Action) -> Any:
    """Decode what an action sends."""
    assert isinstance(action, Send)
    return json.loads(action.message)


def test_the_header_wins_over_hello() -> None:
    """The key of the `Authorization` header is looked up even if hello names another."""
    assert new_session("from-header").receive('{"type":"hello","key":"other"}') == [Authorise("from-header")]
    assert new_session().receive('{"type":"hello","key":"from-hello"}') == [Authorise("from-hello")]


def test_a_good_key_opens_the_session() -> None:
    """Once admitted, the client is told the limits and batches are taken."""
    session = new_session("secret")
    session.receive('{"type":"hello","sdk":"dart/1.0"}')
    (welcome,) = session.admit(KEY)
    assert said(welcome)["limits"]["batch_events"] == DEFAULT_LIMITS.batch_events
    assert (session.state, session.sdk) == (State.OPEN, "dart/1.0")
    frame = '{"type":"batch","id":"b","events":[{"event":"e","distinct_id":"d"}]}'
    (store,) = session.receive(frame)
    assert isinstance(store, Store)
    assert (store.batch.id, len(store.batch.events), store.error) == ("b", 1, None)


def test_a_bad_key_closes_it() -> None:
    """Without a good key the client gets an error and 4401, and is not listened to any more."""
    session = new_session()
    session.receive('{"type":"hello"}')
    error, close = session.admit(None)
    assert said(error)["code"] == "unauthorised"
    assert close == Close(CloseCode.UNAUTHORISED, "unauthorised")
    assert session.receive('{"type":"ping"}') == []


def test_a_frame_nobody_can_read_is_kept_and_closes() -> None:
    """The frame goes to the log as one rejected event, its error is told when that is durable."""
    session = open_session()
    store, close = session.receive("what?")
    assert isinstance(store, Store)
    assert store.error is not None
    assert store.error.fatal
    assert [kept.payload for kept in store.batch.rejected] == [b"what?"]
    assert close == Close(CloseCode.PROTOCOL_ERROR, "malformed")


def test_messagepack_is_spoken_both_ways() -> None:
    """After a hello that asked for it, everything is binary."""
    session = new_session("secret")
    session.receive('{"type":"hello","encoding":"msgpack"}')
    (welcome,) = session.admit(KEY)
    assert isinstance(welcome, Send)
    assert isinstance(welcome.message, bytes)
    (pong,) = session.receive(msgspec.msgpack.encode({"type": "ping"}))
    assert isinstance(pong, Send)
    assert msgspec.msgpack.decode(pong.message) == {"type": "pong"}  # type: ignore[arg-type]
    _, close = session.receive('{"type":"ping"}')
    assert close == Close(CloseCode.PROTOCOL_ERROR, "protocol_error")


def test_a_session_ends_once() -> None:
    """Whatever else happens after the end changes nothing."""
    session = open_session()
    assert len(session.stop()) == 2
    assert session.stop() == session.revoke() == session.hello_is_late() == []
