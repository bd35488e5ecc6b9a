/** A line without axes, as high as a word. */
import { pathOf } from "./scale";

export function Spark({ values, places, label }: { values: number[]; places: number; label: string }) {
  const most = Math.max(1, ...values);
  const first = places - values.length;
  const points = values.map((value, index): [number, number] => [
    ((first + index) / Math.max(1, places - 1)) * 120,
    27 - (value / most) * 24,
  ]);
  const last = points[points.length - 1];
  const start = points[0];
  return (
    <svg class="spark" viewBox="0 0 120 28" preserveAspectRatio="none" role="img" aria-label={label}>
      {last && start && (
        <>
          <path class="spark-fill" d={`${pathOf(points)}L${last[0]} 28L${start[0]} 28Z`} />
          <path class="spark-stroke" d={pathOf(points)} vector-effect="non-scaling-stroke" />
        </>
      )}
    </svg>
  );
}
