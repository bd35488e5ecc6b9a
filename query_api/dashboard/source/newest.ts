/** The newest events by the API's first route, which needs no stream. */
import type { EventRow } from "./answers";
import { ask } from "./client";

interface FirstAnswer {
  events: {
    event_name: string;
    user_id: string;
    properties: Record<string, unknown>;
    timestamp: string;
    session_id: string | null;
  }[];
}

export async function newestEvents(limit: number): Promise<EventRow[]> {
  const { events } = await ask<FirstAnswer>(`events?limit=${limit}`);
  return events.map((event, index) => ({
    // This route tells no ids; within one answer the place will do.
    event_id: `${event.timestamp} ${event.user_id} ${index}`,
    event: event.event_name,
    distinct_id: event.user_id,
    person_id: null,
    timestamp: event.timestamp,
    received_at: event.timestamp,
    session_id: event.session_id,
    properties: event.properties,
    context: {},
    source: "",
  }));
}
