/** Who visits, what is said with every event, and what was consented to; shared by all tabs of an origin. */
import { newId, type Properties } from "./event";
import { read, remove, write } from "./storage";

const SESSION = "-session";

interface Session {
  id: string;
  /** Milliseconds since 1970, as `last` is. */
  started: number;
  last: number;
}

/** What is remembered. */
export interface Visitor {
  anonymous: string;
  user?: string;
  properties: Properties;
  groups: Record<string, string>;
  /** Absent until somebody decided. */
  out?: boolean;
}

export interface SessionRules {
  /** Longest time without an event, in milliseconds. */
  sessionIdle: number;
  /** Longest time altogether, in milliseconds. */
  sessionLongest: number;
}

/** Makes somebody new. Consent is the device's and stays. */
export function newVisitor(before?: Visitor): Visitor {
  const visitor: Visitor = { anonymous: newId(), properties: {}, groups: {} };
  if (before?.out !== undefined) visitor.out = before.out;
  return visitor;
}

/** Reads who visits; what is missing or damaged begins anew. It is read each time: another tab may have changed it. */
export function loadVisitor(name: string): Visitor {
  try {
    const stored = JSON.parse(read(name) ?? "") as Partial<Visitor> | null;
    if (stored?.anonymous) return { ...newVisitor(), ...stored };
  } catch {
    // Nobody was here yet, or it cannot be read.
  }
  return newVisitor();
}

/** Remembers who visits. */
export function saveVisitor(name: string, visitor: Visitor): void {
  write(name, JSON.stringify(visitor));
}

/**
 * Notes activity; returns the id of the session that it belongs to. It is kept apart from the visitor: tabs
 * write it with every event, and see a little later what others wrote.
 */
export function touchSession(name: string, rules: SessionRules): string {
  const now = Date.now();
  let session: Partial<Session> = {};
  try {
    session = (JSON.parse(read(name + SESSION) ?? "{}") ?? {}) as Partial<Session>;
  } catch {
    // It cannot be read: a new one begins.
  }
  let { id, started = 0, last = 0 } = session;
  // A clock that was set back by more than a pause says nothing about this session any more.
  if (!id || Math.abs(now - last) >= rules.sessionIdle || now - started >= rules.sessionLongest) {
    id = newId();
    started = now;
  }
  last = now;
  write(name + SESSION, JSON.stringify({ id, started, last }));
  return id;
}

/** Ends the session. */
export function endSession(name: string): void {
  remove(name + SESSION);
}
