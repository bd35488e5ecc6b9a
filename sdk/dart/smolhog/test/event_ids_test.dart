import 'dart:math';

import 'package:smolhog/src/event_ids.dart';
import 'package:test/test.dart';

void main() {
  test('ids are UUIDs of version 7 that carry their time', () {
    final ids = EventIds(milliseconds: () => 0x0190a6e07c1d);
    final form = RegExp(
      r'^0190a6e0-7c1d-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$',
    );
    for (var i = 0; i < 200; i++) {
      expect(ids.next(), matches(form));
    }
  });

  test('each id is greater than the one before, whatever the clock does', () {
    final random = Random(7);
    var now = 1700000000000;
    final ids = EventIds(
      milliseconds: () => now += random.nextInt(5) - 2,
      random: Random(1),
    );
    var last = '';
    for (var i = 0; i < 20000; i++) {
      final id = ids.next();
      expect(id.compareTo(last), greaterThan(0));
      last = id;
    }
  });

  test('a full random part carries over into the time', () {
    final ids = EventIds(milliseconds: () => 5, random: _Highest());
    expect(ids.next(), '00000000-0005-7fff-bfff-ffffffffffff');
    expect(ids.next(), '00000000-0006-7000-8000-000000ffffff');
  });
}

final class _Highest implements Random {
  @override
  int nextInt(int max) => max - 1;

  @override
  bool nextBool() => true;

  @override
  double nextDouble() => 0.999;
}
