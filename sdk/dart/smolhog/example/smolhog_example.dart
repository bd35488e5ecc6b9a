// A command-line program that tells a SmolHog server what happens in it:
//
//   dart run example/smolhog_example.dart http://localhost:8400 sh_w_…
//
// ignore_for_file: avoid_print
import 'dart:io';

import 'package:smolhog/smolhog.dart';

Future<void> main(List<String> arguments) async {
  final [url, writeKey] = arguments;
  final smolhog = await Smolhog.initialize(
    url: url,
    writeKey: writeKey,
    options: SmolhogOptions(
      directory: Directory.systemTemp.path,
      debug: true,
      onRejected: (event) => print('not stored: $event'),
    ),
  );
  smolhog
    ..track('shop_opened', properties: {'from': 'advert'})
    ..identify('user-42', set: {'plan': 'pro'})
    ..setSuperProperties({'currency': 'EUR'})
    ..track('order_completed', properties: {'amount': 19.9});
  final isDelivered = await smolhog.flush();
  print(isDelivered ? 'delivered' : 'kept for the next start');
  await smolhog.close();
}
