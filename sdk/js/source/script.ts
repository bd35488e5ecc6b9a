/** For a `<script>` tag: begins by itself if the tag has a `data-key`, and does what was called before it came. */
import { smolhog } from "./index";

type Call = [keyof typeof smolhog, unknown[]];

const page = window as { smolhog?: { calls?: Call[] } };
const calls = page.smolhog?.calls ?? [];
const tag = document.currentScript as HTMLScriptElement | null;
page.smolhog = smolhog as object;
if (tag?.dataset.key) {
  const { key, url = new URL(tag.src).origin, pageViews, optedOut } = tag.dataset;
  smolhog.init({ key, url, pageViews: pageViews !== "false", optedOut: optedOut === "true" });
}
for (const [name, args] of calls) (smolhog[name] as (...args: unknown[]) => unknown)(...args);
