import 'dart:collection';
import 'dart:convert';
import 'dart:math';

import 'event.dart';
import 'wire.dart';

/// What to do with an event for which the queue has no room.
enum WhenFull {
  /// Throw the oldest waiting event away: what happens now counts more.
  dropOldest,

  /// Throw the new event away: how it began counts more.
  dropNewest,
}

/// Bounds of what is held and sent.
final class DeliverySettings {
  /// Creates settings.
  const DeliverySettings({
    required this.queueEvents,
    required this.queueBytes,
    required this.whenFull,
    required this.flushAt,
    required this.linger,
    required this.batchEvents,
    required this.maxInFlight,
  });

  /// Most events held, waiting and in flight together.
  final int queueEvents;

  /// The same in bytes of JSON; one event alone may pass it.
  final int queueBytes;

  /// What happens beyond these.
  final WhenFull whenFull;

  /// Events at which a batch does not wait any longer.
  final int flushAt;

  /// Longest that an event waits for company.
  final Duration linger;

  /// Most events in a batch; the gateway's limit holds too.
  final int batchEvents;

  /// Batches sent and not yet acknowledged.
  final int maxInFlight;
}

/// An event on its way.
final class QueuedEvent {
  /// Creates an event of its id and its JSON.
  QueuedEvent(this.eventId, this.body, {this.isReport = false})
      : bytes = utf8.encode(body).length;

  /// Its id.
  final String eventId;

  /// Its JSON.
  final String body;

  /// Size of [body] on the wire.
  final int bytes;

  /// Whether it reports drops; then it is never dropped for want of room.
  final bool isReport;

  /// Its place among all events of this run, given when it is handed in.
  int order = 0;
}

/// Events sent together. What is sent again is a new batch with a new id.
final class Batch {
  /// Creates a batch.
  Batch(this.id, this.events, this.sent);

  /// Comes back in the ack.
  final String id;

  /// In the order of their verdicts' indexes.
  final List<QueuedEvent> events;

  /// When it was sent, on the clock that only grows.
  final Duration sent;
}

/// What one input settled.
final class Settlement {
  /// Events that are durable now.
  final accepted = <QueuedEvent>[];

  /// Events that never will be, by the gateway's verdict.
  final rejected = <RejectedEvent>[];

  /// Events that were thrown away for want of room.
  final crowdedOut = <QueuedEvent>[];

  /// Events that fit into no frame.
  final tooLarge = <QueuedEvent>[];

  /// How many went back to the queue because the gateway asked for it.
  int retried = 0;

  /// Ids of everything that is not pending any more.
  Iterable<String> get settledIds => accepted
      .map((event) => event.eventId)
      .followedBy(rejected.map((event) => event.eventId))
      .followedBy(crowdedOut.map((event) => event.eventId))
      .followedBy(tooLarge.map((event) => event.eventId));
}

/// The queue, the batches in flight, and the rules by which events move
/// between them: a state machine without I/O, clock or randomness.
///
/// Every event that was handed in is in exactly one place: in the queue, in one
/// batch in flight, or settled. The queue is always in the order of handing in.
final class Delivery {
  /// Creates an empty delivery.
  Delivery(this._settings)
      : _mostEvents = _settings.batchEvents,
        _mostInFlight = _settings.maxInFlight;

  // Mobile networks like smaller frames than a gateway takes.
  static const _largestFrame = 256 * 1024;

  final DeliverySettings _settings;
  final _inFlight = <String, Batch>{};
  ListQueue<QueuedEvent> _queue = ListQueue();
  Limits _limits = const Limits();
  int _orders = 0;
  int _batches = 0;
  int _bytes = 0;
  int _flushedUpTo = 0;
  int _clearedUpTo = 0;
  int _mostEvents;
  int _mostInFlight;
  Duration _dueAt = Duration.zero;
  Duration _pausedUntil = Duration.zero;

  /// Answers in a row that asked for events again.
  int retryStreak = 0;

  /// Events that are neither durable nor given up.
  int pending = 0;

  /// Whether batches wait for their ack.
  bool get isInFlight => _inFlight.isNotEmpty;

  /// When the batch that has waited longest for its ack was sent.
  Duration? get oldestSent => _inFlight.isEmpty
      ? null
      : _inFlight.values.map((batch) => batch.sent).reduce(_earlier);

  /// Takes an event. Something has to go if there is no room for it.
  Settlement handIn(QueuedEvent event, Duration now) {
    final settlement = Settlement();
    if (!_makeRoomFor(event, settlement)) {
      settlement.crowdedOut.add(event);
      return settlement;
    }
    if (_queue.isEmpty) _dueAt = now + _settings.linger;
    event.order = ++_orders;
    _queue.add(event);
    pending++;
    _bytes += event.bytes;
    return settlement;
  }

  /// Lets nothing that was handed in so far linger. Returns a mark for
  /// [isSettled].
  int flush() => _flushedUpTo = _orders;

  /// Whether everything up to the [mark] of a flush is settled.
  bool isSettled(int mark) =>
      pending == 0 ||
      ((_queue.isEmpty || _queue.first.order > mark) &&
          _inFlight.values.every((batch) => batch.events.first.order > mark));

  /// Takes the limits of a gateway's `welcome`.
  void take(Limits limits) => _limits = limits;

  /// Puts everything in flight back in its old place.
  void disconnect() {
    _requeue([for (final batch in _inFlight.values) ...batch.events]);
    _inFlight.clear();
  }

  /// Sends nothing before [until], or before a later time set earlier.
  void pause(Duration until) => _pausedUntil = _later(_pausedUntil, until);

  /// Gives up on everything. Batches in flight are past recall, but nothing of
  /// them is sent again.
  List<QueuedEvent> clear() {
    final cleared = _queue.toList();
    _queue.clear();
    cleared.forEach(_forget);
    _clearedUpTo = _orders;
    return [...cleared, for (final batch in _inFlight.values) ...batch.events];
  }

  /// The batch to send now, or `null` when there is none to send yet.
  ///
  /// An event that fits into no frame goes to [settlement].
  Batch? nextBatch(Duration now, Settlement settlement) {
    final wakeAt = this.wakeAt;
    if (wakeAt == null || now < wakeAt) return null;
    final events = <QueuedEvent>[];
    final most = min(_mostEvents, _limits.batchEvents);
    var space = min(_limits.frameBytes, _largestFrame) - frameOverhead;
    while (events.length < most && _queue.isNotEmpty) {
      final size = _queue.first.bytes + 1;
      if (size > _limits.frameBytes - frameOverhead) {
        final event = _queue.removeFirst();
        _forget(event);
        settlement.tooLarge.add(event);
        continue;
      }
      if (size > space && events.isNotEmpty) break;
      space -= size;
      events.add(_queue.removeFirst());
    }
    _dueAt = now + _settings.linger;
    if (events.isEmpty) return null;
    final batch = Batch('b${++_batches}', events, now);
    return _inFlight[batch.id] = batch;
  }

  /// When [nextBatch] may have something without further input; `null`: only
  /// after input.
  Duration? get wakeAt {
    if (_queue.isEmpty || _inFlight.length >= _mostInFlight) return null;
    final isDue = _queue.length >= _settings.flushAt ||
        _queue.first.order <= _flushedUpTo;
    return isDue ? _pausedUntil : _later(_pausedUntil, _dueAt);
  }

  /// Settles a batch; events to be sent again go back to the queue.
  ///
  /// `null` if no such batch is in flight. A verdict with an index outside the
  /// batch says nothing about any event and is passed over.
  Settlement? acknowledge(String batchId, List<Verdict> verdicts) {
    final batch = _inFlight.remove(batchId);
    if (batch == null) return null;
    final settlement = Settlement();
    final byIndex = {for (final verdict in verdicts) verdict.index: verdict};
    final again = <QueuedEvent>[];
    for (final (index, event) in batch.events.indexed) {
      switch (byIndex[index]) {
        case null:
          _forget(event);
          settlement.accepted.add(event);
        case Verdict(isRetry: true):
          again.add(event);
        case final verdict:
          _forget(event);
          final Verdict(:code, :message) = verdict;
          settlement.rejected.add(_rejection(event, code, message));
      }
    }
    _requeue(again);
    settlement.retried = again.length;
    retryStreak = again.isEmpty ? 0 : retryStreak + 1;
    _grow();
    return settlement;
  }

  /// Settles a batch that the gateway refused as a whole.
  Settlement? refuse(String batchId, String code, String message) {
    final batch = _inFlight[batchId];
    if (batch == null) return null;
    return acknowledge(batchId, [
      for (var i = 0; i < batch.events.length; i++)
        Verdict(index: i, isRetry: false, code: code, message: message),
    ]);
  }

  /// Looks for the event because of which the gateway refuses whole frames:
  /// what is in flight is sent again one small batch after another, until it
  /// stands alone and is given up.
  Settlement narrow(String code, String message) {
    final settlement = Settlement();
    final inFlight = [for (final batch in _inFlight.values) ...batch.events];
    if (inFlight.isEmpty) return settlement;
    final largest =
        _inFlight.values.map((batch) => batch.events.length).reduce(max);
    _inFlight.clear();
    if (inFlight.length == 1) {
      _forget(inFlight.single);
      settlement.rejected.add(_rejection(inFlight.single, code, message));
      return settlement;
    }
    _requeue(inFlight);
    _flushedUpTo =
        inFlight.map((event) => event.order).fold(_flushedUpTo, max);
    _mostEvents = max(1, largest ~/ 2);
    _mostInFlight = 1;
    return settlement;
  }

  void _grow() {
    _mostEvents = min(_mostEvents * 2, _settings.batchEvents);
    if (_mostEvents == _settings.batchEvents) {
      _mostInFlight = _settings.maxInFlight;
    }
  }

  bool _makeRoomFor(QueuedEvent event, Settlement settlement) {
    if (event.isReport) return true;
    while (pending > 0 &&
        (pending >= _settings.queueEvents ||
            _bytes + event.bytes > _settings.queueBytes)) {
      if (_settings.whenFull == WhenFull.dropNewest) return false;
      final oldest = _oldestToDrop();
      if (oldest == null) return false;
      _forget(oldest);
      settlement.crowdedOut.add(oldest);
    }
    return true;
  }

  // What is in flight may be durable already, so only what waits can go.
  QueuedEvent? _oldestToDrop() {
    if (_queue.isEmpty) return null;
    if (!_queue.first.isReport) return _queue.removeFirst();
    final report = _queue.removeFirst();
    final oldest = _oldestToDrop();
    _queue.addFirst(report);
    return oldest;
  }

  void _requeue(List<QueuedEvent> all) {
    all.where((event) => event.order <= _clearedUpTo).forEach(_forget);
    final events = all.where((event) => event.order > _clearedUpTo).toList()
      ..sort((a, b) => a.order.compareTo(b.order));
    if (events.isEmpty) return;
    final merged = ListQueue<QueuedEvent>(events.length + _queue.length);
    for (final event in events) {
      while (_queue.isNotEmpty && _queue.first.order < event.order) {
        merged.add(_queue.removeFirst());
      }
      merged.add(event);
    }
    _queue = merged..addAll(_queue);
  }

  void _forget(QueuedEvent event) {
    pending--;
    _bytes -= event.bytes;
  }
}

RejectedEvent _rejection(QueuedEvent event, String code, String message) =>
    RejectedEvent(event.eventId, code: code, message: message);

Duration _later(Duration a, Duration b) => a > b ? a : b;
Duration _earlier(Duration a, Duration b) => a < b ? a : b;
