/** The most frequent events of the project, the first first. */
import { useEffect, useState } from "preact/hooks";
import { eventChoices } from "./catalogue";

export function useTopEvents(): string[] | null {
  const [names, setNames] = useState<string[] | null>(null);
  useEffect(() => {
    let here = true;
    eventChoices("").then(
      (found) => here && setNames(found.map((one) => one.value)),
      () => here && setNames([]),
    );
    return () => {
      here = false;
    };
  }, []);
  return names;
}
