import 'dart:async';

import 'clock.dart';
import 'delivery.dart';
import 'outcome.dart';
import 'sender.dart';
import 'transport.dart';
import 'wire.dart';

/// One WebSocket connection: hello, batches out, acks in, until it ends.
final class StreamSession {
  /// Creates a session over an open [_channel].
  StreamSession(this._channel, this._sender)
      : _opened = _sender.clock.elapsed();

  final Channel _channel;
  final Sender _sender;
  final Duration _opened;
  Outcome? _end;
  ErrorFrame? _parting;
  bool _isWelcome = false;

  Delivery get _delivery => _sender.delivery;

  Signal get _signal => _sender.signal;

  /// Delivers until the connection is over or the sender has had enough.
  Future<Outcome> run() async {
    final listening = _channel.events.listen(_receive);
    _channel.send(
      encodeHello(key: _sender.endpoint.writeKey, sdk: _sender.sdkName),
    );
    try {
      return await _pump();
    } finally {
      await listening.cancel();
      await _channel.close();
    }
  }

  Future<Outcome> _pump() async {
    while (true) {
      if (_end case final end?) return end;
      if (_sender.isDone) return const Finished();
      if (_sendOne()) continue;
      final now = _sender.clock.elapsed();
      final patience = _patience;
      if (patience != null && patience <= now) {
        final what = _isWelcome ? 'ack' : 'welcome';
        return Lost('no $what in time', wasReached: false);
      }
      var wakeAt = _isWelcome ? _delivery.wakeAt : null;
      if (wakeAt == null || (patience != null && patience < wakeAt)) {
        wakeAt = patience;
      }
      await _signal.wait(wakeAt == null ? null : wakeAt - now);
    }
  }

  /// When the gateway has kept us waiting for too long.
  Duration? get _patience {
    if (!_isWelcome) return _opened + _sender.openTimeout;
    final oldest = _delivery.oldestSent;
    return oldest == null ? null : oldest + _sender.ackTimeout;
  }

  bool _sendOne() {
    if (!_isWelcome) return false;
    final settlement = Settlement();
    final batch = _delivery.nextBatch(_sender.clock.elapsed(), settlement);
    _sender.settle(settlement);
    if (batch == null) return settlement.tooLarge.isNotEmpty;
    final bodies = batch.events.map((event) => event.body);
    _channel.send(encodeBatch(batch.id, _sender.clock.now(), bodies));
    return true;
  }

  void _receive(ChannelEvent event) {
    switch (event) {
      case TextReceived(:final text):
        _handle(decodeFrame(text));
      case ChannelClosed(:final code, :final reason):
        _end ??= outcomeOfClose(
          code,
          wasReached: _isWelcome,
          code: _parting?.code,
          message: _parting?.message ?? (reason.isEmpty ? null : reason),
        );
    }
    _signal.raise();
  }

  void _handle(ServerFrame frame) {
    switch (frame) {
      case Welcome(:final limits):
        _isWelcome = true;
        _delivery.take(limits);
        _sender.onWelcome();
      case Ack(:final id, :final verdicts):
        _settle(_delivery.acknowledge(id, verdicts), isAck: true);
      case SlowDown(:final retryAfter):
        _sender.pause(retryAfter);
      case ErrorFrame(isFatal: true):
        // The close code that follows tells what to do; this says why.
        _parting = frame;
      case ErrorFrame(:final id?, :final code, :final message):
        _settle(_delivery.refuse(id, code, message), isAck: false);
      case ErrorFrame(:final message):
        _sender.log('the gateway complains: $message');
      case Pong():
        break;
      case UnknownFrame(:final type):
        _sender.log('passed over a frame of the gateway: $type');
    }
  }

  void _settle(Settlement? settlement, {required bool isAck}) {
    if (settlement == null) {
      _sender.log('the gateway speaks of a batch that is not in flight');
      return;
    }
    if (isAck) _sender.onAcknowledged();
    if (settlement.retried > 0) _sender.pauseForRetry();
    _sender.settle(settlement);
  }
}
