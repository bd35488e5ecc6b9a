import 'dart:async';
import 'dart:convert';
import 'dart:io';

import 'transport.dart';

// Below this, gzip's own overhead eats what it saves.
const _worthCompressing = 1024;

/// The sockets of `dart:io`.
final class IoTransport implements Transport {
  /// Creates a transport that names itself [userAgent].
  IoTransport({required String userAgent})
      : _client = HttpClient()
          ..connectionTimeout = const Duration(seconds: 10)
          ..userAgent = userAgent;

  final HttpClient _client;

  @override
  Future<Channel> connect(Uri uri, {required Duration timeout}) async {
    final opening = WebSocket.connect('$uri', customClient: _client);
    try {
      final socket = await opening.timeout(timeout);
      socket.pingInterval = const Duration(seconds: 30);
      return _IoChannel(socket);
    } on TimeoutException {
      _closeWhenOpen(opening);
      throw TransportException('no connection within $timeout');
    } on WebSocketException catch (error) {
      throw TransportException(error.message);
    } on IOException catch (error) {
      throw TransportException('$error');
    }
  }

  @override
  Future<HttpReply> post(
    Uri uri,
    String body, {
    required Map<String, String> headers,
    required Duration timeout,
  }) async {
    try {
      return await _post(uri, body, headers).timeout(timeout);
    } on TimeoutException {
      throw TransportException('no answer within $timeout');
    } on IOException catch (error) {
      throw TransportException('$error');
    }
  }

  Future<HttpReply> _post(
    Uri uri,
    String body,
    Map<String, String> headers,
  ) async {
    final request = await _client.postUrl(uri);
    headers.forEach(request.headers.set);
    request.followRedirects = false;
    var bytes = utf8.encode(body) as List<int>;
    if (bytes.length >= _worthCompressing) {
      bytes = gzip.encode(bytes);
      request.headers.set(HttpHeaders.contentEncodingHeader, 'gzip');
    }
    request
      ..contentLength = bytes.length
      ..add(bytes);
    final response = await request.close();
    final text =
        await const Utf8Decoder(allowMalformed: true).bind(response).join();
    return HttpReply(
      response.statusCode,
      body: text,
      retryAfter:
          retryAfterOf(response.headers.value(HttpHeaders.retryAfterHeader)),
    );
  }

  @override
  void close() => _client.close(force: true);
}

void _closeWhenOpen(Future<WebSocket> opening) {
  unawaited(
    opening.then<void>(
      (socket) => socket.close(),
      onError: (Object _) {
        // It failed later than we waited; nobody is left to hear of it.
      },
    ),
  );
}

final class _IoChannel implements Channel {
  _IoChannel(this._socket) {
    _socket.listen(
      (message) {
        if (message is String) _events.add(TextReceived(message));
      },
      // What breaks a connection ends it too, and only the end counts.
      onError: (Object _) {},
      onDone: () {
        final reason = _socket.closeReason ?? '';
        _events.add(ChannelClosed(_socket.closeCode, reason));
        unawaited(_events.close());
      },
    );
  }

  final WebSocket _socket;
  final _events = StreamController<ChannelEvent>();

  @override
  Stream<ChannelEvent> get events => _events.stream;

  @override
  void send(String text) => _socket.add(text);

  @override
  Future<void> close() async {
    try {
      await _socket.close(WebSocketStatus.normalClosure).timeout(
            const Duration(seconds: 2),
            // A peer that is gone does not say goodbye.
            onTimeout: () => null,
          );
    } on IOException {
      // It is closed all the same.
    }
  }
}
