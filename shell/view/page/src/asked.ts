// What people at prompts ask the page to show: a scan with some of its counters, counters of any scan, arrays.

import { useEffect, useSyncExternalStore } from 'react';
import { drawn, first, type Choice } from './curve';
import type { Decoded, Numbers } from './messages';
import type { Shown } from './store';

export interface Drawing {
  user: string;
  time: number; // s since 1970
  arrays: { name: string; shape: number[]; values: Numbers }[];
}

interface Asked {
  plot: { scan: string; counters: string[]; axis: string } | null;
  selection: string[];
  drawing: Drawing | null;
}

let asked: Asked = { plot: null, selection: [], drawing: null };
const listeners = new Set<() => void>();

function change(what: Partial<Asked>): void {
  asked = { ...asked, ...what };
  for (const listener of listeners) listener();
}

// Whether a message was one of these.
export function takeAsked({ header, arrays }: Decoded): boolean {
  switch (header.type) {
    case 'plot':
      change({ plot: header as unknown as Asked['plot'] });
      return true;
    case 'selection':
      change({ plot: null, selection: header.counters as string[] });
      return true;
    case 'drawing':
      change({ drawing: { user: header.user as string, time: header.time as number, arrays } });
      return true;
    default:
      return false;
  }
}

export function closeDrawing(): void {
  change({ drawing: null });
}

export function useAsked(): Asked {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => asked,
  );
}

// Goes by what was asked for whenever that changes, or another scan is looked at; what the viewer clicks counts until then.
export function useAskedChoice(shown: Shown | null, setChoice: (change: (choice: Choice | null) => Choice | null) => void): void {
  const { plot, selection } = useAsked();
  const scan = shown?.heading.scan;
  useEffect(() => {
    if (shown === null) return;
    const mine = plot !== null && plot.scan === scan ? plot : null;
    const names = new Set(drawn(shown.heading.channels).map(({ name }) => name));
    const left = (mine?.counters ?? selection).filter((name) => names.has(name));
    const over = mine !== null && names.has(mine.axis) ? mine.axis : '';
    if (left.length === 0 && over === '') return;
    setChoice((choice) => {
      const now = choice ?? first(shown);
      return { ...now, left: left.length === 0 ? now.left : left, right: [], x: over === '' ? now.x : over };
    });
  }, [scan, plot, selection]);
}
