import 'dart:math';

import 'package:smolhog/smolhog.dart';
import 'package:smolhog/testing.dart';
import 'package:test/test.dart';

/// A client without jitter, its gateway, and a clock that the test moves.
final class Harness {
  /// What the client goes by.
  final clock = FakeClock();

  /// What it sends to.
  final gateway = FakeGateway();

  /// What the gateway refused the client for.
  final refused = <Refused>[];

  /// Makes the client, to be closed after the test.
  Future<Smolhog> open({
    SendVia via = SendVia.auto,
    int flushAt = 50,
    int batchEvents = 500,
    int maxInFlight = 4,
    void Function(RejectedEvent)? onRejected,
  }) async {
    final smolhog = await Smolhog.initialize(
      url: 'https://smolhog.test',
      writeKey: 'k',
      options: SmolhogOptions(
        transport: gateway,
        clock: clock,
        backoff: const _NoJitter(),
        via: via,
        flushAt: flushAt,
        batchEvents: batchEvents,
        maxInFlight: maxInFlight,
        onRejected: onRejected,
        onRefused: refused.add,
      ),
    );
    addTearDown(() => smolhog.close(timeout: Duration.zero));
    return smolhog;
  }

  /// Lets [seconds] go by.
  Future<void> pass(num seconds) =>
      clock.advance(Duration(milliseconds: (seconds * 1000).round()));
}

/// Waits as long as it may: what a test expects is a number.
final class _NoJitter implements Backoff {
  const _NoJitter();

  @override
  Duration delay(int attempt) => Duration(seconds: 1 << min(attempt, 6));
}
