/// Takes secrets and personal data out of properties before they are kept or
/// sent.
final class Scrubber {
  /// Creates a scrubber.
  ///
  /// A property whose name is in [names] (capitals, `-` and `_` make no
  /// difference), at any depth, gets the value [mask]. Whatever matches one of
  /// [patterns] inside a text is replaced by [mask] too.
  Scrubber({Set<String> names = defaultNames, this.patterns = const []})
      : _names = {for (final name in names) _folded(name)};

  /// Names that never belong into analytics.
  static const defaultNames = {
    'password',
    'passwd',
    'secret',
    'token',
    'access_token',
    'refresh_token',
    'api_key',
    'authorization',
    'cookie',
    'credit_card',
    'card_number',
    'cvv',
    'ssn',
  };

  /// What stands in place of a secret.
  static const mask = '[scrubbed]';

  final Set<String> _names;

  /// Texts to replace, wherever they occur in a value.
  final List<Pattern> patterns;

  /// A copy of [properties] without secrets; values must be plain JSON.
  Map<String, Object?> scrub(Map<String, Object?> properties) => {
        for (final MapEntry(:key, :value) in properties.entries)
          key: _names.contains(_folded(key)) ? mask : _scrubValue(value),
      };

  Object? _scrubValue(Object? value) => switch (value) {
        final Map<String, Object?> map => scrub(map),
        final List<Object?> items => items.map(_scrubValue).toList(),
        final String text =>
          patterns.fold<String>(text, (kept, p) => kept.replaceAll(p, mask)),
        _ => value,
      };

  static String _folded(String name) =>
      name.toLowerCase().replaceAll('-', '').replaceAll('_', '');
}
