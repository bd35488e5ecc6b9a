import 'package:smolhog/smolhog.dart';
import 'package:smolhog/src/properties.dart';
import 'package:test/test.dart';

enum _Plan { free, pro }

final class _Money {
  const _Money(this.cents);

  final int cents;

  Object toJson() => {'cents': cents, 'at': DateTime.utc(2026)};
}

final class _Broken {
  Object toJson() => throw const FormatException('no');
}

void main() {
  test('what programs hold becomes what JSON can say', () {
    final written = plain({
      'time': DateTime.utc(2026, 3, 13, 10, 21, 5, 7),
      'wait': const Duration(seconds: 2),
      'plan': _Plan.pro,
      'link': Uri.parse('https://example.com/a'),
      'price': const _Money(1990),
      'set': {1, 2},
      'map': {3: 'three'},
      'odd': [double.nan, double.infinity, 1.5],
    });
    expect(written, {
      'time': '2026-03-13T10:21:05.007Z',
      'wait': 2000,
      'plan': 'pro',
      'link': 'https://example.com/a',
      'price': {'cents': 1990, 'at': '2026-01-01T00:00:00.000Z'},
      'set': [1, 2],
      'map': {'3': 'three'},
      'odd': [null, null, 1.5],
    });
  });

  test('half of a UTF-16 pair is replaced, whole ones stay', () {
    expect(plain('a\u{1F600}b'), 'a\u{1F600}b');
    expect(plain('cut \ud83d'), 'cut \ufffd');
    expect(plain('\ude00 \u{1F600}'), '\ufffd \u{1F600}');
    expect(plain({'\ud83d': 1}), {'\ufffd': 1});
  });

  test('what contains itself, or fails when asked, has no JSON form', () {
    final loop = <Object?>[];
    loop.add(loop);
    expect(() => plain(loop), throwsA(isA<UnwritableException>()));
    expect(() => plain(_Broken()), throwsA(isA<UnwritableException>()));
  });

  test('secrets are masked at any depth, however their name is written', () {
    final scrubbed = Scrubber().scrub({
      'plan': 'pro',
      'Password': 'x',
      'user': {
        'accessToken': 'x',
        'cards': [
          {'card-number': '4111'},
        ],
      },
    });
    expect(scrubbed, {
      'plan': 'pro',
      'Password': '[scrubbed]',
      'user': {
        'accessToken': '[scrubbed]',
        'cards': [
          {'card-number': '[scrubbed]'},
        ],
      },
    });
  });

  test('patterns are masked inside of texts', () {
    final scrubber = Scrubber(
      names: {'iban'},
      patterns: [RegExp(r'\b[\w.]+@[\w.]+\b')],
    );
    expect(
      scrubber.scrub({'note': 'ask ada@example.com now', 'password': 'kept'}),
      {'note': 'ask [scrubbed] now', 'password': 'kept'},
    );
  });
}
