/// What a [Channel] tells.
sealed class ChannelEvent {
  /// Creates an event.
  const ChannelEvent();
}

/// A text message came.
final class TextReceived extends ChannelEvent {
  /// Creates the event.
  const TextReceived(this.text);

  /// The message.
  final String text;
}

/// The connection is over; nothing comes after this.
final class ChannelClosed extends ChannelEvent {
  /// Creates the event.
  const ChannelClosed(this.code, [this.reason = '']);

  /// The other side's close code, or `null` if it went without one.
  final int? code;

  /// Its words for it.
  final String reason;
}

/// A WebSocket.
abstract interface class Channel {
  /// What comes in; ends with [ChannelClosed]. Never an error. One listener.
  Stream<ChannelEvent> get events;

  /// Sends a text message; to nobody if the connection is over.
  void send(String text);

  /// Closes the connection from this side.
  Future<void> close();
}

/// The answer to an HTTP request.
final class HttpReply {
  /// Creates an answer.
  const HttpReply(this.status, {this.body = '', this.retryAfter});

  /// Of HTTP.
  final int status;

  /// As text.
  final String body;

  /// What `Retry-After` says, where it is in seconds.
  final Duration? retryAfter;
}

/// The gateway cannot be reached this way, now.
final class TransportException implements Exception {
  /// Creates an exception that says [message].
  const TransportException(this.message);

  /// Why, for people.
  final String message;

  @override
  String toString() => 'TransportException: $message';
}

/// How bytes get to a gateway: the platform's sockets, or a test's own.
abstract interface class Transport {
  /// Opens a WebSocket. Throws [TransportException].
  Future<Channel> connect(Uri uri, {required Duration timeout});

  /// Posts JSON. Throws [TransportException] if no answer comes.
  Future<HttpReply> post(
    Uri uri,
    String body, {
    required Map<String, String> headers,
    required Duration timeout,
  });

  /// Lets go of what it holds open.
  void close();
}

/// Reads a `Retry-After` header; a date or nonsense is `null`.
Duration? retryAfterOf(String? header) => switch (int.tryParse(header ?? '')) {
      final int seconds when seconds >= 0 => Duration(seconds: seconds),
      _ => null,
    };
