/// The part of Flutter's widgets that the SDK uses, declared for machines
/// without Flutter. Signatures are Flutter 3.19's.
library;

import 'foundation.dart';

export 'foundation.dart' show Key;

/// A place in the tree.
abstract class BuildContext {}

/// What describes a part of the screen.
abstract class Widget {
  /// Creates a widget.
  const Widget({this.key});

  /// Tells it apart.
  final Key? key;
}

/// A widget that depends on nothing but itself.
abstract class StatelessWidget extends Widget {
  /// Creates a widget.
  const StatelessWidget({super.key});

  /// Describes its part of the screen.
  Widget build(BuildContext context);
}

/// A widget with state.
abstract class StatefulWidget extends Widget {
  /// Creates a widget.
  const StatefulWidget({super.key});

  /// Makes its state.
  State<StatefulWidget> createState();
}

/// The state of a widget.
abstract class State<T extends StatefulWidget> {
  /// Set by whoever mounts it.
  late T mounted_;

  /// Its widget.
  T get widget => mounted_;

  /// Called once, first.
  void initState() {}

  /// Called when another widget took the place of its own.
  void didUpdateWidget(covariant T oldWidget) {}

  /// Describes its part of the screen.
  Widget build(BuildContext context);
}

/// A box.
class SizedBox extends Widget {
  /// Creates a box.
  const SizedBox({super.key});
}

/// How a route is called.
class RouteSettings {
  /// Creates settings.
  const RouteSettings({this.name, this.arguments});

  /// Its name.
  final String? name;

  /// What it was pushed with.
  final Object? arguments;
}

/// Something that a navigator shows.
abstract class Route<T> {
  /// Creates a route.
  Route({RouteSettings? settings})
      : settings = settings ?? const RouteSettings();

  /// How it is called.
  final RouteSettings settings;
}

/// A route that covers the screen.
abstract class PageRoute<T> extends Route<T> {
  /// Creates a route.
  PageRoute({super.settings});
}

/// Builds a page.
typedef RoutePageBuilder = Widget Function(
  BuildContext context,
  Animation<double> animation,
  Animation<double> secondaryAnimation,
);

/// A value that moves.
abstract class Animation<T> {}

/// A page made on the spot.
class PageRouteBuilder<T> extends PageRoute<T> {
  /// Creates a page.
  PageRouteBuilder({required this.pageBuilder, super.settings});

  /// Builds it.
  final RoutePageBuilder pageBuilder;
}

/// A dialog.
class RawDialogRoute<T> extends Route<T> {
  /// Creates a dialog.
  RawDialogRoute({required this.pageBuilder, super.settings});

  /// Builds it.
  final RoutePageBuilder pageBuilder;
}

/// Hears of what a navigator does.
class NavigatorObserver {
  /// A route came.
  void didPush(Route<dynamic> route, Route<dynamic>? previousRoute) {}

  /// A route went.
  void didPop(Route<dynamic> route, Route<dynamic>? previousRoute) {}

  /// A route came in place of another.
  void didReplace({Route<dynamic>? newRoute, Route<dynamic>? oldRoute}) {}
}

/// Whether the app is seen.
enum AppLifecycleState {
  /// Not attached to a view.
  detached,

  /// Seen and used.
  resumed,

  /// Seen, not used.
  inactive,

  /// About to be in the background.
  hidden,

  /// In the background.
  paused,
}

/// Hears of it.
class AppLifecycleListener {
  /// Creates a listener.
  AppLifecycleListener({this.onStateChange}) {
    WidgetsBinding.instance._listeners.add(this);
  }

  /// Called with each state.
  final void Function(AppLifecycleState state)? onStateChange;

  /// Stops to hear.
  void dispose() => WidgetsBinding.instance._listeners.remove(this);
}

/// What holds an app together.
class WidgetsBinding {
  WidgetsBinding._();

  /// The one of the process.
  static final WidgetsBinding instance = WidgetsBinding._();

  final _listeners = <AppLifecycleListener>[];

  /// The device.
  PlatformDispatcher get platformDispatcher => PlatformDispatcher._();

  /// Called by the platform.
  void handleAppLifecycleStateChanged(AppLifecycleState state) {
    for (final listener in [..._listeners]) {
      listener.onStateChange?.call(state);
    }
  }
}

/// The binding of apps.
class WidgetsFlutterBinding {
  /// Makes it, if need be.
  static WidgetsBinding ensureInitialized() => WidgetsBinding.instance;
}

/// What the device tells.
class PlatformDispatcher {
  PlatformDispatcher._();

  /// The first language of whoever uses it.
  Locale get locale => const Locale('de', 'CH');

  /// The one screen, where there is one.
  FlutterView? get implicitView => FlutterView._();
}

/// A language.
class Locale {
  /// Creates a locale.
  const Locale(this.languageCode, this.countryCode);

  /// E.g. `de`.
  final String languageCode;

  /// E.g. `CH`.
  final String? countryCode;

  /// E.g. `de-CH`.
  String toLanguageTag() => '$languageCode-$countryCode';
}

/// A screen.
class FlutterView {
  FlutterView._();

  /// Device pixels.
  Size get physicalSize => const Size(1170, 2532);

  /// Device pixels for one logical pixel.
  double get devicePixelRatio => 3;
}

/// Width and height.
class Size {
  /// Creates a size.
  const Size(this.width, this.height);

  /// From left to right.
  final double width;

  /// From top to bottom.
  final double height;
}

/// Pushes and pops routes.
class Navigator {
  /// The nearest one.
  static NavigatorState of(BuildContext context) => NavigatorState();
}

/// What a navigator does.
class NavigatorState {
  /// Shows the route of a name.
  Future<T?> pushNamed<T extends Object?>(String routeName) async => null;
}

/// Builds a widget.
typedef WidgetBuilder = Widget Function(BuildContext context);

/// Shows an app.
void runApp(Widget app) {}
