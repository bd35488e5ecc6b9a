import "@fontsource-variable/figtree/wght.css";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/shell.css";
import "./styles/controls.css";
import "./styles/panels.css";
import "./styles/cards.css";
import "./styles/charts.css";
import "./styles/lists.css";
import "./styles/narrow.css";
import { render } from "preact";
import { openAccess } from "./access";
import { watchAddress } from "./address";
import { App } from "./app";
import { startLive } from "./live";

openAccess();
// A key pasted into the address of an open page counts as well.
addEventListener("hashchange", () => {
  if (location.hash.includes("key=")) openAccess();
});
watchAddress();
startLive();
const page = document.getElementById("page");
if (page) render(<App />, page);
