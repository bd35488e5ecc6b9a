import 'properties.dart';

/// One thing that somebody did, as the before-send hook sees it.
final class SmolhogEvent {
  /// Creates an event.
  const SmolhogEvent({
    required this.eventId,
    required this.event,
    required this.distinctId,
    required this.timestamp,
    required this.properties,
    this.sessionId,
  });

  /// A UUIDv7 by which a repeat is recognised.
  final String eventId;

  /// What happened, e.g. `checkout_started`.
  final String event;

  /// Who did it: a user's id or the anonymous id.
  final String distinctId;

  /// When, by the device's clock; the gateway corrects it.
  final DateTime timestamp;

  /// Whatever else is known about it.
  final Map<String, Object?> properties;

  /// The visit that the event belongs to.
  final String? sessionId;

  /// The same event with some of its parts replaced.
  SmolhogEvent copyWith({
    String? event,
    String? distinctId,
    Map<String, Object?>? properties,
  }) =>
      SmolhogEvent(
        eventId: eventId,
        event: event ?? this.event,
        distinctId: distinctId ?? this.distinctId,
        timestamp: timestamp,
        properties: properties ?? this.properties,
        sessionId: sessionId,
      );

  /// Writes it as the wire protocol has it.
  ///
  /// Throws [UnwritableException] where a value has no JSON form.
  String encode() => encodeJson({
        'event_id': eventId,
        'event': event,
        'distinct_id': distinctId,
        'timestamp': timestamp.toUtc().toIso8601String(),
        if (sessionId != null) 'session_id': sessionId,
        'properties': properties,
      });

  @override
  String toString() => 'SmolhogEvent($event, $eventId)';
}

/// An event that the gateway will not store, and why.
///
/// Sending it again would give the same verdict.
final class RejectedEvent {
  /// Creates a rejection.
  const RejectedEvent(
    this.eventId, {
    required this.code,
    required this.message,
  });

  /// The event's id, as `track` returned it.
  final String eventId;

  /// Machine-readable reason, e.g. `name_too_long`.
  final String code;

  /// The same for people.
  final String message;

  @override
  String toString() => 'RejectedEvent($eventId, $code: $message)';
}
