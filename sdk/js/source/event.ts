/** What an event looks like on its way. */

/** Anything that has a JSON form. */
export type Properties = Record<string, unknown>;

/** One event, as it is sent. */
export interface SmolhogEvent {
  /** A UUIDv7, by which the server knows a repeat. */
  event_id: string;
  event: string;
  distinct_id: string;
  /** RFC 3339, by this device's clock; the server corrects it. */
  timestamp: string;
  session_id: string;
  properties: Properties;
}

/** An event that the server refused for good. */
export interface Rejection {
  event_id: string;
  event: string;
  /** One of the protocol's codes, `name_too_long` for example. */
  code: string;
  message: string;
}

let lastTime = 0;
let count = 0;

/** Makes a UUIDv7, greater than the one before. Needs no secure context, as `crypto.randomUUID` does. */
export function newId(): string {
  const now = Date.now();
  if (now > lastTime) {
    lastTime = now;
    count = 0;
  } else if (++count > 0xfff) {
    lastTime++;
    count = 0;
  }
  const random = crypto.getRandomValues(new Uint8Array(8));
  random[0] = 0x80 | (random[0]! & 0x3f);
  const digits =
    lastTime.toString(16).padStart(12, "0") +
    (0x7000 + count).toString(16) +
    Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
