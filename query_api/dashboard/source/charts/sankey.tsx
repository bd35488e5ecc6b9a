/** A flow in steps: who went where from where. */
import { useMemo, useState } from "preact/hooks";
import type { PathLink, PathNode } from "../answers";
import { duration, exactNumber, percent, valueName } from "../formats";
import { layoutOf, type Placed, type Ribbon } from "./sankey_layout";
import { useWidth } from "./width";

const NODE = 10;
const COLUMN_LEAST = 168;
const LABEL = 150;

interface Props {
  nodes: PathNode[];
  links: PathLink[];
  onPick: ((node: PathNode) => void) | null;
}

export default function Sankey({ nodes, links, onPick }: Props) {
  const [element, room] = useWidth(900);
  const [over, setOver] = useState<string | null>(null);
  const steps = new Set(nodes.map((node) => node.step)).size;
  const width = Math.max(room, steps * COLUMN_LEAST);
  const layout = useMemo(
    () => layoutOf(nodes, links, { width: width - LABEL, height: 380, node: NODE }),
    [nodes, links, width],
  );
  const start = nodes.filter((node) => node.step === 1).reduce((sum, node) => sum + node.people, 0);
  const touches = (ribbon: Ribbon) => over === null || ribbon.source === over || ribbon.target === over;
  return (
    <div class="sankey" ref={element} tabIndex={0} role="group" aria-label="Flow of people between steps">
      <svg width={width} height={layout.height + 8}>
        <g transform="translate(0 4)">
          {layout.ribbons.map((ribbon) => (
            <RibbonOf key={`${ribbon.source} ${ribbon.target}`} ribbon={ribbon} faint={!touches(ribbon)} />
          ))}
          {layout.nodes.map((node) => (
            <NodeOf key={node.id} node={node} start={start} onOver={setOver} onPick={onPick} />
          ))}
        </g>
      </svg>
    </div>
  );
}

function RibbonOf({ ribbon, faint }: { ribbon: Ribbon; faint: boolean }) {
  const [x1, y1] = ribbon.from;
  const [x2, y2] = ribbon.to;
  const middle = (x1 + x2) / 2;
  const names = `${ribbon.source.replace(/^\d+:/, "")} → ${ribbon.target.replace(/^\d+:/, "")}`;
  return (
    <path
      class={faint ? "ribbon ribbon-faint" : "ribbon"}
      d={`M${x1} ${y1}C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}`}
      stroke-width={ribbon.thickness}
    >
      <title>
        {names}: {exactNumber(ribbon.people)} people, median {duration(ribbon.median_seconds)}
      </title>
    </path>
  );
}

interface NodeProps {
  node: Placed;
  start: number;
  onOver: (id: string | null) => void;
  onPick: ((node: PathNode) => void) | null;
}

function NodeOf({ node, start, onOver, onPick }: NodeProps) {
  const name = valueName(node.name);
  const share = percent(node.people / Math.max(1, start));
  const pick = onPick && node.name !== "$other" ? () => onPick(node) : null;
  return (
    <g
      class="sankey-node"
      role={pick ? "button" : undefined}
      tabIndex={pick ? 0 : undefined}
      aria-label={
        pick
          ? `${name}, step ${node.step}, ${exactNumber(node.people)} people. Show paths from here.`
          : undefined
      }
      onPointerEnter={() => onOver(node.id)}
      onPointerLeave={() => onOver(null)}
      onFocus={() => onOver(node.id)}
      onBlur={() => onOver(null)}
      onClick={() => pick?.()}
      onKeyDown={(event) => {
        if (event.key === "Enter" || event.key === " ") {
          event.preventDefault();
          pick?.();
        }
      }}
    >
      <rect
        x={node.x}
        y={node.y}
        width={NODE}
        height={node.height}
        rx={2}
        style={{ color: node.name === "$other" ? "var(--line-strong)" : `var(--c${(node.step - 1) % 8})` }}
      />
      <text class="sankey-name" x={node.x + NODE + 7} y={node.y + 12}>
        {name.length > 19 ? `${name.slice(0, 18)}…` : name}
        <title>{name}</title>
      </text>
      <text class="sankey-count" x={node.x + NODE + 7} y={node.y + 27}>
        {exactNumber(node.people)} · {share}
      </text>
    </g>
  );
}
