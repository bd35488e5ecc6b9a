/** Light or dark: as the system says, until somebody chooses. */
import { forget, keep } from "../access";

export type Theme = "light" | "dark";

const KEY = "smolhog.theme";

function systemTheme(): Theme {
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

export function currentTheme(): Theme {
  const chosen = document.documentElement.dataset.theme;
  return chosen === "light" || chosen === "dark" ? chosen : systemTheme();
}

export function toggleTheme(): void {
  const next: Theme = currentTheme() === "dark" ? "light" : "dark";
  if (next === systemTheme()) {
    forget(KEY);
    delete document.documentElement.dataset.theme;
  } else {
    keep(KEY, next);
    document.documentElement.dataset.theme = next;
  }
}
