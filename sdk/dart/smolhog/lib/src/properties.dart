import 'dart:convert';

/// Deeper than any gateway takes; a value that contains itself ends here.
const _deepest = 64;

/// A value that has no JSON form.
final class UnwritableException implements Exception {
  /// Creates an exception that says [message].
  const UnwritableException(this.message);

  /// What is wrong, for people.
  final String message;

  @override
  String toString() => 'UnwritableException: $message';
}

/// Writes [value] as JSON, after [plain].
String encodeJson(Object? value) => jsonEncode(plain(value));

/// Turns what programs put into properties into what JSON can say.
///
/// Times become UTC in ISO 8601, durations milliseconds, enums their names, and
/// other objects what their `toJson` gives, or else their `toString`. Numbers
/// that JSON lacks become `null`, and halves of UTF-16 pairs, which cutting a
/// text in the middle of an emoji leaves behind, U+FFFD.
///
/// Throws [UnwritableException] for a value that contains itself or that fails
/// when asked for its JSON.
Object? plain(Object? value, [int depth = 0]) {
  if (depth > _deepest) {
    throw const UnwritableException('nests too deep, or contains itself');
  }
  return switch (value) {
    null || bool() || int() => value,
    final double number => number.isFinite ? number : null,
    final String text => _wellFormed(text),
    final DateTime time => time.toUtc().toIso8601String(),
    final Duration duration => duration.inMilliseconds,
    final Enum constant => constant.name,
    final Map<Object?, Object?> map => {
        for (final MapEntry(:key, :value) in map.entries)
          _wellFormed('$key'): plain(value, depth + 1),
      },
    final Iterable<Object?> items => [
        for (final item in items) plain(item, depth + 1),
      ],
    _ => plain(_asked(value), depth + 1),
  };
}

Object? _asked(Object value) {
  try {
    // ignore: avoid_dynamic_calls
    return (value as dynamic).toJson() as Object?;
  } on NoSuchMethodError {
    return value.toString();
  } on Exception catch (error) {
    throw UnwritableException('toJson of ${value.runtimeType} failed: $error');
  }
}

String _wellFormed(String text) {
  if (!_hasLoneSurrogate(text)) return text;
  // Runes join the pairs; whatever is left of the surrogates stands alone.
  return String.fromCharCodes(
    text.runes.map((rune) => rune >> 11 == 0x1b ? 0xfffd : rune),
  );
}

bool _hasLoneSurrogate(String text) {
  for (var i = 0; i < text.length; i++) {
    final unit = text.codeUnitAt(i);
    if (unit >> 11 != 0x1b) continue;
    final isPair = unit < 0xdc00 &&
        i + 1 < text.length &&
        text.codeUnitAt(i + 1) >> 10 == 0x37;
    if (!isPair) return true;
    i++;
  }
  return false;
}
