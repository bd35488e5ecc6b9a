import 'dart:math';

/// Decides how long to wait before another try: a policy, so that tests need
/// not wait.
abstract interface class Backoff {
  /// The wait after [attempt] failures in a row, counted from 0.
  Duration delay(int attempt);
}

/// Exponential backoff where each wait is drawn from the whole interval up to
/// its bound.
///
/// The bound doubles from [base] to [cap]. Drawing from zero spreads the apps
/// of a gateway that restarted over the whole interval, instead of letting
/// them come back in one wave.
final class FullJitter implements Backoff {
  /// Creates the policy; [draw] is uniform over [0, 1).
  FullJitter({
    this.base = const Duration(milliseconds: 500),
    this.cap = const Duration(seconds: 60),
    double Function()? draw,
  }) : _draw = draw ?? Random().nextDouble;

  /// Bound of the first wait.
  final Duration base;

  /// Bound of every wait.
  final Duration cap;

  final double Function() _draw;

  @override
  Duration delay(int attempt) {
    // 2^20 times any sensible base is beyond any cap; more would overflow.
    final grown = base.inMicroseconds * (1 << min(attempt, 20));
    final bound = min(grown, cap.inMicroseconds);
    return Duration(microseconds: (_draw() * bound).floor());
  }
}
