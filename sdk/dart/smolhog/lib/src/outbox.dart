import 'dart:async';

import 'delivery.dart';
import 'drops.dart';
import 'storage.dart';

/// The delivery together with its copy in storage and the count of drops.
///
/// Changes of one turn of the event loop go to storage together, before the
/// loop's next turn.
final class Outbox {
  /// Creates an outbox over [_storage], with what an earlier run [saved].
  Outbox(this.delivery, this._storage, SavedData saved, Duration now) {
    drops.addJson(saved.drops.toJson());
    for (final event in saved.events) {
      settle(delivery.handIn(event, now));
    }
    // What comes from an earlier run has waited long enough.
    delivery.flush();
  }

  /// The queue and its rules.
  final Delivery delivery;

  /// What was thrown away and not reported yet.
  final drops = DropCounts();

  final Storage _storage;
  List<QueuedEvent> _added = [];
  List<String> _removed = [];
  bool _dropsChanged = false;
  bool _isScheduled = false;

  /// Takes an event.
  void add(QueuedEvent event, Duration now) {
    _added.add(event);
    settle(delivery.handIn(event, now));
    _schedule();
  }

  /// Counts an event that never became one for the queue.
  void drop(DropReason reason, [int count = 1]) {
    drops.add(reason, count);
    _dropsChanged = true;
    _schedule();
  }

  /// Takes the report of all [drops], which begin again from zero.
  void addReport(QueuedEvent report, Duration now) {
    drops.clear();
    _dropsChanged = true;
    add(report, now);
  }

  /// Forgets what is settled.
  void settle(Settlement settlement) {
    _removed.addAll(settlement.settledIds);
    drops
      ..add(DropReason.queueFull, settlement.crowdedOut.length)
      ..add(DropReason.tooLarge, settlement.tooLarge.length);
    _dropsChanged |= settlement.crowdedOut.isNotEmpty ||
        settlement.tooLarge.isNotEmpty;
    _schedule();
  }

  /// Forgets all that waits, and the drops, without a count.
  void clear() {
    _removed.addAll(delivery.clear().map((event) => event.eventId));
    drops.clear();
    _dropsChanged = true;
    commit();
  }

  /// Brings all changes to storage now.
  void commit() {
    _isScheduled = false;
    if (_added.isEmpty && _removed.isEmpty && !_dropsChanged) return;
    final change = QueueChange(
      added: _added,
      removed: _removed,
      drops: _dropsChanged ? drops.toJson() : null,
    );
    _added = [];
    _removed = [];
    _dropsChanged = false;
    _storage.saveQueue(change);
  }

  void _schedule() {
    if (_isScheduled) return;
    _isScheduled = true;
    scheduleMicrotask(commit);
  }
}
