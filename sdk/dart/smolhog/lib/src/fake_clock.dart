import 'dart:async';

import 'clock.dart';

/// A clock that stands until a test moves it.
final class FakeClock implements Clock {
  /// Creates a clock that shows [start].
  FakeClock([DateTime? start]) : _now = start ?? DateTime.utc(2026);

  DateTime _now;
  Duration _elapsed = Duration.zero;
  final _timers = <_FakeTimer>[];

  /// Waits that have not ended, in seconds from now; for tests of delays.
  List<double> get waits => [
        for (final timer in _timers)
          (timer.at - _elapsed).inMicroseconds / Duration.microsecondsPerSecond,
      ];

  @override
  DateTime now() => _now;

  @override
  Duration elapsed() => _elapsed;

  @override
  Timer timer(Duration delay, void Function() action) {
    final timer = _FakeTimer(_elapsed + delay, action, _timers);
    _timers.add(timer);
    return timer;
  }

  /// Sets the wall clock alone, as people do.
  void set(DateTime now) => _now = now;

  /// Lets time go by: timers that come due run in their order, and what waits
  /// for them gets its turns in between.
  Future<void> advance(Duration time) async {
    final until = _elapsed + time;
    await settle();
    while (true) {
      final due = _timers.where((timer) => timer.at <= until).toList()
        ..sort((a, b) => a.at.compareTo(b.at));
      if (due.isEmpty) break;
      _moveTo(due.first.at);
      due.first.fire();
      await settle();
    }
    _moveTo(until);
  }

  /// Lets everything happen that waits for no timer.
  Future<void> settle() async {
    for (var i = 0; i < 20; i++) {
      await Future<void>.delayed(Duration.zero);
    }
  }

  void _moveTo(Duration elapsed) {
    if (elapsed <= _elapsed) return;
    _now = _now.add(elapsed - _elapsed);
    _elapsed = elapsed;
  }
}

final class _FakeTimer implements Timer {
  _FakeTimer(this.at, this._action, this._all);

  final Duration at;
  final void Function() _action;
  final List<_FakeTimer> _all;

  @override
  bool get isActive => _all.contains(this);

  @override
  int get tick => 0;

  @override
  void cancel() => _all.remove(this);

  void fire() {
    cancel();
    _action();
  }
}
