/// Makes every call that says something about somebody, once.
///
/// `dart calls_app.dart URL KEY`
library;

import 'package:smolhog/smolhog.dart';

Future<void> main(List<String> arguments) async {
  final [url, writeKey] = arguments;
  final smolhog = await Smolhog.initialize(url: url, writeKey: writeKey);
  smolhog
    ..identify('ada', set: {'plan': 'pro'}, setOnce: {'first': 1})
    ..alias('ada@example.com')
    ..group('company', 'acme', set: {'size': 3})
    ..screen('Home', properties: {'tab': 2})
    ..setSuperProperties({'region': 'eu'})
    ..track('clicked', properties: {'n': 1})
    ..unsetSuperProperty('region')
    ..track('left');
  await smolhog.close();
}
