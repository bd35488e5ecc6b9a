import 'delivery.dart';
import 'drops.dart';

/// What an earlier run of the app left behind.
final class SavedData {
  /// Creates saved data.
  SavedData({
    List<QueuedEvent>? events,
    DropCounts? drops,
    this.state = const {},
  })  : events = events ?? [],
        drops = drops ?? DropCounts();

  /// Events that were not settled, oldest first.
  final List<QueuedEvent> events;

  /// Drops that were not reported.
  final DropCounts drops;

  /// Identity, session and consent.
  final Map<String, Object?> state;
}

/// A change of the queue that becomes durable as a whole.
final class QueueChange {
  /// Creates a change.
  const QueueChange({required this.added, required this.removed, this.drops});

  /// Events handed in.
  final List<QueuedEvent> added;

  /// Ids of events settled; one may be among [added] too.
  final List<String> removed;

  /// The drops not reported, if their number changed.
  final Map<String, int>? drops;
}

/// Where events and identity outlive the app: a port of four methods.
///
/// The calls are synchronous, so that what was tracked is kept before anything
/// else happens. They never throw: an app must not fail because its disk does.
abstract interface class Storage {
  /// Reads what is kept. Called once, first.
  SavedData load();

  /// Keeps a change of the queue.
  void saveQueue(QueueChange change);

  /// Keeps the state, in place of the one before.
  void saveState(Map<String, Object?> state);

  /// Makes everything durable as far as the platform can, and ends.
  void close();
}

/// A storage that forgets with the process.
///
/// Handed to a second client, it plays the device of an app that was started
/// again.
final class MemoryStorage implements Storage {
  /// Creates an empty storage.
  MemoryStorage();

  final _events = <String, QueuedEvent>{};
  Map<String, int> _drops = const {};
  Map<String, Object?> _state = const {};

  @override
  SavedData load() => SavedData(
        events: [
          for (final event in _events.values)
            QueuedEvent(event.eventId, event.body, isReport: event.isReport),
        ],
        drops: DropCounts()..addJson(_drops),
        state: _state,
      );

  @override
  void saveQueue(QueueChange change) {
    for (final event in change.added) {
      _events[event.eventId] = event;
    }
    change.removed.forEach(_events.remove);
    _drops = change.drops ?? _drops;
  }

  @override
  void saveState(Map<String, Object?> state) => _state = state;

  @override
  void close() {}
}
