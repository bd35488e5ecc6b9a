import 'dart:io';

import 'file_storage.dart';
import 'io_transport.dart';
import 'storage.dart';
import 'transport.dart';

/// The platform's sockets.
Transport openTransport({required String userAgent}) =>
    IoTransport(userAgent: userAgent);

/// The platform's storage for one project of one app.
Storage openStorage({
  required String? directory,
  required String fingerprint,
  required void Function(String line) log,
}) =>
    directory == null
        ? MemoryStorage()
        : FileStorage('$directory/smolhog-$fingerprint', log: log);

/// What is known of the device without asking anybody.
Map<String, Object?> deviceProperties() => {
      r'$os': switch (Platform.operatingSystem) {
        'android' => 'Android',
        'fuchsia' => 'Fuchsia',
        'ios' => 'iOS',
        'linux' => 'Linux',
        'macos' => 'macOS',
        'windows' => 'Windows',
        final other => other,
      },
      r'$os_version': Platform.operatingSystemVersion,
      r'$locale': Platform.localeName,
    };
