import 'backoff.dart';
import 'clock.dart';
import 'delivery.dart';
import 'event.dart';
import 'outcome.dart' show Refused;
import 'scrubber.dart';
import 'sender.dart' show SendVia;
import 'storage.dart';
import 'transport.dart';

/// Looks at an event before it is kept: returns it, a changed one, or `null`
/// to throw it away.
typedef BeforeSend = SmolhogEvent? Function(SmolhogEvent event);

/// How a client behaves. Everything has a default.
final class SmolhogOptions {
  /// Creates options.
  const SmolhogOptions({
    this.directory,
    this.storage,
    this.queueEvents = 10000,
    this.queueBytes = 8 * 1024 * 1024,
    this.whenFull = WhenFull.dropOldest,
    this.flushAt = 50,
    this.flushInterval = const Duration(seconds: 1),
    this.batchEvents = 500,
    this.maxInFlight = 4,
    this.sessionIdle = const Duration(minutes: 30),
    this.sessionLongest = const Duration(hours: 24),
    this.optedOut = false,
    this.defaultProperties = const {},
    this.deviceProperties = true,
    this.scrubber,
    this.beforeSend,
    this.onRejected,
    this.onRefused,
    this.via = SendVia.auto,
    this.debug = false,
    this.log,
    this.backoff,
    this.clock,
    this.transport,
  })  : assert(queueEvents > 0, 'a queue holds at least one event'),
        assert(queueBytes > 0, 'a queue holds at least one event'),
        assert(flushAt > 0, 'a batch has at least one event'),
        assert(batchEvents > 0, 'a batch has at least one event'),
        assert(maxInFlight > 0, 'at least one batch must be under way');

  /// Folder of the app in which events and identity outlive it.
  ///
  /// Without one they are kept in memory; a browser keeps them in its local
  /// storage and needs none. `smolhog_flutter` fills it in. One client of one
  /// process may use a folder with one write key at a time.
  final String? directory;

  /// Used in place of [directory].
  final Storage? storage;

  /// Most events held, waiting and in flight together.
  final int queueEvents;

  /// The same in bytes of JSON.
  final int queueBytes;

  /// Which event goes when there is no room. Drops are counted and reported.
  final WhenFull whenFull;

  /// Events that are sent without waiting for [flushInterval].
  final int flushAt;

  /// Longest that an event waits for company, while there is a network.
  final Duration flushInterval;

  /// Most events in one batch; the gateway's limit holds too.
  final int batchEvents;

  /// Batches sent and not yet acknowledged.
  final int maxInFlight;

  /// A session ends after this time without an event.
  final Duration sessionIdle;

  /// A session ends when it is this old.
  final Duration sessionLongest;

  /// Whether a new user has to `optIn` before anything is tracked. Once
  /// somebody decided, that is remembered and counts.
  final bool optedOut;

  /// Properties of every event, below super properties; not remembered.
  final Map<String, Object?> defaultProperties;

  /// Whether `$os`, `$os_version` and `$locale` are sent.
  final bool deviceProperties;

  /// Takes secrets out of properties; by default a [Scrubber] with its
  /// default names.
  final Scrubber? scrubber;

  /// Sees every event last, after the scrubber. If it fails, the event is
  /// thrown away: it may have been about to take out something private.
  final BeforeSend? beforeSend;

  /// Called with each event that the gateway will not store.
  final void Function(RejectedEvent event)? onRejected;

  /// Called when the gateway will not talk to this client, e.g. because the
  /// write key was revoked. Events are kept for the app's next start.
  final void Function(Refused refusal)? onRefused;

  /// Which way events take.
  final SendVia via;

  /// Whether a line for each connection and each pause is printed. Keys and
  /// properties never are.
  final bool debug;

  /// Takes these lines in place of `print`.
  final void Function(String line)? log;

  /// How long to wait between tries; by default [FullJitter].
  final Backoff? backoff;

  /// For tests.
  final Clock? clock;

  /// For tests, and for platforms of your own.
  final Transport? transport;

  /// The same options but for what whoever embeds a client sets itself:
  /// `smolhog_flutter` and the fakes for tests.
  SmolhogOptions copyWith({
    String? directory,
    Storage? storage,
    Transport? transport,
    Duration? flushInterval,
    Map<String, Object?>? defaultProperties,
    bool? deviceProperties,
  }) =>
      SmolhogOptions(
        directory: directory ?? this.directory,
        storage: storage ?? this.storage,
        queueEvents: queueEvents,
        queueBytes: queueBytes,
        whenFull: whenFull,
        flushAt: flushAt,
        flushInterval: flushInterval ?? this.flushInterval,
        batchEvents: batchEvents,
        maxInFlight: maxInFlight,
        sessionIdle: sessionIdle,
        sessionLongest: sessionLongest,
        optedOut: optedOut,
        defaultProperties: defaultProperties ?? this.defaultProperties,
        deviceProperties: deviceProperties ?? this.deviceProperties,
        scrubber: scrubber,
        beforeSend: beforeSend,
        onRejected: onRejected,
        onRefused: onRefused,
        via: via,
        debug: debug,
        log: log,
        backoff: backoff,
        clock: clock,
        transport: transport ?? this.transport,
      );
}
