/** Names and values: the properties of an event or a person. */
import { propertyName } from "../filters";
import { valueName } from "../formats";

interface Props {
  facts: Record<string, unknown>;
  onPick?: (property: string, value: string | number | boolean) => void;
}

export function Facts({ facts, onPick }: Props) {
  const entries = Object.entries(facts).filter(([, value]) => value !== null && value !== undefined);
  if (entries.length === 0) return <p class="faint">None</p>;
  return (
    <dl class="facts">
      {entries.map(([name, value]) => (
        <div key={name}>
          <dt title={name}>{propertyName(name)}</dt>
          <dd>
            {onPick &&
            (typeof value === "string" || typeof value === "number" || typeof value === "boolean") ? (
              <button
                type="button"
                class="fact"
                title="Filter by this value"
                onClick={() => onPick(name, value)}
              >
                {valueName(value)}
              </button>
            ) : typeof value === "object" ? (
              <code>{JSON.stringify(value)}</code>
            ) : (
              valueName(value)
            )}
          </dd>
        </div>
      ))}
    </dl>
  );
}
