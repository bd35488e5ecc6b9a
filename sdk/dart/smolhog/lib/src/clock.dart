import 'dart:async';

/// Time as the SDK needs it; tests give their own.
abstract interface class Clock {
  /// The wall clock, which people may set.
  DateTime now();

  /// Time since any fixed moment, which only grows.
  Duration elapsed();

  /// Calls [action] after [delay].
  Timer timer(Duration delay, void Function() action);
}

/// The device's own clocks.
final class SystemClock implements Clock {
  final _running = Stopwatch()..start();

  @override
  DateTime now() => DateTime.now().toUtc();

  @override
  Duration elapsed() => _running.elapsed;

  @override
  Timer timer(Duration delay, void Function() action) => Timer(delay, action);
}

/// Something that one loop waits for and anyone may raise.
final class Signal {
  /// Creates a signal whose waits end by [_clock].
  Signal(this._clock);

  final Clock _clock;
  bool _raised = false;
  Completer<void>? _waiting;

  /// Ends the wait, or the next one if nobody waits.
  void raise() {
    _raised = true;
    final waiting = _waiting;
    if (waiting != null && !waiting.isCompleted) waiting.complete();
  }

  /// Waits until it is raised, and [atMost] that long.
  Future<void> wait([Duration? atMost]) async {
    if (!_raised) {
      final waiting = _waiting = Completer<void>();
      final timer = atMost == null
          ? null
          : _clock.timer(atMost, () {
              if (!waiting.isCompleted) waiting.complete();
            });
      await waiting.future;
      timer?.cancel();
      _waiting = null;
    }
    _raised = false;
  }
}
