import 'dart:convert';

import 'browser.dart';
import 'delivery.dart';
import 'drops.dart';
import 'storage.dart';

/// Keeps each event as an item of the browser's local storage.
///
/// Items are named by event id, so two tabs do not get into each other's way:
/// what both find at their start is sent twice, and stored once.
final class BrowserStorage implements Storage {
  /// Creates a storage whose items' names begin with [_prefix].
  BrowserStorage(
    this._local,
    this._prefix, {
    required void Function(String line) log,
  }) : _log = log;

  final LocalStorage _local;
  final String _prefix;
  final void Function(String line) _log;
  bool _isFull = false;

  @override
  SavedData load() {
    final names = [
      for (var i = 0; i < _local.length; i++)
        if (_local.key(i) case final name? when name.startsWith('$_prefix.e.'))
          name,
    ]..sort(); // UUIDv7 ids sort by time.
    return SavedData(
      events: [
        for (final name in names)
          if (_local.getItem(name) case final item? when item.length > 1)
            QueuedEvent(
              name.substring(_prefix.length + 3),
              item.substring(1),
              isReport: item[0] == '*',
            ),
      ],
      drops: DropCounts()..addJson(_read('drops')),
      state: switch (_read('state')) {
        final Map<String, Object?> state => state,
        _ => const {},
      },
    );
  }

  @override
  void saveQueue(QueueChange change) {
    for (final id in change.removed) {
      _local.removeItem('$_prefix.e.$id');
    }
    final removed = change.removed.toSet();
    for (final event in change.added) {
      if (removed.contains(event.eventId)) continue;
      final mark = event.isReport ? '*' : '+';
      _write('e.${event.eventId}', '$mark${event.body}');
    }
    if (change.drops case final drops?) _write('drops', jsonEncode(drops));
  }

  @override
  void saveState(Map<String, Object?> state) =>
      _write('state', jsonEncode(state));

  @override
  void close() {}

  Object? _read(String name) {
    try {
      return jsonDecode(_local.getItem('$_prefix.$name') ?? 'null');
    } on FormatException {
      return null;
    }
  }

  void _write(String name, String value) {
    try {
      _local.setItem('$_prefix.$name', value);
      _isFull = false;
    } on Object catch (error) {
      // The browser's quota. The event is still in memory and will be sent.
      if (!_isFull) _log('the browser keeps nothing more: $error');
      _isFull = true;
    }
  }
}
