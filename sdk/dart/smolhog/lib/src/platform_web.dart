import 'browser.dart';
import 'browser_storage.dart';
import 'browser_transport.dart';
import 'storage.dart';
import 'transport.dart';

/// The platform's sockets. A browser names itself, so the name is not used.
Transport openTransport({required String userAgent}) => BrowserTransport();

/// The platform's storage for one project of one site.
Storage openStorage({
  required String? directory,
  required String fingerprint,
  required void Function(String line) log,
}) {
  final local = localStorageOrNull();
  return local == null
      ? MemoryStorage()
      : BrowserStorage(local, 'smolhog-$fingerprint', log: log);
}

/// What is known of the device without asking anybody.
Map<String, Object?> deviceProperties() => {
      r'$locale': navigator.language,
      r'$current_url': location.href,
    };
