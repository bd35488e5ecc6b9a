/** Axes: where their marks stand. Pure. */

/** Round values from 0 (or below) to at least `most`, about `count` of them. */
export function ticks(least: number, most: number, count: number, wholeOnly = false): number[] {
  const low = Math.min(0, least);
  const high = Math.max(most, low + (wholeOnly ? 1 : Number.MIN_VALUE));
  const span = high - low || 1;
  let step = roundUp(span / Math.max(1, count));
  if (wholeOnly) step = Math.max(1, step);
  const first = Math.floor(low / step);
  const last = Math.ceil(high / step - 1e-9);
  // Multiplied rather than added up, so that 0.1 + 0.2 is not 0.30000000000000004.
  return Array.from({ length: last - first + 1 }, (_, index) =>
    Number(((first + index) * step).toPrecision(12)),
  );
}

function roundUp(rough: number): number {
  const magnitude = 10 ** Math.floor(Math.log10(rough));
  const digits = rough / magnitude;
  const nice = digits <= 1 ? 1 : digits <= 2 ? 2 : digits <= 2.5 ? 2.5 : digits <= 5 ? 5 : 10;
  return nice * magnitude;
}

/** Which of `count` places get a label when there is room for `room` of them: evenly, the last one being first choice. */
export function labelled(count: number, room: number): number[] {
  if (count === 0 || room < 1) return [];
  const step = Math.max(1, Math.ceil(count / room));
  const chosen: number[] = [];
  for (let index = 0; index < count; index += step) chosen.push(index);
  return chosen;
}

/** An SVG path through the points that are there; a gap where one is missing. */
export function pathOf(points: ([number, number] | null)[]): string {
  let open = false;
  return points
    .map((point) => {
      if (point === null) {
        open = false;
        return "";
      }
      const command = open ? "L" : "M";
      open = true;
      return `${command}${point[0].toFixed(1)} ${point[1].toFixed(1)}`;
    })
    .join("");
}
