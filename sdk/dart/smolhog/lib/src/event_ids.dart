import 'dart:math';

const _carryInto = 0x100000000;

/// Makes UUIDv7 ids (RFC 9562), each greater than the one before.
///
/// Within a millisecond, and when the clock steps back, the random part grows
/// by a random step (RFC 9562, section 6.2, method 2). Time and randomness are
/// arguments, for tests. All arithmetic stays within 53 bits, so that the ids
/// are right where integers are JavaScript numbers.
final class EventIds {
  /// Creates a generator over [milliseconds] since 1970 and [random].
  EventIds({required int Function() milliseconds, Random? random})
      : _milliseconds = milliseconds,
        _random = random ?? Random.secure();

  final int Function() _milliseconds;
  final Random _random;

  // The 74 bits behind the time, as 12 + 30 + 32.
  int _last = -1;
  int _high = 0;
  int _middle = 0;
  int _low = 0;

  /// Makes the next id, in its usual 36 characters.
  String next() {
    final now = _milliseconds();
    if (now > _last) {
      _last = now;
      _high = _random.nextInt(1 << 12);
      _middle = _random.nextInt(1 << 30);
      _low = _random.nextInt(_carryInto);
    } else {
      _step();
    }
    final time = _hex(_last, 12);
    final middle = _hex(_middle, 8);
    return '${time.substring(0, 8)}-${time.substring(8)}'
        '-7${_hex(_high, 3)}'
        '-${_variant(middle)}'
        '-${middle.substring(4)}${_hex(_low, 8)}';
  }

  void _step() {
    _low += 1 + _random.nextInt(1 << 24);
    if (_low < _carryInto) return;
    _low -= _carryInto;
    if (++_middle < 1 << 30) return;
    _middle = 0;
    if (++_high < 1 << 12) return;
    _high = 0;
    _last++;
  }

  // The variant's two bits, 10, stand before the 30 of the middle part.
  String _variant(String middle) {
    final first = int.parse(middle[0], radix: 16) | 0x8;
    return '${first.toRadixString(16)}${middle.substring(1, 4)}';
  }
}

String _hex(int value, int digits) =>
    value.toRadixString(16).padLeft(digits, '0');
