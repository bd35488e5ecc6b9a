/** Where one can go. */
import { giveKey } from "../access";
import { linkTo } from "../address";
import mark from "../hedgehog.svg";
import { useFigures } from "../live";
import { VIEWS, type View } from "../navigation";
import { IconButton } from "./buttons";
import { Icon } from "./icon";
import { Link } from "./link";
import { Popover } from "./popover";
import { toggleTheme } from "./theme";

interface Props {
  path: string;
  project: string;
  onHelp: () => void;
  onClose: () => void;
}

const GROUPS: View["group"][] = ["", "Explore", "People", "Operate"];
const STATES = { live: "Live", polling: "Asking every 2 s", connecting: "Connecting", off: "Not connected" };

export function Sidebar({ path, project, onHelp, onClose }: Props) {
  const { state } = useFigures();
  return (
    <>
      <div class="veil" onClick={onClose} />
      <aside class="sidebar">
        <Link class="brand" to={linkTo("/")}>
          <img src={mark} alt="" width={30} height={30} />
          <span>SmolHog</span>
        </Link>
        <Popover
          class="project"
          label={`Project ${project}`}
          button={
            <>
              <span class="project-name">{project || "…"}</span>
              <Icon name="down" size={14} />
            </>
          }
        >
          {(close) => (
            <ul class="menu-list">
              <li>
                <button
                  type="button"
                  onClick={() => {
                    close();
                    giveKey(null);
                  }}
                >
                  <Icon name="key" size={15} /> Use another key
                </button>
              </li>
            </ul>
          )}
        </Popover>
        <nav aria-label="Views">
          {GROUPS.map((group) => (
            <div key={group} class="nav-group">
              {group && <p class="nav-title">{group}</p>}
              <ul>
                {VIEWS.filter((view) => view.group === group).map((view) => (
                  <li key={view.path}>
                    <Link
                      to={linkTo(view.path)}
                      current={isCurrent(view.path, path)}
                      title={`g ${view.shortcut}`}
                      onFollow={onClose}
                    >
                      <Icon name={view.icon} /> {view.title}
                    </Link>
                  </li>
                ))}
              </ul>
            </div>
          ))}
        </nav>
        <div class="sidebar-foot">
          <span class="connection">
            <i class={`live-dot ${state}`} aria-hidden="true" />
            {STATES[state]}
          </span>
          <IconButton icon="help" label="Keyboard shortcuts" onClick={onHelp} />
          <span class="to-dark">
            <IconButton icon="moon" label="Dark theme" onClick={toggleTheme} />
          </span>
          <span class="to-light">
            <IconButton icon="sun" label="Light theme" onClick={toggleTheme} />
          </span>
        </div>
      </aside>
    </>
  );
}

function isCurrent(view: string, path: string): boolean {
  return view === "/" ? path === "/" : path === view || path.startsWith(`${view}/`);
}
