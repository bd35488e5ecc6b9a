/// The few Material widgets of the SDK's example, declared for machines
/// without Flutter.
library;

import 'widgets.dart';

export 'widgets.dart';

/// An app.
class MaterialApp extends Widget {
  /// Creates an app.
  const MaterialApp({
    super.key,
    this.title = '',
    this.navigatorObservers = const [],
    this.routes = const {},
  });

  /// Its name.
  final String title;

  /// Who hears of its navigator.
  final List<NavigatorObserver> navigatorObservers;

  /// Its pages.
  final Map<String, WidgetBuilder> routes;
}

/// A page.
class Scaffold extends Widget {
  /// Creates a page.
  const Scaffold({super.key, this.appBar, this.body});

  /// On top of it.
  final Widget? appBar;

  /// The rest of it.
  final Widget? body;
}

/// The top of a page.
class AppBar extends Widget {
  /// Creates a bar.
  AppBar({super.key, this.title});

  /// In the middle of it.
  final Widget? title;
}

/// Something in the middle.
class Center extends Widget {
  /// Creates it.
  const Center({super.key, this.child});

  /// What is there.
  final Widget? child;
}

/// Something to read.
class Text extends Widget {
  /// Creates it.
  const Text(this.data, {super.key});

  /// What is read.
  final String data;
}

/// Something to press.
class ElevatedButton extends Widget {
  /// Creates it.
  const ElevatedButton({required this.onPressed, required this.child, super.key});

  /// Called then.
  final void Function()? onPressed;

  /// What is on it.
  final Widget? child;
}
