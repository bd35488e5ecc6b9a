/// How a connection, or one request, ended.
sealed class Outcome {
  /// Creates an outcome.
  const Outcome();
}

/// Nothing more to do for now: the app went away, or the client is closed.
final class Finished extends Outcome {
  /// Creates the outcome.
  const Finished();
}

/// One request went well.
final class Delivered extends Outcome {
  /// Creates the outcome.
  const Delivered();
}

/// It broke; another try is worth while.
final class Lost extends Outcome {
  /// Creates the outcome.
  const Lost(this.why, {required this.wasReached, this.retryAfter});

  /// For people.
  final String why;

  /// Whether it was a SmolHog gateway that was spoken to.
  final bool wasReached;

  /// What the gateway asked for.
  final Duration? retryAfter;
}

/// The gateway restarts and wants its clients back.
final class Restarting extends Outcome {
  /// Creates the outcome.
  const Restarting();
}

/// The gateway will not talk to this client, now or later.
final class Refused extends Outcome {
  /// Creates the outcome.
  const Refused(this.code, this.message);

  /// Machine-readable, e.g. `unauthorised`.
  final String code;

  /// For people.
  final String message;
}

/// Something in flight makes the gateway refuse whole frames.
final class Poisoned extends Outcome {
  /// Creates the outcome.
  const Poisoned(this.code, this.message);

  /// Machine-readable, e.g. `frame_too_large`.
  final String code;

  /// For people.
  final String message;
}

/// What a close of the gateway's means. [code] and [message] are those of the
/// fatal error frame that came before, if one did.
Outcome outcomeOfClose(
  int? closeCode, {
  required bool wasReached,
  String? code,
  String? message,
}) {
  final words = message ?? 'closed with code $closeCode';
  return switch (closeCode) {
    1012 => const Restarting(),
    4401 || 4403 => Refused(code ?? 'unauthorised', words),
    1007 ||
    1009 ||
    4400 when wasReached =>
      Poisoned(code ?? 'close_$closeCode', words),
    _ => Lost(words, wasReached: wasReached),
  };
}

/// What an HTTP status other than 200 means.
Outcome outcomeOfStatus(int status, {String? message, Duration? retryAfter}) {
  final words = message ?? 'the gateway answered $status';
  return switch (status) {
    401 || 403 => Refused('unauthorised', words),
    400 => Poisoned('malformed', words),
    413 => Poisoned('frame_too_large', words),
    // A proxy's answer, a wrong address, an overloaded gateway: none of it is
    // the events' fault.
    _ => Lost(words, wasReached: status == 503, retryAfter: retryAfter),
  };
}
