/** Which keys do what. */
import { VIEWS } from "../navigation";
import { Dialog } from "./dialog";

const OTHERS: [string, string][] = [
  ["?", "This list"],
  ["f", "Filter"],
  ["d", "Range of dates"],
  ["/", "Search, or write a query"],
  ["t", "Dark or light"],
  ["Esc", "Close what is open"],
  ["← →", "Read a chart's values"],
];

export function Shortcuts({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title="Keyboard shortcuts" onClose={onClose}>
      <div class="shortcuts">
        <dl>
          {VIEWS.map((view) => (
            <div key={view.path}>
              <dt>
                <kbd>g</kbd> <kbd>{view.shortcut}</kbd>
              </dt>
              <dd>{view.title}</dd>
            </div>
          ))}
        </dl>
        <dl>
          {OTHERS.map(([keys, what]) => (
            <div key={keys}>
              <dt>
                {keys.split(" ").map((key) => (
                  <kbd key={key}>{key}</kbd>
                ))}
              </dt>
              <dd>{what}</dd>
            </div>
          ))}
        </dl>
      </div>
    </Dialog>
  );
}
