import 'dart:async';

import 'clock.dart';
import 'delivery.dart';

/// Those who wait until everything handed in up to some moment is settled.
final class Flushes {
  /// Creates an empty waiting room.
  Flushes(this._delivery, this._clock);

  final Delivery _delivery;
  final Clock _clock;
  final _waiting = <_Flush>[];
  bool _isOver = false;

  /// Begins a flush. Gives whether it was done within [timeout].
  Future<bool> add(Duration timeout) {
    final mark = _delivery.flush();
    if (_delivery.isSettled(mark)) return Future.value(true);
    if (_isOver || timeout <= Duration.zero) return Future.value(false);
    late final _Flush flush;
    final timer = _clock.timer(timeout, () {
      _waiting.remove(flush);
      flush.done.complete(false);
    });
    flush = _Flush(mark, timer);
    _waiting.add(flush);
    return flush.done.future;
  }

  /// Lets those go whose events are settled.
  void look() => _release((flush) => _delivery.isSettled(flush.mark), true);

  /// Lets everybody go: nothing will be settled any more.
  void giveUp() {
    _isOver = true;
    _release((_) => true, false);
  }

  void _release(bool Function(_Flush flush) isReleased, bool result) {
    final released = _waiting.where(isReleased).toList();
    for (final flush in released) {
      _waiting.remove(flush);
      flush.timer.cancel();
      flush.done.complete(result);
    }
  }
}

final class _Flush {
  _Flush(this.mark, this.timer);

  final int mark;
  final Timer timer;
  final done = Completer<bool>();
}
