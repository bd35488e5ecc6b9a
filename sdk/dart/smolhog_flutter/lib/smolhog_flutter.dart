/// SmolHog for Flutter: `package:smolhog` with the app's lifecycle, screens,
/// device and disk taken care of.
///
/// Start with [SmolhogFlutter.initialize].
library;

export 'package:smolhog/smolhog.dart';

export 'src/app_lifecycle.dart' show SmolhogLifecycle;
export 'src/route_observer.dart' show ScreenNamer, SmolhogRouteObserver;
export 'src/screen_view.dart' show SmolhogScreen;
export 'src/start.dart' show SmolhogFlutter;
