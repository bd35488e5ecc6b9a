// Runs before the first paint, so that a dark page never flashes white: light or dark as somebody chose, else as the system is.
{
  const system = matchMedia("(prefers-color-scheme: dark)");
  const show = () => {
    let chosen = null;
    try {
      chosen = localStorage.getItem("smolhog.theme");
    } catch {
      // Storage is closed to this page; then the system's theme it is.
    }
    const known = chosen === "light" || chosen === "dark";
    document.documentElement.dataset.theme = known ? chosen : system.matches ? "dark" : "light";
  };
  show();
  system.addEventListener("change", show);
}
