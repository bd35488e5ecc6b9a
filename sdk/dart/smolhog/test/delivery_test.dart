import 'dart:math';

import 'package:smolhog/smolhog.dart';
import 'package:smolhog/src/delivery.dart';
import 'package:smolhog/src/wire.dart';
import 'package:test/test.dart';

const _start = Duration.zero;

Delivery _delivery({
  int queueEvents = 1000,
  int queueBytes = 1 << 20,
  WhenFull whenFull = WhenFull.dropOldest,
  int flushAt = 1,
  int batchEvents = 3,
  int maxInFlight = 2,
}) =>
    Delivery(
      DeliverySettings(
        queueEvents: queueEvents,
        queueBytes: queueBytes,
        whenFull: whenFull,
        flushAt: flushAt,
        linger: const Duration(seconds: 1),
        batchEvents: batchEvents,
        maxInFlight: maxInFlight,
      ),
    );

QueuedEvent _event(int n, {int size = 10}) =>
    QueuedEvent('e$n', '"${'x' * (size - 2)}"');

List<String> _handIn(Delivery delivery, Iterable<int> numbers) => [
      for (final n in numbers)
        ...delivery.handIn(_event(n), _start).crowdedOut.map((e) => e.eventId),
    ];

Batch? _next(Delivery delivery, [Duration now = _start]) =>
    delivery.nextBatch(now, Settlement());

List<String> _ids(Batch? batch) => [
      for (final event in batch?.events ?? const <QueuedEvent>[]) event.eventId,
    ];

Verdict _verdict(int index, {bool isRetry = false}) => Verdict(
      index: index,
      isRetry: isRetry,
      code: isRetry ? 'unavailable' : 'name_too_long',
      message: 'm',
    );

void main() {
  test('events leave in their order, in batches within the limits', () {
    final delivery = _delivery(maxInFlight: 9);
    _handIn(delivery, [1, 2, 3, 4, 5]);
    expect(_ids(_next(delivery)), ['e1', 'e2', 'e3']);
    delivery.take(const Limits(batchEvents: 1));
    expect(_ids(_next(delivery)), ['e4']);
    delivery.take(const Limits(frameBytes: frameOverhead + 15));
    _handIn(delivery, [6]);
    expect(_ids(_next(delivery)), ['e5']);
  });

  test('a batch waits for company, unless it is full or flushed', () {
    final delivery = _delivery(flushAt: 3);
    _handIn(delivery, [1, 2]);
    expect(_next(delivery), isNull);
    expect(delivery.wakeAt, const Duration(seconds: 1));
    expect(_ids(_next(delivery, const Duration(seconds: 1))), ['e1', 'e2']);
    _handIn(delivery, [3]);
    delivery.flush();
    expect(_ids(_next(delivery)), ['e3']);
  });

  test('no more batches are under way than allowed', () {
    final delivery = _delivery(batchEvents: 1);
    _handIn(delivery, [1, 2, 3]);
    final first = _next(delivery)!;
    _next(delivery);
    expect(_next(delivery), isNull);
    expect(delivery.wakeAt, isNull);
    delivery.acknowledge(first.id, []);
    expect(_ids(_next(delivery)), ['e3']);
  });

  test('an ack settles all events but those with a verdict', () {
    final delivery = _delivery();
    _handIn(delivery, [1, 2, 3]);
    final batch = _next(delivery)!;
    final settlement = delivery.acknowledge(batch.id, [
      _verdict(0),
      _verdict(2, isRetry: true),
      _verdict(7),
    ])!;
    expect(settlement.accepted.map((e) => e.eventId), ['e2']);
    expect(settlement.rejected.map((e) => e.eventId), ['e1']);
    expect(settlement.retried, 1);
    expect(delivery.pending, 1);
    expect(delivery.acknowledge(batch.id, []), isNull);
  });

  test('what was in flight is sent again in its old order', () {
    final delivery = _delivery(batchEvents: 2);
    _handIn(delivery, [1, 2, 3, 4, 5]);
    final first = _next(delivery)!;
    final second = _next(delivery)!;
    delivery
      ..acknowledge(second.id, [_verdict(1, isRetry: true)])
      ..acknowledge(first.id, [_verdict(0, isRetry: true)]);
    expect(_ids(_next(delivery)), ['e1', 'e4']);
    delivery.disconnect();
    expect(_ids(_next(delivery)), ['e1', 'e4']);
    expect(_ids(_next(delivery)), ['e5']);
  });

  test('a pause holds everything back, and the longest counts', () {
    final delivery = _delivery()
      ..pause(const Duration(seconds: 5))
      ..pause(const Duration(seconds: 2));
    _handIn(delivery, [1]);
    expect(_next(delivery, const Duration(seconds: 4)), isNull);
    expect(delivery.wakeAt, const Duration(seconds: 5));
    expect(_ids(_next(delivery, const Duration(seconds: 5))), ['e1']);
  });

  test('a full queue drops the oldest event that waits', () {
    final delivery = _delivery(queueEvents: 3, batchEvents: 1, maxInFlight: 1);
    _handIn(delivery, [1]);
    _next(delivery);
    expect(_handIn(delivery, [2, 3, 4, 5]), ['e2', 'e3']);
    expect(delivery.pending, 3);
  });

  test('or the new one, by choice', () {
    final delivery = _delivery(queueEvents: 2, whenFull: WhenFull.dropNewest);
    expect(_handIn(delivery, [1, 2, 3]), ['e3']);
    expect(_ids(_next(delivery)), ['e1', 'e2']);
  });

  test('with everything in flight, the new one goes either way', () {
    final delivery = _delivery(queueEvents: 1);
    _handIn(delivery, [1]);
    _next(delivery);
    expect(_handIn(delivery, [2]), ['e2']);
  });

  test('bytes bound the queue too, but one event always fits', () {
    final delivery = _delivery(queueBytes: 25);
    expect(_handIn(delivery, [1, 2]), isEmpty);
    expect(_handIn(delivery, [3]), ['e1']);
    final dropped = delivery.handIn(_event(4, size: 400), _start).crowdedOut;
    expect(dropped.map((e) => e.eventId), ['e2', 'e3']);
    expect(delivery.pending, 1);
  });

  test('a report of drops is never dropped for want of room', () {
    final delivery = _delivery(queueEvents: 2)
      ..handIn(QueuedEvent('report', '{}', isReport: true), _start);
    _handIn(delivery, [1, 2, 3, 4]);
    expect(_ids(_next(delivery)), ['report', 'e4']);
  });

  test('an event larger than a frame is given up, its neighbours go on', () {
    final delivery = _delivery()
      ..take(const Limits(frameBytes: frameOverhead + 50))
      ..handIn(_event(1, size: 60), _start);
    _handIn(delivery, [2]);
    final settlement = Settlement();
    final batch = delivery.nextBatch(_start, settlement);
    expect(_ids(batch), ['e2']);
    expect(settlement.tooLarge.map((e) => e.eventId), ['e1']);
  });

  test('a flush is done when everything before it is settled', () {
    final delivery = _delivery(batchEvents: 1);
    _handIn(delivery, [1, 2]);
    final mark = delivery.flush();
    _handIn(delivery, [3]);
    final first = _next(delivery)!;
    final second = _next(delivery)!;
    delivery.acknowledge(second.id, []);
    expect(delivery.isSettled(mark), isFalse);
    delivery.acknowledge(first.id, []);
    expect(delivery.isSettled(mark), isTrue);
    expect(delivery.pending, 1);
  });

  test('the one event that breaks every frame is found and given up', () {
    final delivery = _delivery(batchEvents: 100, maxInFlight: 4);
    _handIn(delivery, Iterable.generate(300));
    final accepted = <String>[];
    final rejected = <String>[];
    var frames = 0;
    while (delivery.pending > 0) {
      final sent = <Batch>[];
      Batch? batch;
      while ((batch = _next(delivery)) != null) {
        sent.add(batch!);
      }
      frames += sent.length;
      if (sent.any((batch) => _ids(batch).contains('e137'))) {
        final settlement = delivery.narrow('frame_too_large', 'm');
        rejected.addAll(settlement.rejected.map((e) => e.eventId));
        delivery.disconnect();
      } else {
        for (final batch in sent) {
          accepted.addAll(
            delivery.acknowledge(batch.id, [])!.accepted.map((e) => e.eventId),
          );
        }
      }
    }
    expect(rejected, ['e137']);
    expect(accepted.toSet(), hasLength(299));
    expect(frames, lessThan(60));
  });

  test('whatever happens, every event is in one place and none is lost', () {
    for (var seed = 0; seed < 300; seed++) {
      _balance(Random(seed));
    }
  });
}

/// Does random things to a delivery, and keeps a ledger of its own.
void _balance(Random random) {
  final delivery = _delivery(
    queueEvents: 1 + random.nextInt(12),
    whenFull: WhenFull.values[random.nextInt(2)],
    batchEvents: 1 + random.nextInt(4),
    maxInFlight: 1 + random.nextInt(3),
  );
  final waiting = <String>{};
  final flying = <String, Batch>{};
  var made = 0;
  void gone(Iterable<String> ids) {
    for (final id in ids) {
      expect(waiting.remove(id), isTrue, reason: '$id was settled twice');
    }
  }

  for (var step = 0; step < 60; step++) {
    switch (random.nextInt(6)) {
      case 0 || 1:
        waiting.add('e${++made}');
        gone(delivery.handIn(_event(made), _start).settledIds);
      case 2:
        if (_next(delivery) case final batch?) flying[batch.id] = batch;
      case 3 when flying.isNotEmpty:
        final id = flying.keys.elementAt(random.nextInt(flying.length));
        final size = flying.remove(id)!.events.length;
        final verdicts = [
          for (var i = 0; i < size; i++)
            if (random.nextBool()) _verdict(i, isRetry: random.nextBool()),
        ];
        gone(delivery.acknowledge(id, verdicts)!.settledIds);
      case 4 when random.nextInt(4) == 0:
        delivery.disconnect();
        flying.clear();
      case 5 when random.nextInt(6) == 0:
        gone(delivery.narrow('c', 'm').settledIds);
        flying.clear();
    }
    expect(delivery.pending, waiting.length);
  }
  delivery
    ..disconnect()
    ..flush();
  final left = <String>[];
  for (var batch = _next(delivery); batch != null; batch = _next(delivery)) {
    left.addAll(_ids(batch));
    gone(delivery.acknowledge(batch.id, [])!.settledIds);
  }
  expect(waiting, isEmpty);
  final order = left.map((id) => int.parse(id.substring(1))).toList();
  expect(order, [...order]..sort());
}
