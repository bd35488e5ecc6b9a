import 'session.dart';

/// Who uses the app, what is said with every event, and what was consented to:
/// all that is remembered besides the events themselves.
final class Identity {
  /// Creates the identity of somebody new.
  Identity({required this.anonymousId, required this.isOptedOut});

  /// Reads what [toJson] wrote. What is missing or damaged begins anew.
  factory Identity.fromJson(
    Map<String, Object?> json, {
    required String Function() newId,
    required bool isOptedOut,
  }) {
    final identity = Identity(
      anonymousId: switch (json['anonymous_id']) {
        final String id when id.isNotEmpty => id,
        _ => newId(),
      },
      isOptedOut: switch (json['opted_out']) {
        final bool decided => decided,
        _ => isOptedOut,
      },
    );
    if (json['user_id'] case final String id) identity.userId = id;
    if (json['super_properties'] case final Map<String, Object?> properties) {
      identity.superProperties.addAll(properties);
    }
    if (json['groups'] case final Map<String, Object?> groups) {
      identity.groups.addAll(groups);
    }
    identity.session = Session.fromJson(json['session']);
    return identity;
  }

  /// A UUIDv7 made on this device.
  String anonymousId;

  /// The app's own id of whoever is signed in.
  String? userId;

  /// The visit under way.
  Session? session;

  /// Whether nothing may be tracked.
  bool isOptedOut;

  /// Properties of every event.
  final Map<String, Object?> superProperties = {};

  /// Keys of the groups that the user belongs to, by type.
  final Map<String, Object?> groups = {};

  /// Who acts.
  String get distinctId => userId ?? anonymousId;

  /// Becomes somebody new. Consent is the device's and stays.
  void reset(String newAnonymousId) {
    anonymousId = newAnonymousId;
    userId = null;
    session = null;
    superProperties.clear();
    groups.clear();
  }

  /// Writes it for storage.
  Map<String, Object?> toJson() => {
        'anonymous_id': anonymousId,
        if (userId != null) 'user_id': userId,
        if (session != null) 'session': session!.toJson(),
        'super_properties': {...superProperties},
        'groups': {...groups},
        'opted_out': isOptedOut,
      };
}
