import 'package:flutter/widgets.dart';
import 'package:smolhog/smolhog.dart';

/// Names a route's screen; `null` for a route that is none.
typedef ScreenNamer = String? Function(Route<dynamic> route);

/// Tracks a screen whenever a page comes up: by push, by pop of what was above
/// it, or in place of another.
///
/// ```dart
/// MaterialApp(navigatorObservers: [SmolhogRouteObserver()], …)
/// ```
///
/// Dialogs and sheets are no screens, and neither are pages without a name.
class SmolhogRouteObserver extends NavigatorObserver {
  /// Creates an observer for [client], by default [Smolhog.instance] once
  /// there is one.
  SmolhogRouteObserver({this.client, this.screenName = nameWithoutQuery});

  /// What tracks the screens.
  final Smolhog? client;

  /// Names the screens; give your own where names of routes hold ids.
  final ScreenNamer screenName;

  /// The name of a page's route up to the first `?`, behind which there may be
  /// anything.
  static String? nameWithoutQuery(Route<dynamic> route) =>
      route is PageRoute ? route.settings.name?.split('?').first : null;

  @override
  void didPush(Route<dynamic> route, Route<dynamic>? previousRoute) {
    super.didPush(route, previousRoute);
    _show(route);
  }

  @override
  void didPop(Route<dynamic> route, Route<dynamic>? previousRoute) {
    super.didPop(route, previousRoute);
    // Below a dialog the page was there all the time.
    if (screenName(route) != null) _show(previousRoute);
  }

  @override
  void didReplace({Route<dynamic>? newRoute, Route<dynamic>? oldRoute}) {
    super.didReplace(newRoute: newRoute, oldRoute: oldRoute);
    _show(newRoute);
  }

  void _show(Route<dynamic>? route) {
    final name = route == null ? null : screenName(route);
    if (name == null || name.isEmpty) return;
    (client ?? Smolhog.maybeInstance)?.screen(name);
  }
}
