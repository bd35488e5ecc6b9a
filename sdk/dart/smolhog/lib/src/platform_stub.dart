import 'storage.dart';
import 'transport.dart';

/// The platform's sockets.
Transport openTransport({required String userAgent}) => throw UnsupportedError(
      'this platform has neither dart:io nor dart:js_interop: '
      'give SmolhogOptions a transport of your own',
    );

/// The platform's storage for one project of one app.
Storage openStorage({
  required String? directory,
  required String fingerprint,
  required void Function(String line) log,
}) =>
    MemoryStorage();

/// What is known of the device without asking anybody.
Map<String, Object?> deviceProperties() => const {};
