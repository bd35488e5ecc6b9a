/// The part of `flutter_test` that the SDK's tests use, for machines without
/// Flutter.
library;

import 'package:flutter/widgets.dart';
import 'package:test/test.dart' as plain;

export 'package:test/test.dart';

/// Registers a test that may show widgets.
void testWidgets(
  String description,
  Future<void> Function(WidgetTester tester) callback,
) =>
    plain.test(description, () => callback(WidgetTester()));

/// Shows widgets: their states live as in an app, and nothing is drawn.
class WidgetTester {
  /// What holds the app under test together.
  final WidgetsBinding binding = WidgetsBinding.instance;

  State<StatefulWidget>? _state;

  /// Shows a widget in place of the one before.
  Future<void> pumpWidget(Widget widget) async {
    if (widget is! StatefulWidget) return;
    var state = _state;
    if (state == null || state.widget.runtimeType != widget.runtimeType) {
      state = _state = widget.createState()
        ..mounted_ = widget
        ..initState();
    } else {
      final old = state.widget;
      state
        ..mounted_ = widget
        ..didUpdateWidget(old);
    }
    state.build(_Context());
  }
}

class _Context implements BuildContext {}
