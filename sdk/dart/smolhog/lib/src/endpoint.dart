import 'dart:convert';

/// Where a gateway takes events, and with which key.
final class Endpoint {
  /// Reads the address of a gateway, e.g. `https://events.example.com`.
  ///
  /// Throws [ArgumentError] for anything that is not `http`, `https`, `ws` or
  /// `wss` with a host.
  factory Endpoint(String url, {required String writeKey}) {
    final uri = Uri.tryParse(url);
    final isSecure = switch (uri?.scheme) {
      'https' || 'wss' => true,
      'http' || 'ws' => false,
      _ => null,
    };
    if (uri == null || isSecure == null || uri.host.isEmpty) {
      throw ArgumentError.value(url, 'url', 'must be like https://host');
    }
    if (writeKey.isEmpty) {
      throw ArgumentError.value(writeKey, 'writeKey', 'must not be empty');
    }
    Uri at(String scheme, String path) => Uri(
          scheme: isSecure ? '${scheme}s' : scheme,
          host: uri.host,
          port: uri.hasPort ? uri.port : null,
          path: '${uri.path.replaceFirst(RegExp(r'/+$'), '')}$path',
        );
    return Endpoint._(
      at('ws', '/v1/stream'),
      at('http', '/v1/batch'),
      writeKey,
    );
  }

  const Endpoint._(this.stream, this.batch, this.writeKey);

  /// Of the WebSocket.
  final Uri stream;

  /// Of the HTTP fallback.
  final Uri batch;

  /// Of the project that the events belong to.
  final String writeKey;

  /// Names the project's folder on the device without giving the key away. A
  /// gateway that moves to another address finds its users as they were.
  ///
  /// Within 53 bits at every step, as on the web.
  String get fingerprint {
    var hash = 7;
    for (final byte in utf8.encode(writeKey)) {
      hash = (hash * 31 + byte) % 0x1fffffffffff;
    }
    return hash.toRadixString(16);
  }
}
