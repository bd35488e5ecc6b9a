/// Why an event was thrown away by the app's side, before a verdict of the
/// gateway.
enum DropReason {
  /// The queue was full, see `SmolhogOptions.queueEvents` and `queueBytes`.
  queueFull('queue_full'),

  /// The event alone is larger than a frame.
  tooLarge('too_large'),

  /// The before-send hook returned `null`, or failed.
  beforeSend('before_send'),

  /// The event has no JSON form.
  invalid('invalid'),

  /// It was damaged on the device's disk.
  damaged('damaged');

  /// Creates a reason.
  const DropReason(this.code);

  /// The reason's name in the report.
  final String code;
}

/// Counts of what was thrown away since the last report, by reason.
final class DropCounts {
  /// Creates counts of zero.
  DropCounts();

  final _counts = <DropReason, int>{};

  /// Whether nothing was thrown away.
  bool get isEmpty => _counts.isEmpty;

  /// Whether something was.
  bool get isNotEmpty => _counts.isNotEmpty;

  /// All of them together.
  int get total => _counts.values.fold(0, (sum, count) => sum + count);

  /// Counts [count] more.
  void add(DropReason reason, int count) {
    if (count > 0) {
      _counts.update(reason, (old) => old + count, ifAbsent: () => count);
    }
  }

  /// Adds what [toJson] wrote; anything else in it is passed over.
  void addJson(Object? json) {
    if (json is! Map) return;
    for (final reason in DropReason.values) {
      if (json[reason.code] case final int count) add(reason, count);
    }
  }

  /// Starts again from zero.
  void clear() => _counts.clear();

  /// The counts by the reasons' codes.
  Map<String, int> toJson() => {
        for (final MapEntry(:key, :value) in _counts.entries) key.code: value,
      };
}
