// Runs before the first paint, so that a dark page never flashes white.
try {
  const chosen = localStorage.getItem("smolhog.theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // Storage is closed to this page; then the system's theme it is.
}
