/// Product analytics that you host yourself: sends what happens in a Dart or
/// Flutter app to a SmolHog gateway, and loses nothing on the way.
///
/// Start with [Smolhog.initialize].
library;

export 'src/backoff.dart' show Backoff, FullJitter;
export 'src/client.dart' show Smolhog, sdkVersion;
export 'src/clock.dart' show Clock;
export 'src/delivery.dart' show QueuedEvent, WhenFull;
export 'src/drops.dart' show DropCounts, DropReason;
export 'src/event.dart' show RejectedEvent, SmolhogEvent;
export 'src/options.dart' show BeforeSend, SmolhogOptions;
export 'src/outcome.dart' show Refused;
export 'src/scrubber.dart' show Scrubber;
export 'src/sender.dart' show SendVia;
export 'src/storage.dart' show MemoryStorage, QueueChange, SavedData, Storage;
export 'src/transport.dart'
    show
        Channel,
        ChannelClosed,
        ChannelEvent,
        HttpReply,
        TextReceived,
        Transport,
        TransportException;
