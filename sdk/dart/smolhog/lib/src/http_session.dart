import 'delivery.dart';
import 'outcome.dart';
import 'sender.dart';
import 'transport.dart';
import 'wire.dart';

/// Delivers by `POST /v1/batch`, one batch at a time: the fallback where
/// WebSockets do not get through.
final class HttpSession {
  /// Creates a session.
  HttpSession(this._sender, this._transport);

  final Sender _sender;
  final Transport _transport;

  Delivery get _delivery => _sender.delivery;

  /// Delivers while it goes well and [goesOn] says so.
  Future<Outcome> run({required bool Function() goesOn}) async {
    while (goesOn()) {
      if (_sender.isDone) return const Finished();
      final settlement = Settlement();
      final now = _sender.clock.elapsed();
      final batch = _delivery.nextBatch(now, settlement);
      _sender.settle(settlement);
      if (batch == null) {
        final wakeAt = _delivery.wakeAt;
        await _sender.signal.wait(wakeAt == null ? null : wakeAt - now);
        continue;
      }
      switch (await _post(batch)) {
        case Delivered():
          continue;
        case final outcome:
          return outcome;
      }
    }
    return const Delivered();
  }

  Future<Outcome> _post(Batch batch) async {
    final HttpReply reply;
    try {
      reply = await _transport.post(
        _sender.endpoint.batch,
        encodeBody(
          batch.id,
          _sender.clock.now(),
          batch.events.map((event) => event.body),
        ),
        headers: {
          'Authorization': 'Bearer ${_sender.endpoint.writeKey}',
          'Content-Type': 'application/json',
        },
        timeout: _sender.ackTimeout,
      );
    } on TransportException catch (error) {
      return Lost(error.message, wasReached: false);
    }
    return _take(batch, reply);
  }

  Outcome _take(Batch batch, HttpReply reply) {
    final body = decodeObject(reply.body);
    final verdicts = verdictsOf(body['results']);
    if (reply.status == 200 && body['accepted'] is int) {
      _settle(batch, verdicts);
      _sender
        ..onReached()
        ..onAcknowledged();
      return const Delivered();
    }
    if (reply.status == 503 && verdicts.isNotEmpty) {
      // Some are durable all the same; the others are told one by one.
      _settle(batch, verdicts);
    }
    return outcomeOfStatus(
      // A page that some proxy answers with is not an acknowledgement.
      reply.status == 200 ? 502 : reply.status,
      message: switch (body['message']) {
        final String words => words,
        _ => null,
      },
      retryAfter: reply.retryAfter,
    );
  }

  void _settle(Batch batch, List<Verdict> verdicts) {
    final settlement = _delivery.acknowledge(batch.id, verdicts);
    if (settlement == null) return;
    if (settlement.retried > 0) _sender.pauseForRetry();
    _sender.settle(settlement);
  }
}
