/** Light or dark: as the system says, until somebody chooses. */
import { forget, keep } from "../access";

export type Theme = "light" | "dark";

const KEY = "smolhog.theme";

function systemTheme(): Theme {
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

/** What `public/theme.js` made the page. */
export function currentTheme(): Theme {
  return document.documentElement.dataset.theme === "dark" ? "dark" : "light";
}

export function toggleTheme(): void {
  const next: Theme = currentTheme() === "dark" ? "light" : "dark";
  if (next === systemTheme()) forget(KEY);
  else keep(KEY, next);
  document.documentElement.dataset.theme = next;
}
