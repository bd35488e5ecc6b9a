import 'package:flutter/foundation.dart';
import 'package:flutter/widgets.dart';
import 'package:path_provider/path_provider.dart';
import 'package:smolhog/smolhog.dart';

import 'app_lifecycle.dart';
import 'device_properties.dart';

/// Starts SmolHog in a Flutter app.
abstract final class SmolhogFlutter {
  static SmolhogLifecycle? _lifecycle;

  /// Makes a client that keeps its events in the app's support folder, sends
  /// them when the app goes into the background, and says with each event
  /// which device, system and version of the app it comes from.
  ///
  /// [url] is the gateway's and [writeKey] the project's. [appVersion] and
  /// [appBuild] are the app's own, e.g. of `package_info_plus`. With
  /// [trackLifecycle], coming and going of the app are events:
  /// `Application Opened` and `Application Backgrounded`.
  ///
  /// Throws [ArgumentError] where [url] or [writeKey] cannot be right.
  static Future<Smolhog> initialize({
    required String url,
    required String writeKey,
    String? appVersion,
    String? appBuild,
    bool trackLifecycle = true,
    SmolhogOptions options = const SmolhogOptions(),
  }) async {
    final binding = WidgetsFlutterBinding.ensureInitialized();
    final client = await Smolhog.initialize(
      url: url,
      writeKey: writeKey,
      options: options.copyWith(
        directory: options.directory ??
            (options.storage == null ? await _supportFolder() : null),
        defaultProperties: {
          ...deviceProperties(binding),
          if (appVersion != null) r'$app_version': appVersion,
          if (appBuild != null) r'$app_build': appBuild,
          ...options.defaultProperties,
        },
      ),
    );
    _lifecycle?.dispose();
    _lifecycle = SmolhogLifecycle(client, trackEvents: trackLifecycle);
    return client;
  }

  // A browser has no folders, and a test no plugins; a platform without either
  // keeps its events in memory, which is better than an app that fails.
  static Future<String?> _supportFolder() async {
    if (kIsWeb) return null;
    try {
      return (await getApplicationSupportDirectory()).path;
    } on Exception {
      return null;
    }
  }
}
