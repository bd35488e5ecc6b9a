import 'dart:async';
import 'dart:convert';

import 'event.dart';
import 'transport.dart';
import 'wire.dart';

/// What a [FakeGateway] says of an event that it does not store.
final class FakeVerdict {
  /// Will never be stored.
  const FakeVerdict.rejected(this.code) : isRetry = false;

  /// Cannot be stored now.
  const FakeVerdict.retry()
      : code = 'unavailable',
        isRetry = true;

  /// Machine-readable reason.
  final String code;

  /// Whether the event may be sent again.
  final bool isRetry;
}

/// A gateway in memory, for tests of apps: it speaks the protocol over no
/// network, and does what a test tells it.
final class FakeGateway implements Transport {
  /// Creates a gateway that stores everything.
  FakeGateway();

  /// Looks at each event; `null` stores it.
  FakeVerdict? Function(SmolhogEvent event)? verdict;

  /// What `welcome` tells.
  Limits limits = const Limits();

  /// Whether WebSockets do not get through, as behind some proxies.
  bool blocksWebSockets = false;

  /// Answers every request over HTTP in place of the gateway.
  HttpReply? httpReply;

  /// Whether batches get no answer.
  bool isSilent = false;

  /// An event's name; a frame with such an event is refused as too large.
  String? breaksOn;

  /// A batch with more events is refused as too large.
  int? largestBatch;

  /// Tries to open a WebSocket so far.
  int handshakes = 0;

  /// Those that succeeded.
  int connections = 0;

  /// Requests over HTTP so far.
  int requests = 0;

  /// How many events each batch had that was answered.
  final batchSizes = <int>[];

  /// Batches that came so far.
  int batches = 0;

  final _stored = <String, SmolhogEvent>{};
  final _open = <_FakeChannel>{};
  bool _isOffline = false;

  /// What was stored, each event once.
  List<SmolhogEvent> get events => _stored.values.toList();

  /// Their names.
  List<String> get names => [for (final event in events) event.event];

  /// Whether there is no network. Going offline cuts what is open.
  bool get isOffline => _isOffline;

  set isOffline(bool value) {
    _isOffline = value;
    if (value) cut();
  }

  /// Whether a client is connected.
  bool get isConnected => _open.isNotEmpty;

  /// Cuts all connections, without a goodbye.
  void cut() => _close(null);

  /// Ends all connections with the close code [code], after a fatal error
  /// frame if there is an [error].
  void end(int code, {String? error}) {
    if (error != null) {
      _say({'type': 'error', 'code': error, 'message': error, 'fatal': true});
    }
    _close(code);
  }

  /// Asks all clients to wait.
  void slowDown(Duration wait) =>
      _say({'type': 'slow_down', 'retry_after_ms': wait.inMilliseconds});

  @override
  Future<Channel> connect(Uri uri, {required Duration timeout}) async {
    handshakes++;
    if (_isOffline || blocksWebSockets) {
      throw const TransportException('the test says so');
    }
    connections++;
    final channel = _FakeChannel(this);
    _open.add(channel);
    return channel;
  }

  @override
  Future<HttpReply> post(
    Uri uri,
    String body, {
    required Map<String, String> headers,
    required Duration timeout,
  }) async {
    if (_isOffline) throw const TransportException('the test says so');
    requests++;
    final batch = decodeObject(body);
    if (_isTooLarge(batch)) return const HttpReply(413);
    return httpReply ?? HttpReply(200, body: jsonEncode(_store(batch)));
  }

  @override
  void close() {}

  void _receive(_FakeChannel channel, String text) {
    final frame = decodeObject(text);
    switch (frame['type']) {
      case 'hello':
        channel.say({
          'type': 'welcome',
          'limits': {
            'frame_bytes': limits.frameBytes,
            'batch_events': limits.batchEvents,
          },
        });
      case 'batch' when _isTooLarge(frame):
        end(1009, error: 'frame_too_large');
      case 'batch':
        batches++;
        if (!isSilent) channel.say({'type': 'ack', ..._store(frame)});
    }
  }

  bool _isTooLarge(Map<String, Object?> batch) {
    final events = batch['events']! as List<Object?>;
    final most = largestBatch;
    return (most != null && events.length > most) ||
        events.any((event) => (event! as Map)['event'] == breaksOn);
  }

  Map<String, Object?> _store(Map<String, Object?> batch) {
    final events = batch['events']! as List<Object?>;
    batchSizes.add(events.length);
    final results = <Map<String, Object?>>[];
    for (final (index, json) in events.indexed) {
      final event = _eventOf(json! as Map<String, Object?>);
      switch (verdict?.call(event)) {
        case null:
          _stored[event.eventId] = event;
        case FakeVerdict(:final isRetry, :final code):
          results.add({
            'index': index,
            'event_id': event.eventId,
            'result': isRetry ? 'retry' : 'rejected',
            'code': code,
            'message': 'the test says so',
          });
      }
    }
    return {
      'id': batch['id'],
      'accepted': events.length - results.length,
      'results': results,
    };
  }

  void _say(Map<String, Object?> frame) {
    for (final channel in _open) {
      channel.say(frame);
    }
  }

  void _close(int? code) {
    for (final channel in _open.toList()) {
      channel.finish(code);
    }
  }
}

SmolhogEvent _eventOf(Map<String, Object?> json) => SmolhogEvent(
      eventId: json['event_id']! as String,
      event: json['event']! as String,
      distinctId: json['distinct_id']! as String,
      timestamp: DateTime.parse(json['timestamp']! as String),
      sessionId: json['session_id'] as String?,
      properties: json['properties']! as Map<String, Object?>,
    );

final class _FakeChannel implements Channel {
  _FakeChannel(this._gateway);

  final FakeGateway _gateway;
  final _events = StreamController<ChannelEvent>();

  @override
  Stream<ChannelEvent> get events => _events.stream;

  @override
  void send(String text) {
    if (!_events.isClosed) _gateway._receive(this, text);
  }

  @override
  Future<void> close() async => finish(1000);

  void say(Map<String, Object?> frame) {
    if (!_events.isClosed) _events.add(TextReceived(jsonEncode(frame)));
  }

  void finish(int? code) {
    _gateway._open.remove(this);
    if (_events.isClosed) return;
    _events.add(ChannelClosed(code));
    unawaited(_events.close());
  }
}
