import 'dart:async';

import 'backoff.dart';
import 'clock.dart';
import 'delivery.dart';
import 'endpoint.dart';
import 'http_session.dart';
import 'outcome.dart';
import 'stream_session.dart';
import 'transport.dart';

/// Which way events take to the gateway.
enum SendVia {
  /// WebSocket; HTTP where that does not get through.
  auto,

  /// WebSocket only.
  webSocket,

  /// HTTP only.
  http,
}

/// What the client wants to hear from its sender.
abstract interface class SenderListener {
  /// Events were settled.
  void onSettled(Settlement settlement);

  /// The gateway answers: a time to report what was dropped.
  void onReached();

  /// It will not talk to this client. The events stay where they are.
  void onRefused(Refused refusal);
}

/// Moves what the delivery holds to the gateway, over one connection after
/// another, until it is stopped or refused.
final class Sender {
  /// Creates a sender; [start] starts it.
  Sender({
    required this.endpoint,
    required this.delivery,
    required Transport transport,
    required this.clock,
    required Backoff backoff,
    required SenderListener listener,
    required SendVia via,
    required this.sdkName,
    required this.log,
  })  : _transport = transport,
        _backoff = backoff,
        _listener = listener,
        _via = via,
        signal = Signal(clock);

  /// A gateway that asks for a longer wait gets asked again after this.
  static const longestPause = Duration(minutes: 1);

  // Two, since one may only mean that the network changed a moment ago.
  static const _handshakesBeforeHttp = 2;
  static const _httpPeriod = Duration(minutes: 10);

  /// Longest that opening a connection may take, and its welcome.
  final openTimeout = const Duration(seconds: 10);

  /// Longest that an answer may take before another connection is tried.
  final ackTimeout = const Duration(seconds: 30);

  /// Where the events go.
  final Endpoint endpoint;

  /// What holds them until they are there.
  final Delivery delivery;

  /// Its time.
  final Clock clock;

  /// Name and version, for the gateway's log.
  final String sdkName;

  /// Takes lines for people who debug.
  final void Function(String line) log;

  /// Ends the loop's wait.
  final Signal signal;

  final Transport _transport;
  final Backoff _backoff;
  final SenderListener _listener;
  final SendVia _via;
  Future<void>? _running;
  int _attempt = 0;
  int _handshakesFailed = 0;
  int _acknowledged = 0;
  bool _isHttpProven = false;
  Duration? _httpUntil;
  bool _isStopped = false;
  bool _isSuspended = false;

  /// Whether a session is to end: stopped, or nobody looks and all is said.
  bool get isDone => _isStopped || (_isSuspended && delivery.pending == 0);

  /// Starts to deliver, in the background.
  void start() => _running ??= _run();

  /// Looks at the delivery again: something was handed in or flushed.
  void wake() => signal.raise();

  /// Sends what there is, then lets go of the connection.
  void suspend() {
    _isSuspended = true;
    delivery.flush();
    signal.raise();
  }

  /// Keeps a connection again, and tries at once; what the gateway asked for
  /// still holds.
  void resume() {
    _isSuspended = false;
    _attempt = 0;
    signal.raise();
  }

  /// Ends the connection and the loop.
  Future<void> stop() async {
    _isStopped = true;
    signal.raise();
    final ended = Completer<void>();
    void end() => ended.isCompleted ? null : ended.complete();
    unawaited(_running?.then((_) => end()));
    // What the network does not let go of must not hold up the app's end.
    final timer = clock.timer(const Duration(seconds: 3), end);
    await ended.future;
    timer.cancel();
    _transport.close();
  }

  /// Hears of a session that events were settled.
  void settle(Settlement settlement) => _listener.onSettled(settlement);

  /// Hears of a session that the gateway answers.
  void onReached() => _listener.onReached();

  /// Hears of a session that WebSockets get through.
  void onWelcome() {
    _handshakesFailed = 0;
    _isHttpProven = false;
    onReached();
  }

  /// Hears of a session that the gateway works: only an ack proves that, since
  /// a welcome may come before each crash.
  void onAcknowledged() {
    _attempt = 0;
    _acknowledged++;
  }

  /// Sends nothing for [wait].
  void pause(Duration wait) {
    final bounded = wait > longestPause ? longestPause : wait;
    log('the gateway asks for a pause of ${bounded.inMilliseconds} ms');
    delivery.pause(clock.elapsed() + bounded);
  }

  /// Waits before events are sent again that the gateway could not store.
  void pauseForRetry() {
    final wait = _backoff.delay(delivery.retryStreak - 1);
    delivery.pause(clock.elapsed() + wait);
  }

  Future<void> _run() async {
    while (!_isStopped) {
      if (delivery.pending == 0) {
        await signal.wait();
        continue;
      }
      final outcome = await _deliver();
      if (outcome case Poisoned(:final code, :final message)) {
        log('the gateway refused a frame: $message ($code)');
        settle(delivery.narrow(code, message));
      }
      delivery.disconnect();
      if (outcome case final Refused refusal) {
        log('the gateway refused this client: ${refusal.message}');
        _listener.onRefused(refusal);
        return;
      }
      await _rest(_delayAfter(outcome));
      // Nobody looks: the next event, or coming back, is when to try again.
      if (_isSuspended && !_isStopped && outcome is Lost) await signal.wait();
    }
  }

  Future<Outcome> _deliver() async {
    try {
      return _goesByHttp ? await _post() : await _stream();
    } on Object catch (error, stack) {
      // Our own fault, not the network's, and never the app's: it must not
      // reach the app as an uncaught error.
      log('the SDK failed: $error\n$stack');
      return Lost('internal error', wasReached: false);
    }
  }

  bool get _goesByHttp => switch (_via) {
        SendVia.http => true,
        SendVia.webSocket => false,
        SendVia.auto =>
          _isHttpTime || _handshakesFailed >= _handshakesBeforeHttp,
      };

  bool get _isHttpTime => (_httpUntil ?? Duration.zero) > clock.elapsed();

  Future<Outcome> _stream() async {
    // Counted as failed until the welcome comes: some proxies let the
    // handshake through, and nothing after it.
    _handshakesFailed++;
    final outcome = await _connect();
    if (_handshakesFailed > 0 && _isHttpProven) {
      log('WebSockets do not get through here, HTTP does');
      _isHttpProven = false;
      _httpUntil = clock.elapsed() + _httpPeriod;
    }
    return outcome;
  }

  Future<Outcome> _connect() async {
    final Channel channel;
    try {
      channel = await _transport.connect(endpoint.stream, timeout: openTimeout);
    } on TransportException catch (error) {
      return Lost(error.message, wasReached: false);
    }
    log('connected to ${endpoint.stream.host}');
    return StreamSession(channel, this).run();
  }

  /// Delivers by HTTP. Unless that is known to be the only way, it is for one
  /// batch: an outage looks like blocked WebSockets until HTTP works and they
  /// still do not.
  Future<Outcome> _post() async {
    log('delivering by HTTP');
    final isKnown = _via == SendVia.http || _isHttpTime;
    final acknowledged = _acknowledged;
    final outcome = await HttpSession(this, _transport).run(
      goesOn: () => isKnown
          ? _via == SendVia.http || _isHttpTime
          : _acknowledged == acknowledged,
    );
    _handshakesFailed = _handshakesBeforeHttp - 1;
    if (outcome case Lost(wasReached: false)) {
      _httpUntil = null;
    } else if (!isKnown) {
      _isHttpProven = _acknowledged > acknowledged;
    }
    return outcome;
  }

  Duration _delayAfter(Outcome outcome) {
    switch (outcome) {
      case Finished() || Delivered() || Refused():
        return Duration.zero;
      case Poisoned():
        return _backoff.delay(_attempt++);
      case Restarting():
        log('the gateway restarts');
        return _backoff.delay(0);
      case Lost(:final why, :final retryAfter):
        final delay = _backoff.delay(_attempt++);
        // The gateway tells everybody the same second: the draw comes on top.
        if (retryAfter != null) pause(retryAfter + delay);
        log(
          'connection lost ($why), ${delivery.pending} events wait, '
          'next try in ${delay.inMilliseconds} ms',
        );
        return delay;
    }
  }

  /// Waits, unless somebody resumes or stops.
  Future<void> _rest(Duration delay) async {
    final until = clock.elapsed() + delay;
    final attempt = _attempt;
    while (!_isStopped && _attempt == attempt) {
      final left = until - clock.elapsed();
      if (left <= Duration.zero) return;
      await signal.wait(left);
    }
  }
}
