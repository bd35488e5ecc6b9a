import 'package:smolhog/smolhog.dart';
import 'package:smolhog/testing.dart';
import 'package:test/test.dart';

import 'harness.dart';

void main() {
  late Harness harness;
  late FakeGateway gateway;

  setUp(() {
    harness = Harness();
    gateway = harness.gateway;
  });

  test('events wait for company, then leave together', () async {
    final smolhog = await harness.open();
    smolhog.track('a');
    await harness.pass(0.9);
    smolhog.track('b');
    expect(gateway.batchSizes, isEmpty);
    await harness.pass(0.2);
    expect(gateway.batchSizes, [2]);
  });

  test('a full batch does not wait', () async {
    final smolhog = await harness.open(flushAt: 3);
    for (var n = 0; n < 3; n++) {
      smolhog.track('e$n');
    }
    await harness.pass(0);
    expect(gateway.batchSizes, [3]);
  });

  test('batches are pipelined up to the bound, and no further', () async {
    gateway.isSilent = true;
    final smolhog =
        await harness.open(flushAt: 1, batchEvents: 2, maxInFlight: 3);
    for (var n = 0; n < 10; n++) {
      smolhog.track('e$n');
    }
    await harness.pass(1);
    expect(gateway.batches, 3);
    expect(smolhog.pending, 10);
  });

  test('an idle client opens no connection', () async {
    await harness.open();
    await harness.pass(60);
    expect(gateway.connections, 0);
  });

  test('tries without success come less and less often', () async {
    gateway.isOffline = true;
    final smolhog = await harness.open(via: SendVia.webSocket);
    smolhog.track('a');
    await harness.pass(0);
    final waits = <double>[];
    for (var n = 0; n < 5; n++) {
      waits.add(harness.clock.waits.single);
      await harness.pass(waits.last);
    }
    expect(waits, [1, 2, 4, 8, 16]);
    gateway.isOffline = false;
    await harness.pass(32);
    expect(gateway.names, ['a']);
  });

  test('what was in flight when the connection broke is sent again', () async {
    gateway.isSilent = true;
    final smolhog = await harness.open();
    final id = smolhog.track('a');
    await harness.pass(2);
    expect(gateway.batches, 1);
    gateway
      ..isSilent = false
      ..cut();
    await harness.pass(3);
    expect(gateway.connections, 2);
    expect(gateway.events.single.eventId, id);
  });

  test('a gateway that does not answer is left for another connection',
      () async {
    gateway.isSilent = true;
    final smolhog = await harness.open();
    smolhog.track('a');
    await harness.pass(20);
    expect(gateway.connections, 1);
    gateway.isSilent = false;
    await harness.pass(20);
    expect(gateway.connections, 2);
    expect(gateway.names, ['a']);
  });

  test('slow_down holds everything back for as long as it says', () async {
    final smolhog = await harness.open();
    smolhog.track('a');
    await harness.pass(2);
    gateway.slowDown(const Duration(seconds: 10));
    await harness.pass(0);
    smolhog.track('b');
    await harness.pass(9);
    expect(gateway.names, ['a']);
    await harness.pass(2);
    expect(gateway.names, ['a', 'b']);
    expect(gateway.connections, 1);
  });

  test('slow_down holds when the app comes back too', () async {
    final smolhog = await harness.open();
    smolhog.track('a');
    await harness.pass(2);
    gateway.slowDown(const Duration(seconds: 10));
    await harness.pass(0);
    smolhog
      ..track('b')
      ..resume();
    await harness.pass(9);
    expect(gateway.names, ['a']);
  });

  test('a pause of more than a minute is asked about after a minute', () async {
    final smolhog = await harness.open();
    smolhog.track('a');
    await harness.pass(2);
    gateway.slowDown(const Duration(days: 1));
    await harness.pass(0);
    smolhog.track('b');
    await harness.pass(61);
    expect(gateway.names, ['a', 'b']);
  });

  test('retry keeps an event and comes back to it later', () async {
    var refusals = 2;
    gateway.verdict = (event) => event.event == 'b' && refusals-- > 0
        ? const FakeVerdict.retry()
        : null;
    final smolhog = await harness.open(flushAt: 1);
    smolhog
      ..track('a')
      ..track('b')
      ..track('c');
    await harness.pass(0);
    expect(gateway.names, ['a', 'c']);
    expect(smolhog.pending, 1);
    await harness.pass(0.9);
    expect(gateway.batches, 1);
    await harness.pass(0.2);
    expect((gateway.batches, smolhog.pending), (2, 1));
    await harness.pass(1.8);
    expect(gateway.batches, 2);
    await harness.pass(0.3);
    expect(gateway.names, ['a', 'c', 'b']);
  });

  test('a restarting gateway is come back to soon', () async {
    gateway.isSilent = true;
    final smolhog = await harness.open();
    smolhog.track('a');
    await harness.pass(2);
    gateway
      ..isSilent = false
      ..end(1012, error: 'shutting_down');
    await harness.pass(1);
    expect(gateway.names, ['a']);
  });

  test('a wrong key ends all tries; the events are kept', () async {
    gateway.isSilent = true;
    final smolhog = await harness.open();
    smolhog.track('a');
    await harness.pass(2);
    final flushed = smolhog.flush();
    gateway.end(4401, error: 'unauthorised');
    await harness.pass(600);
    expect(harness.refused.single.code, 'unauthorised');
    expect(gateway.connections, 1);
    expect(smolhog.pending, 1);
    expect(await flushed, isFalse);
  });

  test('one event that breaks frames is given up, the others arrive', () async {
    final rejected = <String>[];
    gateway.breaksOn = 'e7';
    final smolhog = await harness.open(
      flushAt: 20,
      onRejected: (event) => rejected.add(event.code),
    );
    for (var n = 0; n < 20; n++) {
      smolhog.track('e$n');
    }
    await harness.pass(300);
    expect(rejected, ['frame_too_large']);
    expect(gateway.names.toSet(), {
      for (var n = 0; n < 20; n++)
        if (n != 7) 'e$n',
    });
  });

  group('in the background', () {
    test('the rest is sent at once, then the connection let go', () async {
      final smolhog = await harness.open();
      smolhog
        ..track('a')
        ..pause();
      await harness.pass(0);
      expect(gateway.names, ['a']);
      expect(gateway.isConnected, isFalse);
      smolhog
        ..resume()
        ..track('b');
      await harness.pass(2);
      expect(gateway.names, ['a', 'b']);
    });

    test('without a network nothing is tried until the app is back', () async {
      gateway.isOffline = true;
      final smolhog = await harness.open();
      smolhog
        ..track('a')
        ..pause();
      await harness.pass(3600);
      expect(harness.clock.waits, isEmpty);
      gateway.isOffline = false;
      smolhog.resume();
      await harness.pass(0);
      expect(gateway.names, ['a']);
    });
  });

  // The clock stands: with anything to wait for, it would not end at all.
  test('a client that is closed in the background ends at once', () async {
    gateway.isOffline = true;
    final smolhog = await harness.open();
    smolhog
      ..track('a')
      ..pause();
    await harness.pass(0);
    expect(harness.clock.waits, hasLength(1));
    await smolhog.close(timeout: Duration.zero);
    expect(smolhog.pending, 1);
  });

  test('coming back to the app does not wait for the next try', () async {
    gateway.isOffline = true;
    final smolhog = await harness.open();
    smolhog.track('a');
    await harness.pass(300);
    expect(harness.clock.waits.single, greaterThan(1));
    gateway.isOffline = false;
    smolhog.resume();
    await harness.pass(0);
    expect(gateway.names, ['a']);
  });
}
