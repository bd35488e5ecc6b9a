/// The part of `path_provider` that the SDK uses, for machines without it.
library;

import 'dart:io';

/// A folder for files that the user does not see.
Future<Directory> getApplicationSupportDirectory() async =>
    Directory.systemTemp.createTemp('smolhog_support');
