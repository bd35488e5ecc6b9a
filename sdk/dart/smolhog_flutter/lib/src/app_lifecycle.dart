import 'package:flutter/widgets.dart';
import 'package:smolhog/smolhog.dart';

/// Lets a client know when the app comes and goes.
///
/// Going into the background, what waits is sent at once, since the system may
/// end the app without another word; coming back, it is tried at once.
final class SmolhogLifecycle {
  /// Listens for [_client] until [dispose].
  SmolhogLifecycle(this._client, {required bool trackEvents})
      : _trackEvents = trackEvents {
    _listener = AppLifecycleListener(onStateChange: _change);
    if (trackEvents) _opened(fromBackground: false);
  }

  final Smolhog _client;
  final bool _trackEvents;
  late final AppLifecycleListener _listener;
  bool _isAway = false;

  /// Stops to listen.
  void dispose() => _listener.dispose();

  void _change(AppLifecycleState state) {
    switch (state) {
      case AppLifecycleState.resumed:
        if (!_isAway) return;
        _isAway = false;
        if (_trackEvents) _opened(fromBackground: true);
        _client.resume();
      case AppLifecycleState.hidden ||
            AppLifecycleState.paused ||
            AppLifecycleState.detached:
        if (_isAway) return;
        _isAway = true;
        if (_trackEvents) _client.track('Application Backgrounded');
        _client.pause();
      case AppLifecycleState.inactive:
        // A call, or the app switcher: the app may be back in a moment.
        return;
    }
  }

  void _opened({required bool fromBackground}) => _client.track(
        'Application Opened',
        properties: {'from_background': fromBackground},
      );
}
