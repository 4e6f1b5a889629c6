// Earlier scans that are drawn beside the one that is looked at: their points are asked of the server.

import { useEffect, useState } from 'react';
import { ask } from './connection';
import { arranged, channels, INDEX, type Choice, type Curves } from './curve';
import type { Numbers } from './messages';

const AGAIN = 1000; // ms until a scan whose points have not all come is asked for again

export interface Overlaid {
  scan: string;
  number: number;
  curves: Curves;
}

export function useOverlaid(scans: string[], choice: Choice | null): Overlaid[] {
  const [found, setFound] = useState<Overlaid[]>([]);
  const key = JSON.stringify([scans, choice]);
  useEffect(() => {
    let wanted = true;
    const kept = new Map<string, Overlaid>();
    const timers: number[] = [];
    const get = async (scan: string, choice: Choice) => {
      const again = () => timers.push(window.setTimeout(() => wanted && void get(scan, choice), AGAIN));
      try {
        const answer = await ask({ do: 'overlay', scan, channels: channels(choice) });
        if (!wanted) return;
        const columns = new Map((answer.arrays as { name: string; values: Numbers }[]).map(({ name, values }) => [name, values as Float64Array]));
        const has = (name: string) => name === '' || name === INDEX || columns.has(name);
        const fitting = { ...choice, left: choice.left.filter(has), right: choice.right.filter(has) };
        const length = columns.values().next().value?.length ?? 0;
        const x = choice.x === INDEX ? Float64Array.from({ length }, (_, n) => n) : columns.get(choice.x);
        if (x !== undefined && has(choice.divideBy)) {
          const curves = arranged(x, fitting, (name) => columns.get(name) ?? new Float64Array(0));
          kept.set(scan, { scan, number: answer.number_of_scan as number, curves });
          setFound(scans.flatMap((one) => kept.get(one) ?? []));
        }
        if (answer.over !== true) again();
      } catch {
        if (wanted) again();
      }
    };
    setFound([]);
    if (choice !== null) for (const scan of scans) void get(scan, choice);
    return () => {
      wanted = false;
      timers.forEach(clearTimeout);
    };
  }, [key]);
  return found;
}
