"""The Dart SDK against the real gateway, with faults: what was tracked is stored, or counted as dropped."""

from pathlib import Path
from typing import Self

import pytest

from tests.process import ServiceProcess
from tests.sdk.dart.app import App
from tests.sdk.dart.dart_vm import DartVm
from tests.sdk.dart.ledger import properties_of, read_ledger
from tests.tcp_proxy import TcpProxy


class Gateway:
    """A gateway process that keeps its port and its log over restarts."""

    def __init__(self, folder: Path, *options: str) -> None:
        self._folder = folder
        self._options = options
        self.log = folder / "log"
        self._service = self._start(0)
        self.port = self._service.port

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._service.stop()

    def _start(self, port: int) -> ServiceProcess:
        arguments = ["--folder", str(self.log), "--listen", str(port), *self._options]
        return ServiceProcess("tests.sdk.dart.gateway", arguments, self._folder)

    def kill(self) -> None:
        """SIGKILL."""
        self._service.kill()

    def stop(self) -> None:
        """SIGTERM: it drains, and closes with 1012."""
        self._service.stop()

    def start(self) -> None:
        """Start it again on its port."""
        self._service = self._start(self.port)


@pytest.mark.parametrize("via", ["webSocket", "http"])
def test_what_is_acknowledged_is_in_the_log(dart: DartVm, live_app: Path, tmp_path: Path, via: str) -> None:
    """Every event arrives once, with id, session, user and properties; bad ones are told and cost no other."""
    with Gateway(tmp_path) as gateway, App(dart, live_app, gateway.port, tmp_path, via=via) as app:
        app.track(2_500, event="clicked")
        app.track(1, event="x" * 300)
        bad = app.tracked.pop()
        anonymous = app.tell("identify", user="ada")["anonymous"]
        app.track(100, event="bought", properties={"text": "æ 🦔", "password": "hunter2"})
        app.flush()
        assert app.state["rejected"] == [{"event_id": bad, "code": "name_too_long"}]
        app.tell("close")
        gateway.stop()
    ledger = read_ledger(gateway.log)
    assert sorted(event.event_id for event in ledger.events) == sorted(app.tracked)
    assert ledger.rejected == {"name_too_long": 1}
    assert len({event.session_id for event in ledger.events}) == 1
    assert {event.distinct_id for event in ledger.events if event.event == "clicked"} == {anonymous}
    (identify,) = [event for event in ledger.events if event.event == "$identify"]
    assert (identify.distinct_id, properties_of(identify)["$anon_distinct_id"]) == ("ada", anonymous)
    bought = [properties_of(event) for event in ledger.events if event.event == "bought"]
    assert {(one["text"], one["password"]) for one in bought} == {("æ 🦔", "[scrubbed]")}
    assert {one["$lib"] for one in bought} == {"smolhog-dart"}


@pytest.mark.parametrize("answers_only", [False, True], ids=["anywhere", "acks"])
def test_connections_cut_in_the_middle_of_batches_lose_nothing(
    dart: DartVm,
    live_app: Path,
    tmp_path: Path,
    answers_only: bool,  # noqa: FBT001 - pytest passes it by name
) -> None:
    """Cut at many places, in what is sent and in acks alone: each event is stored, none under another id."""
    with Gateway(tmp_path) as gateway, TcpProxy(gateway.port) as proxy:
        with App(dart, live_app, proxy.port, tmp_path, batch_events=50) as app:
            for cut in range(8):
                proxy.cut_after_bytes(cut * (60 if answers_only else 9_000), answers_only=answers_only)
                app.track(300)
                proxy.wait_until_cut()
                proxy.restore()
            app.flush()
            assert app.state["rejected"] == []
        gateway.stop()
    ledger = read_ledger(gateway.log)
    assert ledger.ids == set(app.tracked)
    assert len(app.tracked) == len(set(app.tracked)) == 2_400


def test_a_gateway_that_is_killed_and_restarted_loses_nothing(
    dart: DartVm, live_app: Path, tmp_path: Path
) -> None:
    """SIGKILL under load, then an orderly restart with 1012: what it acknowledged, and the rest, is in the log."""
    with Gateway(tmp_path) as gateway, App(dart, live_app, gateway.port, tmp_path, batch_events=20) as app:
        for end in (gateway.kill, gateway.kill, gateway.stop):
            app.begin("track", count=2_000)
            end()
            app.finish()
            app.track(100)
            gateway.start()
        app.flush()
        gateway.stop()
    ledger = read_ledger(gateway.log)
    assert ledger.ids == set(app.tracked)
    assert len(app.tracked) == 6_300


def test_what_was_tracked_offline_outlives_the_app(dart: DartVm, live_app: Path, tmp_path: Path) -> None:
    """Offline and killed, twice: the third start delivers everything, for the same anonymous user."""
    tracked: list[str] = []
    with Gateway(tmp_path) as gateway, TcpProxy(gateway.port) as proxy:
        proxy.cut()
        for _ in range(2):
            with App(dart, live_app, proxy.port, tmp_path) as app:
                app.track(500)
                tracked += app.tracked
                app.kill()
        proxy.restore()
        with App(dart, live_app, proxy.port, tmp_path) as app:
            app.track(10)
            app.flush()
            tracked += app.tracked
            app.tell("close")
        gateway.stop()
    ledger = read_ledger(gateway.log)
    assert sorted(event.event_id for event in ledger.events) == sorted(tracked)
    assert len({event.distinct_id for event in ledger.events}) == 1
    assert len({event.session_id for event in ledger.events}) == 1


@pytest.mark.parametrize("when_full", ["dropOldest", "dropNewest"])
def test_drops_of_a_full_queue_are_reported_and_the_ledger_balances(
    dart: DartVm, live_app: Path, tmp_path: Path, when_full: str
) -> None:
    """Tracked = stored + reported as dropped, to the event, over a kill; the end that was chosen is kept."""
    tracked: list[str] = []
    # By HTTP a batch would be under way at times, and what may be stored already is never dropped.
    settings = {"queue_events": 200, "when_full": when_full, "via": "webSocket"}
    with Gateway(tmp_path) as gateway, TcpProxy(gateway.port) as proxy:
        proxy.cut()
        for _ in range(2):
            with App(dart, live_app, proxy.port, tmp_path, **settings) as app:
                app.track(350)
                tracked += app.tracked
                app.kill()
        proxy.restore()
        with App(dart, live_app, proxy.port, tmp_path, **settings) as app:
            app.flush()
            app.flush()
            assert app.state["drops"] == {}
        gateway.stop()
    ledger = read_ledger(gateway.log)
    kept = tracked[-200:] if when_full == "dropOldest" else tracked[:200]
    assert [event.event_id for event in sorted(ledger.events, key=lambda event: event.event_id)] == kept
    assert ledger.reported_drops == {"queue_full": len(tracked) - len(kept)}


@pytest.mark.parametrize("via", ["webSocket", "http"])
def test_a_gateway_that_asks_for_patience_gets_it(
    dart: DartVm, live_app: Path, tmp_path: Path, via: str
) -> None:
    """Over its rate, the gateway says `slow_down` or 503 with `Retry-After`: the app waits, and loses nothing."""
    with (
        Gateway(tmp_path, "--rate", "200") as gateway,
        App(dart, live_app, gateway.port, tmp_path, via=via, batch_events=100) as app,
    ):
        app.track(500)
        app.flush()
        assert app.state["rejected"] == []
        log = app.log.read_text()
        gateway.stop()
    assert sorted(event.event_id for event in read_ledger(gateway.log).events) == sorted(app.tracked)
    assert ("asks for a pause" in log) if via == "webSocket" else ("has sent its share" in log)


def test_two_processes_do_not_share_a_folder(dart: DartVm, live_app: Path, tmp_path: Path) -> None:
    """The second one says so, keeps its events in memory, and both deliver."""
    with Gateway(tmp_path) as gateway, App(dart, live_app, gateway.port, tmp_path) as first:
        first.track(50)
        with App(dart, live_app, gateway.port, tmp_path) as second:
            second.track(50)
            second.flush()
            assert "nothing is kept on this device" in second.log.read_text()
        first.flush()
        gateway.stop()
    ledger = read_ledger(gateway.log)
    assert sorted(event.event_id for event in ledger.events) == sorted(first.tracked + second.tracked)


def test_a_wrong_key_keeps_the_events(dart: DartVm, live_app: Path, tmp_path: Path) -> None:
    """An unknown key is told once, and nothing that was tracked is thrown away for it."""
    with (
        Gateway(tmp_path) as gateway,
        App(dart, live_app, gateway.port, tmp_path, key="sh_w_" + "f" * 40) as app,
    ):
        app.track(5)
        state = app.tell("flush")
    assert (state["flushed"], state["pending"], state["refused"]) == (False, 5, ["unauthorised"])
