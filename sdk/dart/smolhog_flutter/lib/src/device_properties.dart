import 'package:flutter/widgets.dart';

/// What Flutter knows of the device, beyond what Dart does. Sizes are in
/// logical pixels.
Map<String, Object?> deviceProperties(WidgetsBinding binding) {
  final platform = binding.platformDispatcher;
  final view = platform.implicitView;
  final now = DateTime.now();
  final scale = view?.devicePixelRatio ?? 0;
  return {
    r'$locale': platform.locale.toLanguageTag(),
    r'$timezone': now.timeZoneName,
    r'$timezone_offset_minutes': now.timeZoneOffset.inMinutes,
    if (view != null && scale > 0) ...{
      r'$screen_width': (view.physicalSize.width / scale).round(),
      r'$screen_height': (view.physicalSize.height / scale).round(),
    },
  };
}
