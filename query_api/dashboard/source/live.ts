/**
 * What happens right now: one WebSocket for the whole page.
 *
 * Its frames update the live figures at once and give the `pulse`, at most once a second, by which
 * views whose range ends now ask again. Where no WebSocket can be opened, the pulse beats every two
 * seconds by itself, so that everything but the stream goes on.
 */
import { useEffect, useState } from "preact/hooks";
import { currentKey, onKey } from "./access";
import type { EventRow } from "./answers";
import { ROOT } from "./client";
import type { Group } from "./questions";

export type LiveState = "connecting" | "live" | "polling" | "off";

export interface Figures {
  state: LiveState;
  perSecond: number | null;
  /** Stored since this page connected. */
  events: number | null;
  asOf: string | null;
  /** Events a second, the last minute. */
  history: number[];
  message: string | null;
}

interface Watch {
  filter: Group | null;
  events: string[] | null;
}

const PULSE_MS = 1000;
const POLL_MS = 2000;
const HISTORY = 60;
const FIRST_PATIENCE_MS = 1000;
const LONGEST_PATIENCE_MS = 15_000;

let figures: Figures = empty("off");
let socket: WebSocket | null = null;
let watch: Watch = { filter: null, events: null };
let patience = FIRST_PATIENCE_MS;
let retry = 0;
let lastPulse = 0;
let pulseDue = 0;
const figureListeners = new Set<(figures: Figures) => void>();
const pulseListeners = new Set<() => void>();
const eventListeners = new Set<(events: EventRow[], skipped: number) => void>();

function empty(state: LiveState): Figures {
  return { state, perSecond: null, events: null, asOf: null, history: [], message: null };
}

function show(changes: Partial<Figures>): void {
  figures = { ...figures, ...changes };
  for (const listener of [...figureListeners]) listener(figures);
}

function beat(): void {
  if (document.hidden || pulseDue) return;
  const wait = Math.max(0, lastPulse + PULSE_MS - Date.now());
  pulseDue = window.setTimeout(() => {
    pulseDue = 0;
    lastPulse = Date.now();
    for (const listener of [...pulseListeners]) listener();
  }, wait);
}

/** Begin, and begin again whenever the key changes. */
export function startLive(): void {
  onKey(connect);
  setInterval(() => {
    if (figures.state === "polling") beat();
  }, POLL_MS);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) beat();
  });
  connect();
}

function connect(): void {
  clearTimeout(retry);
  const old = socket;
  socket = null;
  old?.close();
  const key = currentKey();
  // A shared dashboard is opened by its token; the stream is for keys only.
  if (key === null || location.pathname.startsWith("/shared/")) {
    show(empty("off"));
    return;
  }
  if (figures.state !== "polling") show({ ...empty("connecting") });
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const opened = new WebSocket(`${scheme}://${location.host}${ROOT}/live`);
  socket = opened;
  opened.onopen = () => opened.send(JSON.stringify({ type: "hello", key, ...watch }));
  opened.onmessage = (message) => {
    if (socket === opened) read(String(message.data));
  };
  opened.onclose = () => {
    if (socket !== opened) return;
    socket = null;
    show({ state: "polling", perSecond: null });
    retry = window.setTimeout(connect, patience);
    patience = Math.min(LONGEST_PATIENCE_MS, patience * 2);
  };
}

interface Frame {
  type: string;
  events?: unknown;
  skipped?: number;
  per_second?: number;
  as_of?: string | null;
  message?: string;
}

function read(text: string): void {
  const frame = JSON.parse(text) as Frame;
  if (frame.type === "welcome") {
    patience = FIRST_PATIENCE_MS;
    show({ state: "live", message: null });
    beat();
  } else if (frame.type === "events" && Array.isArray(frame.events)) {
    for (const listener of [...eventListeners]) listener(frame.events as EventRow[], frame.skipped ?? 0);
    beat();
  } else if (frame.type === "counts") {
    const perSecond = frame.per_second ?? 0;
    const events = typeof frame.events === "number" ? frame.events : 0;
    const changed = events !== figures.events;
    const history = [...figures.history, perSecond].slice(-HISTORY);
    show({ state: "live", perSecond, events, asOf: frame.as_of ?? null, history });
    if (changed) beat();
  } else if (frame.type === "error") {
    show({ message: frame.message ?? null });
  }
}

/** Which events the stream sends from now on. */
export function watchFor(filter: Group | null, events: string[] | null): void {
  watch = { filter, events };
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ type: "watch", ...watch }));
}

export function onEvents(listener: (events: EventRow[], skipped: number) => void): () => void {
  eventListeners.add(listener);
  return () => {
    eventListeners.delete(listener);
  };
}

export function onPulse(listener: () => void): () => void {
  pulseListeners.add(listener);
  return () => {
    pulseListeners.delete(listener);
  };
}

export function useFigures(): Figures {
  const [now, setNow] = useState(figures);
  useEffect(() => {
    figureListeners.add(setNow);
    setNow(figures);
    return () => {
      figureListeners.delete(setNow);
    };
  }, []);
  return now;
}
