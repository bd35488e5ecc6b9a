/// One visit of the app, as it is remembered over restarts.
final class Session {
  /// Creates a session.
  const Session(this.id, {required this.started, required this.lastActivity});

  /// Reads what [toJson] wrote; `null` if it is nothing of the kind.
  static Session? fromJson(Object? json) => switch (json) {
        {
          'id': final String id,
          'started': final int started,
          'last_activity': final int lastActivity,
        } =>
          Session(
            id,
            started: DateTime.fromMillisecondsSinceEpoch(started, isUtc: true),
            lastActivity:
                DateTime.fromMillisecondsSinceEpoch(lastActivity, isUtc: true),
          ),
        _ => null,
      };

  /// A UUIDv7.
  final String id;

  /// When it began.
  final DateTime started;

  /// When something was last tracked in it.
  final DateTime lastActivity;

  /// Writes it for storage.
  Map<String, Object?> toJson() => {
        'id': id,
        'started': started.millisecondsSinceEpoch,
        'last_activity': lastActivity.millisecondsSinceEpoch,
      };
}

/// The rules by which visits begin and end. No clock: time is an argument.
final class SessionRules {
  /// Creates rules: a session ends after [idle] without activity, and when it
  /// is [longest] old.
  const SessionRules({required this.idle, required this.longest});

  /// Longest time without activity.
  final Duration idle;

  /// Longest time altogether.
  final Duration longest;

  /// The session that activity at [now] belongs to: [current] or a new one.
  Session at(DateTime now, Session? current, String Function() newId) {
    if (current == null || _isOver(now, current)) {
      return Session(newId(), started: now, lastActivity: now);
    }
    return Session(current.id, started: current.started, lastActivity: now);
  }

  bool _isOver(DateTime now, Session session) {
    final since = now.difference(session.lastActivity);
    // A clock that was set back by more than a pause says nothing about this
    // session any more; kept on, it might not end for years.
    return since.abs() >= idle || now.difference(session.started) >= longest;
  }
}
