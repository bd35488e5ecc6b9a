/** The address bar: everything that a view shows is kept in it, so that a link or the back button brings it back. */
import { useEffect, useState } from "preact/hooks";

export interface Address {
  path: string;
  query: URLSearchParams;
}

type Listener = () => void;
const listeners = new Set<Listener>();

export function currentAddress(): Address {
  return { path: location.pathname, query: new URLSearchParams(location.search) };
}

function tell(): void {
  for (const listener of [...listeners]) listener();
}

export function watchAddress(): () => void {
  addEventListener("popstate", tell);
  return () => removeEventListener("popstate", tell);
}

/** The parameters that stay when one view leads to another. */
const COMMON = ["from", "to", "tz", "filter", "interval"];

/** Return the address of a view, with the range, zone and filter of the present one. */
export function linkTo(path: string, own: Record<string, string> = {}): string {
  const now = currentAddress().query;
  const query = new URLSearchParams();
  for (const name of COMMON) {
    const value = now.get(name);
    // An interval fits the view that it was chosen for.
    if (value !== null && name !== "interval") query.set(name, value);
  }
  for (const [name, value] of Object.entries(own)) query.set(name, value);
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

export function go(to: string, how: "push" | "replace" = "push"): void {
  if (to === location.pathname + location.search) return;
  if (how === "push") history.pushState(null, "", to);
  else history.replaceState(null, "", to);
  tell();
}

/** Change some parameters of the present address; `null` takes one out. */
export function setQuery(changes: Record<string, string | null>, how: "push" | "replace" = "push"): void {
  const { path, query } = currentAddress();
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) query.delete(name);
    else query.set(name, value);
  }
  const text = query.toString();
  go(text ? `${path}?${text}` : path, how);
}

export function useAddress(): Address {
  const [address, setAddress] = useState(currentAddress);
  useEffect(() => {
    const listener = () => setAddress(currentAddress());
    listeners.add(listener);
    listener();
    return () => {
      listeners.delete(listener);
    };
  }, []);
  return address;
}

/**
 * One part of a question, kept in the address under `name`: text as it is, everything else as JSON.
 * What equals the default is left out; what cannot be read is the default.
 */
export function useParameter<T>(
  name: string,
  standard: T,
): [T, (value: T, how?: "push" | "replace") => void] {
  const { query } = useAddress();
  const value = readParameter(query.get(name), standard);
  return [
    value,
    (next, how = "push") => {
      const text = writeParameter(next);
      setQuery({ [name]: text === writeParameter(standard) ? null : text }, how);
    },
  ];
}

export function writeParameter(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

export function readParameter<T>(text: string | null, standard: T): T {
  if (text === null) return standard;
  if (typeof standard === "string") return text as T;
  try {
    const value: unknown = JSON.parse(text);
    const alike =
      standard === null ||
      (typeof value === typeof standard && Array.isArray(value) === Array.isArray(standard));
    return alike && !(value === null && standard !== null) ? (value as T) : standard;
  } catch {
    return standard;
  }
}
