import 'dart:async';
import 'dart:js_interop';

import 'browser.dart';
import 'transport.dart';

/// The sockets of a browser.
final class BrowserTransport implements Transport {
  /// Creates a transport.
  BrowserTransport();

  @override
  Future<Channel> connect(Uri uri, {required Duration timeout}) async {
    final channel = _BrowserChannel(BrowserSocket('$uri'));
    final isOpen =
        await channel.opened.timeout(timeout, onTimeout: () => false);
    if (isOpen) return channel;
    await channel.close();
    // A browser does not tell pages why.
    throw const TransportException('the browser could not connect');
  }

  @override
  Future<HttpReply> post(
    Uri uri,
    String body, {
    required Map<String, String> headers,
    required Duration timeout,
  }) async {
    final controller = AbortController();
    final timer = Timer(timeout, controller.abort);
    try {
      final response = (await fetch(
        '$uri',
        FetchOptions(
          method: 'POST',
          headers: headers.jsify(),
          body: body,
          signal: controller.signal,
          // The request outlives the page; browsers allow 64 KiB for that.
          keepalive: body.length < 32 * 1024,
        ),
      ).toDart)! as FetchResponse;
      final text = (await response.text().toDart)! as JSString;
      return HttpReply(
        response.status,
        body: text.toDart,
        retryAfter: retryAfterOf(response.headers.get('Retry-After')),
      );
    } on Object catch (error) {
      // What JavaScript throws has no Dart type of its own.
      throw TransportException('$error');
    } finally {
      timer.cancel();
    }
  }

  @override
  void close() {}
}

final class _BrowserChannel implements Channel {
  _BrowserChannel(this._socket) {
    _socket
      ..onopen = ((JSObject _) => _settle(isOpen: true)).toJS
      ..onmessage = ((MessageEvent message) => _receive(message.data)).toJS
      ..onclose = ((CloseEvent end) => _finish(end.code, end.reason)).toJS;
  }

  final BrowserSocket _socket;
  final _opened = Completer<bool>();
  final _events = StreamController<ChannelEvent>();

  /// Whether it opened.
  Future<bool> get opened => _opened.future;

  @override
  Stream<ChannelEvent> get events => _events.stream;

  @override
  void send(String text) {
    if (!_events.isClosed) _socket.send(text);
  }

  @override
  Future<void> close() async {
    _socket.close(1000);
    _finish(1000, '');
  }

  void _receive(JSAny? data) {
    if (_events.isClosed || !data.typeofEquals('string')) return;
    _events.add(TextReceived((data! as JSString).toDart));
  }

  void _settle({required bool isOpen}) {
    if (!_opened.isCompleted) _opened.complete(isOpen);
  }

  void _finish(int code, String reason) {
    _settle(isOpen: false);
    if (_events.isClosed) return;
    _events.add(ChannelClosed(code, reason));
    unawaited(_events.close());
  }
}
