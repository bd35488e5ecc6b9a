import 'package:flutter/widgets.dart';
import 'package:smolhog/smolhog.dart';

/// Tracks a screen when it comes up: for what has no route of its own, such as
/// tabs and pages of a `PageView`.
class SmolhogScreen extends StatefulWidget {
  /// Creates a screen around [child].
  const SmolhogScreen({
    required this.name,
    required this.child,
    this.properties = const {},
    this.client,
    super.key,
  });

  /// Of the screen. Another name in the same place is another screen.
  final String name;

  /// Whatever else is known of it.
  final Map<String, Object?> properties;

  /// What tracks it; by default [Smolhog.instance] once there is one.
  final Smolhog? client;

  /// What the screen shows.
  final Widget child;

  @override
  State<SmolhogScreen> createState() => _SmolhogScreenState();
}

class _SmolhogScreenState extends State<SmolhogScreen> {
  @override
  void initState() {
    super.initState();
    _show();
  }

  @override
  void didUpdateWidget(SmolhogScreen oldWidget) {
    super.didUpdateWidget(oldWidget);
    if (oldWidget.name != widget.name) _show();
  }

  @override
  Widget build(BuildContext context) => widget.child;

  void _show() => (widget.client ?? Smolhog.maybeInstance)
      ?.screen(widget.name, properties: widget.properties);
}
