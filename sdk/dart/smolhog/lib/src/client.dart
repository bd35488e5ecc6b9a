import 'dart:async';

import 'backoff.dart';
import 'clock.dart';
import 'delivery.dart';
import 'endpoint.dart';
import 'flushes.dart';
import 'identity.dart';
import 'options.dart';
import 'outbox.dart';
import 'outcome.dart';
import 'platform_stub.dart'
    if (dart.library.io) 'platform_io.dart'
    if (dart.library.js_interop) 'platform_web.dart';
import 'properties.dart';
import 'recorder.dart';
import 'sender.dart';
import 'storage.dart';

/// Version of this package, in `$lib_version`.
const sdkVersion = '0.1.0';

// A gateway's own limit: with a longer one, every later event would be
// rejected.
const _longestId = 200;

const _sdkName = 'smolhog-dart/$sdkVersion';

/// Sends events to a SmolHog gateway, and keeps them until they are there.
///
/// Nothing here throws into the app or waits for the network, unless a method
/// says so. After [close], calls do nothing.
final class Smolhog {
  Smolhog._(Endpoint endpoint, this._options, this._storage)
      : _clock = _options.clock ?? SystemClock() {
    final saved = _storage.load();
    final delivery = Delivery(
      DeliverySettings(
        queueEvents: _options.queueEvents,
        queueBytes: _options.queueBytes,
        whenFull: _options.whenFull,
        flushAt: _options.flushAt,
        linger: _options.flushInterval,
        batchEvents: _options.batchEvents,
        maxInFlight: _options.maxInFlight,
      ),
    );
    _outbox = Outbox(delivery, _storage, saved, _clock.elapsed());
    _recorder = Recorder(
      _options,
      _outbox,
      _storage,
      saved,
      clock: _clock,
      defaults: {
        r'$lib': 'smolhog-dart',
        r'$lib_version': sdkVersion,
        if (_options.deviceProperties) ...deviceProperties(),
        ..._options.defaultProperties,
      },
      log: _log,
    );
    _flushes = Flushes(delivery, _clock);
    _sender = Sender(
      endpoint: endpoint,
      delivery: delivery,
      transport: _options.transport ?? openTransport(userAgent: _sdkName),
      clock: _clock,
      backoff: _options.backoff ?? FullJitter(),
      listener: _Listener(this),
      via: _options.via,
      sdkName: _sdkName,
      log: _log,
    )..start();
  }

  static Smolhog? _instance;

  /// The client that [initialize] made last.
  ///
  /// Throws [StateError] before that.
  static Smolhog get instance =>
      _instance ?? (throw StateError('call Smolhog.initialize first'));

  static set instance(Smolhog client) => _instance = client;

  /// The same, or `null` where there is none: for code that also runs in apps
  /// and tests without analytics.
  static Smolhog? get maybeInstance => _instance;

  /// Makes a client and starts to deliver, also what an earlier run left over.
  ///
  /// [url] is the gateway's, e.g. `https://events.example.com`; [writeKey] the
  /// project's. A client made earlier is closed first.
  ///
  /// Throws [ArgumentError] where one of them cannot be right.
  static Future<Smolhog> initialize({
    required String url,
    required String writeKey,
    SmolhogOptions options = const SmolhogOptions(),
  }) async {
    final endpoint = Endpoint(url, writeKey: writeKey);
    await _instance?.close();
    final storage = options.storage ??
        openStorage(
          directory: options.directory,
          fingerprint: endpoint.fingerprint,
          log: (line) => _print(options, line),
        );
    return _instance = Smolhog._(endpoint, options, storage);
  }

  final SmolhogOptions _options;
  final Storage _storage;
  final Clock _clock;
  late final Outbox _outbox;
  late final Recorder _recorder;
  late final Flushes _flushes;
  late final Sender _sender;
  Future<void>? _closing;
  bool _isClosed = false;

  /// Who acts: the user's id, or the anonymous id before [identify].
  String get distinctId => _identity.distinctId;

  /// The id made on this device.
  String get anonymousId => _identity.anonymousId;

  /// The visit under way; `null` before its first event.
  String? get sessionId => _identity.session?.id;

  /// Events that are neither durable nor given up.
  int get pending => _outbox.delivery.pending;

  /// Events thrown away and not reported yet, by reason.
  Map<String, int> get unreportedDrops => _outbox.drops.toJson();

  /// Whether tracking is turned off.
  bool get isOptedOut => _identity.isOptedOut;

  /// Says that something happened.
  ///
  /// Returns the event's id, or `null` if it was not taken: opted out, closed,
  /// or thrown away by the before-send hook. [timestamp] is for events of the
  /// past; by default it is now.
  String? track(
    String event, {
    Map<String, Object?> properties = const {},
    DateTime? timestamp,
  }) =>
      _capture(event, properties, timestamp: timestamp);

  /// Says that a screen came up: `$screen` with `$screen_name`.
  String? screen(String name, {Map<String, Object?> properties = const {}}) =>
      _capture(r'$screen', {r'$screen_name': name, ...properties});

  /// Says who uses the app from now on: `$identify`.
  ///
  /// What was done anonymously before becomes this user's. [set] are the
  /// person's properties, [setOnce] those that do not replace older ones. To
  /// sign out, [reset]; identifying another user without that begins a new
  /// anonymous id too, so that two users never become one. An id has 1 to 200
  /// characters; another one is ignored.
  String? identify(
    String userId, {
    Map<String, Object?> set = const {},
    Map<String, Object?> setOnce = const {},
  }) {
    if (!_takesEvents) return null;
    if (userId.isEmpty || userId.runes.length > _longestId) {
      _log('a user id has 1 to $_longestId characters: identify is ignored');
      return null;
    }
    final earlier = _identity.userId;
    if (earlier != null && earlier != userId) {
      _identity.reset(_recorder.newId());
    }
    _identity.userId = userId;
    _recorder.saveState();
    return _capture(r'$identify', {
      if (earlier == null) r'$anon_distinct_id': _identity.anonymousId,
      if (set.isNotEmpty) r'$set': set,
      if (setOnce.isNotEmpty) r'$set_once': setOnce,
    });
  }

  /// Says that [alias] is another id of the user: `$create_alias`.
  String? alias(String alias) => _capture(r'$create_alias', {'alias': alias});

  /// Says that the user belongs to the group [key] of a [type], e.g. `company`:
  /// `$groupidentify` with the group's properties [set]. Later events carry it
  /// in `$groups`.
  String? group(
    String type,
    String key, {
    Map<String, Object?> set = const {},
  }) {
    if (!_takesEvents) return null;
    _identity.groups[type] = key;
    _recorder.saveState();
    return _capture(r'$groupidentify', {
      r'$group_type': type,
      r'$group_key': key,
      if (set.isNotEmpty) r'$group_set': set,
    });
  }

  /// Sends these [properties] with every later event; remembered.
  ///
  /// An event's own properties win. A value of `null` is a value: to take a
  /// property back, [unsetSuperProperty].
  void setSuperProperties(Map<String, Object?> properties) {
    if (_isClosed) return;
    try {
      final written = plain(properties)! as Map<String, Object?>;
      _identity.superProperties.addAll(written);
      _recorder.saveState();
    } on Object catch (error) {
      // As with an event's own properties, anything may be wrong with them.
      _log('super properties not set: $error');
    }
  }

  /// Sends a super property no longer.
  void unsetSuperProperty(String name) {
    if (_isClosed) return;
    _identity.superProperties.remove(name);
    _recorder.saveState();
  }

  /// Forgets the user, super properties, groups and the session: somebody
  /// signed out. Events that wait are still sent.
  void reset() {
    if (_isClosed) return;
    _identity.reset(_recorder.newId());
    _recorder.saveState();
  }

  /// Sends all that waits, and waits until it is durable or given up.
  ///
  /// Returns whether it is; after [timeout] it is not, and stays queued.
  Future<bool> flush({Duration timeout = const Duration(seconds: 30)}) {
    if (_isClosed) return Future.value(pending == 0);
    _outbox.commit();
    final flushed = _flushes.add(timeout);
    _sender.wake();
    return flushed;
  }

  /// Tracks nothing from now on, and forgets what waits; remembered.
  void optOut() {
    if (_isClosed) return;
    _identity.isOptedOut = true;
    _outbox.clear();
    _flushes.look();
    _recorder.saveState();
  }

  /// Tracks again; remembered.
  void optIn() {
    if (_isClosed) return;
    _identity.isOptedOut = false;
    _recorder.saveState();
  }

  /// Tells that the app went into the background: sends what waits, then lets
  /// go of the connection.
  void pause() {
    if (_isClosed) return;
    _outbox.commit();
    _recorder.saveState();
    _sender.suspend();
  }

  /// Tells that the app is back: tries at once whatever waits.
  void resume() => _sender.resume();

  /// Flushes for at most [timeout], then ends. What is left over waits in
  /// storage for the app's next start.
  Future<void> close({Duration timeout = const Duration(seconds: 5)}) =>
      _closing ??= _close(timeout);

  Future<void> _close(Duration timeout) async {
    final flushed = flush(timeout: timeout);
    _isClosed = true;
    await flushed;
    await _sender.stop();
    _flushes.giveUp();
    _outbox.commit();
    _recorder.saveState();
    _storage.close();
    if (identical(_instance, this)) _instance = null;
  }

  Identity get _identity => _recorder.identity;

  bool get _takesEvents => !_isClosed && !_identity.isOptedOut;

  String? _capture(
    String name,
    Map<String, Object?> properties, {
    DateTime? timestamp,
  }) {
    if (!_takesEvents) return null;
    final id = _recorder.record(name, properties, timestamp: timestamp);
    // Its coming may have pushed out what a flush waits for.
    _flushes.look();
    _sender.wake();
    return id;
  }

  void _log(String line) => _print(_options, line);

  static void _print(SmolhogOptions options, String line) {
    final log = options.log;
    if (log == null) {
      // ignore: avoid_print
      if (options.debug) print('smolhog: $line');
      return;
    }
    try {
      log('smolhog: $line');
    } on Object {
      // A log that fails can hardly be told of in the log.
    }
  }
}

/// Keeps what the sender tells out of the client's public methods.
final class _Listener implements SenderListener {
  _Listener(this._client);

  final Smolhog _client;

  @override
  void onSettled(Settlement settlement) {
    _client._outbox.settle(settlement);
    for (final event in settlement.rejected) {
      _client._log('rejected: $event');
      _call(() => _client._options.onRejected?.call(event));
    }
    _client._flushes.look();
  }

  @override
  void onReached() {
    if (_client._takesEvents) _client._recorder.reportDrops();
  }

  @override
  void onRefused(Refused refusal) {
    _client._flushes.giveUp();
    _call(() => _client._options.onRefused?.call(refusal));
  }

  // A callback that fails must not end the delivery of everything else.
  void _call(void Function() callback) {
    try {
      callback();
    } on Object catch (error) {
      _client._log('a callback failed: $error');
    }
  }
}
