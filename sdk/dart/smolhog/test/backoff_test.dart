import 'package:smolhog/smolhog.dart';
import 'package:test/test.dart';

void main() {
  test('the bound doubles up to the cap', () {
    final backoff = FullJitter(
      base: const Duration(seconds: 1),
      cap: const Duration(seconds: 10),
      draw: () => 1,
    );
    final waits = [0, 1, 2, 3, 4, 1000].map(backoff.delay);
    expect(waits.map((wait) => wait.inSeconds), [1, 2, 4, 8, 10, 10]);
  });

  test('the wait is drawn from the whole interval', () {
    final draws = [0.0, 0.5].iterator;
    final backoff = FullJitter(
      base: const Duration(seconds: 8),
      draw: () => (draws..moveNext()).current,
    );
    expect(backoff.delay(0), Duration.zero);
    expect(backoff.delay(0), const Duration(seconds: 4));
  });
}
