/// The part of Flutter's foundation that the SDK uses, declared for machines
/// without Flutter.
library;

/// Whether the app was compiled for the web.
const bool kIsWeb = bool.fromEnvironment('dart.library.js_interop');

/// Tells widgets apart.
class Key {
  /// Creates a key.
  const Key(this.value);

  /// What tells.
  final String value;
}
