import 'dart:convert';
import 'dart:io';

import 'delivery.dart';
import 'drops.dart';
import 'storage.dart';

/// Keeps events in a journal and the state in a file beside it.
///
/// A line of the journal adds an event (`+id body`; `*id body` for a report of
/// drops), removes some (`-id id`), or says how many drops are unreported
/// (`!{…}`). What one change says goes to the system in one write, so the death
/// of the app at any moment leaves whole lines, or at most one torn last line,
/// which is passed over. The journal is written anew when most of it is dead.
final class FileStorage implements Storage {
  /// Creates a storage in the folder at [path], which is made if need be.
  FileStorage(String path, {required void Function(String line) log})
      : _folder = Directory(path),
        _log = log;

  // Files smaller than this are not worth writing anew.
  static const _worthCompacting = 256 * 1024;

  final Directory _folder;
  final void Function(String line) _log;
  final _live = <String, String>{};
  String _drops = '';
  RandomAccessFile? _lock;
  RandomAccessFile? _journal;
  int _journalBytes = 0;
  int _liveBytes = 0;

  File get _journalFile => File('${_folder.path}/queue.journal');

  File get _stateFile => File('${_folder.path}/state.json');

  @override
  SavedData load() {
    try {
      _folder.createSync(recursive: true);
      // Another process with this folder would write between our lines.
      _lock = File('${_folder.path}/lock').openSync(mode: FileMode.write)
        ..lockSync();
      final damaged = _journalFile.existsSync()
          ? _replay(_journalFile.readAsBytesSync())
          : 0;
      final drops = DropCounts()
        ..addJson(_drops.isEmpty ? null : jsonDecode(_drops))
        ..add(DropReason.damaged, damaged);
      _drops = drops.isEmpty ? '' : jsonEncode(drops.toJson());
      _compact();
      return SavedData(
        events: [for (final line in _live.values) _eventOf(line)],
        drops: drops,
        state: _loadState(),
      );
    } on FileSystemException catch (error) {
      _giveUp(error);
      return SavedData();
    }
  }

  @override
  void saveQueue(QueueChange change) {
    if (_journal == null) return;
    final lines = StringBuffer();
    for (final event in change.added) {
      final mark = event.isReport ? '*' : '+';
      final line = '$mark${event.eventId} ${event.body}';
      _live[event.eventId] = line;
      _liveBytes += line.length;
      lines.writeln(line);
    }
    if (change.removed.isNotEmpty) {
      change.removed.forEach(_remove);
      lines.writeln('-${change.removed.join(' ')}');
    }
    if (change.drops case final drops?) {
      _drops = drops.isEmpty ? '' : jsonEncode(drops);
      lines.writeln('!$_drops');
    }
    try {
      _write(lines.toString());
      if (_live.isEmpty && _drops.isEmpty) {
        _journal!.truncateSync(0);
        _journalBytes = 0;
      } else if (_isMostlyDead) {
        _compact();
      }
    } on FileSystemException catch (error) {
      _giveUp(error);
    }
  }

  @override
  void saveState(Map<String, Object?> state) {
    if (_journal == null) return;
    try {
      _replace(_stateFile, jsonEncode(state));
    } on FileSystemException catch (error) {
      _giveUp(error);
    }
  }

  @override
  void close() {
    try {
      _journal
        ?..flushSync()
        ..closeSync();
      _lock?.closeSync();
    } on FileSystemException catch (error) {
      _giveUp(error);
    }
    _journal = null;
    _lock = null;
  }

  bool get _isMostlyDead =>
      _journalBytes > _worthCompacting && _journalBytes > 3 * _liveBytes;

  int _replay(List<int> bytes) {
    var damaged = 0;
    var start = 0;
    for (var end = 0; end < bytes.length; end++) {
      if (bytes[end] != 0x0a) continue;
      if (!_replayLine(bytes.sublist(start, end))) damaged++;
      start = end + 1;
    }
    // A torn last line was never whole: the app died while it said it.
    return damaged;
  }

  bool _replayLine(List<int> bytes) {
    final String line;
    try {
      line = utf8.decode(bytes);
    } on FormatException {
      return false;
    }
    switch (line.isEmpty ? '' : line[0]) {
      case '+' || '*':
        final space = line.indexOf(' ');
        if (space < 2) return false;
        if (!_isJsonObject(line.substring(space + 1))) return false;
        _live[line.substring(1, space)] = line;
        _liveBytes += line.length;
      case '-':
        line.substring(1).split(' ').forEach(_remove);
      case '!':
        final drops = line.substring(1);
        if (drops.isNotEmpty && !_isJsonObject(drops)) return false;
        _drops = drops;
      default:
        return false;
    }
    return true;
  }

  void _remove(String id) => _liveBytes -= _live.remove(id)?.length ?? 0;

  /// Leaves nothing in the journal but what is alive.
  void _compact() {
    final text = StringBuffer();
    _live.values.forEach(text.writeln);
    if (_drops.isNotEmpty) text.writeln('!$_drops');
    _journal?.closeSync();
    _replace(_journalFile, text.toString());
    _journal = _journalFile.openSync(mode: FileMode.append);
    _journalBytes = _journal!.lengthSync();
  }

  void _write(String text) {
    final bytes = utf8.encode(text);
    _journal!.writeFromSync(bytes);
    _journalBytes += bytes.length;
  }

  /// Writes a file so that it is there as a whole, in the old or the new form.
  void _replace(File file, String text) {
    File('${file.path}.new')
      ..writeAsStringSync(text, flush: true)
      ..renameSync(file.path);
  }

  Map<String, Object?> _loadState() {
    if (!_stateFile.existsSync()) return const {};
    try {
      return switch (jsonDecode(_stateFile.readAsStringSync())) {
        final Map<String, Object?> state => state,
        _ => const {},
      };
    } on FormatException {
      return const {};
    }
  }

  /// Goes on without a disk: a full or broken one is no reason for an app to
  /// fail, and what is in memory is still sent.
  void _giveUp(FileSystemException error) {
    _log('nothing is kept on this device any more: $error');
    _journal = null;
  }
}

QueuedEvent _eventOf(String line) {
  final space = line.indexOf(' ');
  return QueuedEvent(
    line.substring(1, space),
    line.substring(space + 1),
    isReport: line[0] == '*',
  );
}

bool _isJsonObject(String text) {
  try {
    return jsonDecode(text) is Map;
  } on FormatException {
    return false;
  }
}
