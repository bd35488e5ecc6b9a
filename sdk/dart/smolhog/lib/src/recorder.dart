import 'clock.dart';
import 'delivery.dart';
import 'drops.dart';
import 'event.dart';
import 'event_ids.dart';
import 'identity.dart';
import 'options.dart';
import 'outbox.dart';
import 'properties.dart';
import 'scrubber.dart';
import 'session.dart';
import 'storage.dart';

/// Turns what an app says into events in the outbox: who, when, in which
/// session, with which properties, and what the app's hooks make of it.
final class Recorder {
  /// Creates a recorder for whoever [saved] remembers.
  Recorder(
    this._options,
    this._outbox,
    this._storage,
    SavedData saved, {
    required Clock clock,
    required Map<String, Object?> defaults,
    required void Function(String line) log,
  })  : _clock = clock,
        _defaults = defaults,
        _log = log,
        _scrubber = _options.scrubber ?? Scrubber(),
        _rules = SessionRules(
          idle: _options.sessionIdle,
          longest: _options.sessionLongest,
        ) {
    identity = Identity.fromJson(
      saved.state,
      newId: newId,
      isOptedOut: _options.optedOut,
    );
    saveState();
  }

  // Often enough for a session to survive a restart, seldom enough for a disk.
  static const _sessionSaveInterval = Duration(seconds: 10);
  static const _reportInterval = Duration(seconds: 10);

  final SmolhogOptions _options;
  final Outbox _outbox;
  final Storage _storage;
  final Clock _clock;
  final Map<String, Object?> _defaults;
  final void Function(String line) _log;
  final Scrubber _scrubber;
  final SessionRules _rules;
  late final _ids = EventIds(
    milliseconds: () => _clock.now().millisecondsSinceEpoch,
  );
  DateTime? _sessionSavedAt;
  Duration? _reportedAt;

  /// Who acts, and what is said with every event.
  late final Identity identity;

  /// Makes a UUIDv7.
  String newId() => _ids.next();

  /// Makes an event of it. Gives its id, or `null` if it was thrown away.
  String? record(
    String name,
    Map<String, Object?> properties, {
    DateTime? timestamp,
  }) {
    final now = _clock.now();
    _touchSession(now);
    try {
      final written = plain({
        ..._defaults,
        ...identity.superProperties,
        if (identity.groups.isNotEmpty) r'$groups': {...identity.groups},
        ...properties,
      })! as Map<String, Object?>;
      final event = _beforeSend(
        _event(name, _scrubber.scrub(written), timestamp ?? now),
      );
      if (event == null) return null;
      _outbox.add(QueuedEvent(event.eventId, event.encode()), _clock.elapsed());
      return event.eventId;
    } on Object catch (error) {
      // The properties are the app's, whose getters and iterators may fail in
      // any way; that is no reason for the app to hear of it here.
      _log('$name thrown away: $error');
      _outbox.drop(DropReason.invalid);
      return null;
    }
  }

  /// Tells the server what was thrown away, if anything was, and not more
  /// often than makes sense.
  void reportDrops() {
    final now = _clock.elapsed();
    final last = _reportedAt;
    if (_outbox.drops.isEmpty ||
        (last != null && now - last < _reportInterval)) {
      return;
    }
    _reportedAt = now;
    final report = _event(
      r'$events_dropped',
      {
        ..._defaults,
        r'$dropped_count': _outbox.drops.total,
        r'$dropped_by_reason': _outbox.drops.toJson(),
      },
      _clock.now(),
    );
    _outbox.addReport(
      QueuedEvent(report.eventId, report.encode(), isReport: true),
      now,
    );
  }

  /// Keeps the identity.
  void saveState() {
    _sessionSavedAt = _clock.now();
    _storage.saveState(identity.toJson());
  }

  SmolhogEvent _event(
    String name,
    Map<String, Object?> properties,
    DateTime timestamp,
  ) =>
      SmolhogEvent(
        eventId: newId(),
        event: name,
        distinctId: identity.distinctId,
        timestamp: timestamp,
        sessionId: identity.session?.id,
        properties: properties,
      );

  SmolhogEvent? _beforeSend(SmolhogEvent event) {
    final hook = _options.beforeSend;
    if (hook == null) return event;
    SmolhogEvent? changed;
    try {
      changed = hook(event);
    } on Object catch (error) {
      _log('beforeSend failed, ${event.event} thrown away: $error');
    }
    if (changed == null) _outbox.drop(DropReason.beforeSend);
    return changed;
  }

  void _touchSession(DateTime now) {
    final before = identity.session;
    final session = _rules.at(now, before, newId);
    identity.session = session;
    final savedAt = _sessionSavedAt;
    if (session.id != before?.id ||
        savedAt == null ||
        now.difference(savedAt).abs() >= _sessionSaveInterval) {
      saveState();
    }
  }
}
