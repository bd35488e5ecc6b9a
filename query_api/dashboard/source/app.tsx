/** The page: where one can go at the left, the view that the address names at the right. */
import { useEffect, useState } from "preact/hooks";
import { currentKey, onKey } from "./access";
import { linkTo, useAddress } from "./address";
import { useAnswer } from "./answer";
import type { Me } from "./answers";
import { lazyPart } from "./lazy";
import { useFigures } from "./live";
import { VIEWS } from "./navigation";
import { IconButton } from "./parts/buttons";
import { FirstEvent } from "./parts/first_event";
import { KeyPrompt } from "./parts/key_prompt";
import { Link } from "./parts/link";
import { Shortcuts } from "./parts/shortcuts_dialog";
import { Sidebar } from "./parts/sidebar";
import { Skeleton } from "./parts/states";
import { toggleTheme } from "./parts/theme";
import { Toasts } from "./parts/toasts_view";
import { startShortcuts } from "./shortcuts";

const wait = <Skeleton height={480} />;
const PAGES = {
  "/": lazyPart(() => import("./pages/overview"), wait),
  "/live": lazyPart(() => import("./pages/live_events"), wait),
  "/trends": lazyPart(() => import("./pages/trends"), wait),
  "/funnels": lazyPart(() => import("./pages/funnels"), wait),
  "/retention": lazyPart(() => import("./pages/retention"), wait),
  "/paths": lazyPart(() => import("./pages/paths"), wait),
  "/sessions": lazyPart(() => import("./pages/sessions"), wait),
  "/users": lazyPart(() => import("./pages/users"), wait),
  "/cohorts": lazyPart(() => import("./pages/cohorts"), wait),
  "/dashboards": lazyPart(() => import("./pages/dashboards"), wait),
  "/sql": lazyPart(() => import("./pages/sql"), wait),
  "/rejected": lazyPart(() => import("./pages/rejected"), wait),
  "/pipeline": lazyPart(() => import("./pages/pipeline"), wait),
};
const PersonPage = lazyPart(() => import("./pages/person"), wait);
const DashboardPage = lazyPart(() => import("./pages/dashboard"), wait);
const SharedPage = lazyPart(() => import("./pages/shared"), wait);

export function App() {
  const { path } = useAddress();
  const [help, setHelp] = useState(false);
  useEffect(() => startShortcuts({ help: () => setHelp((old) => !old), theme: toggleTheme }), []);
  return (
    <>
      {path.startsWith("/shared/") ? <SharedPage /> : <Project path={path} onHelp={() => setHelp(true)} />}
      {help && <Shortcuts onClose={() => setHelp(false)} />}
      <Toasts />
    </>
  );
}

function Project({ path, onHelp }: { path: string; onHelp: () => void }) {
  const [key, setKey] = useState(currentKey);
  const [menu, setMenu] = useState(false);
  useEffect(() => onKey(() => setKey(currentKey())), []);
  useEffect(() => {
    const name = VIEWS.find((view) => view.path === path)?.title;
    document.title = name ? `${name} · SmolHog` : "SmolHog";
    setMenu(false);
    scrollTo(0, 0);
  }, [path]);
  const me = useAnswer<Me>({ path: key === null ? null : "me" });
  const { again } = me;
  const empty = me.data?.first_event === false;
  const events = useFigures().events ?? 0;
  // The first event ends the waiting by itself.
  useEffect(() => {
    if (!empty) return;
    if (events > 0) again();
    const beat = setInterval(again, 2000);
    return () => clearInterval(beat);
  }, [empty, events > 0, again]);
  if (key === null || me.error?.closed) return <KeyPrompt error={key === null ? null : me.error} />;
  return (
    <div class={menu ? "shell menu-open" : "shell"}>
      <a class="skip" href="#content">
        Skip to the content
      </a>
      <header class="top">
        <IconButton icon="menu" label="Menu" pressed={menu} onClick={() => setMenu(!menu)} />
        <Link class="brand" to={linkTo("/")}>
          SmolHog
        </Link>
      </header>
      <Sidebar
        path={path}
        project={me.data?.project_name ?? ""}
        onHelp={onHelp}
        onClose={() => setMenu(false)}
      />
      <main id="content" tabIndex={-1}>
        {empty && path === "/" ? (
          <FirstEvent project={me.data?.project_name ?? "default"} />
        ) : (
          <Page path={path} />
        )}
      </main>
    </div>
  );
}

function Page({ path }: { path: string }) {
  if (path.startsWith("/users/")) return <PersonPage />;
  if (path.startsWith("/dashboards/")) return <DashboardPage />;
  const Known = PAGES[path as keyof typeof PAGES] as (typeof PAGES)["/"] | undefined;
  if (Known) return <Known />;
  return (
    <div class="note empty">
      <h1>There is nothing at this address</h1>
      <Link class="button" to={linkTo("/")}>
        To the overview
      </Link>
    </div>
  );
}
